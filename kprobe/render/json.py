# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The whole report as JSON, in ASCII."""

import msgspec

from kprobe.clean import ascii_json
from kprobe.report import Report


def render(report: Report, **_: object) -> str:
    """Render everything, always: who reads JSON picks for himself."""
    return ascii_json(msgspec.json.format(msgspec.json.encode(report), indent=2).decode()) + "\n"

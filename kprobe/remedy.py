# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What to do about a cause on this distribution. Pure; commands are data, and none is guessed."""

import msgspec

from kprobe.cause import Cause
from kprobe.facts import Facts


class Remedy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to do, the commands that do it (to be run on the node), and where that is documented."""

    text: str
    commands: tuple[str, ...] = ()
    source: str = ""


def remedy(cause: Cause, _facts: Facts) -> Remedy | None:
    """Return what helps against a cause; None where nothing is known that does."""
    del cause
    return None

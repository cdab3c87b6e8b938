# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The whole run under AddressSanitizer and UndefinedBehaviorSanitizer: no report, and the same answers."""

import os
from pathlib import Path

import pytest

from tests.live.engine_lib import ASAN, COLLECTOR, ask


def reports(place: Path) -> str:
    return "\n".join(path.read_text(errors="replace")[:4000] for path in sorted(place.iterdir()))


@pytest.mark.parametrize("options", [(), ("--no-autoload",), ("--intrusive", "--unload=none")])
def test_no_report(options: tuple[str, ...], tmp_path: Path) -> None:
    # A worker has no standard error: reports go to files. A report ends the worker, and so shows in the answers too.
    log = f"log_path={tmp_path}/report"
    sanitizers = {"ASAN_OPTIONS": f"detect_leaks=0:{log}", "UBSAN_OPTIONS": f"print_stacktrace=1:{log}"}
    got = ask(ASAN, *options, env=os.environ | sanitizers)
    assert not reports(tmp_path)
    assert not [p for p in got.probes if p.get("step") == "worker"]
    assert got.outcomes() == ask(COLLECTOR, *options).outcomes()

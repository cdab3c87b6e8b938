# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The manifests: what people fill in by hand stands where it may, and only there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_line_that_fills_in_a_node_changes_nothing_else() -> None:
    """`sed s/NODE/worker-1/` changes the first of each line; a variable NODE_NAME would become worker-1_NAME."""
    text = (ROOT / "deploy/job.yaml").read_text()
    assert "sed 's/NODE/worker-1/' job.yaml" in text
    filled = [line for line in text.splitlines() if not line.startswith("#") and "NODE" in line]
    assert [re.findall(r"\w*NODE\w*", line) for line in filled] == [["NODE"]] * 3

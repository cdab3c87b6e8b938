# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``python -m tests.evidence [adopt NAME…]``: takes evidence from build/matrix, writes down what all of it means."""

import sys
from pathlib import Path

from . import adopt, record

if sys.argv[1:2] == ["adopt"]:
    adopt(Path("build/matrix"), sys.argv[2:])
record()

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``python -m kprobe``."""

from kprobe.cli import main

main()

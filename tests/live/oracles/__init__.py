# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What only tests need beside ``kprobe.crosscheck``: its programs in guests, and what proves that they ask the same."""

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What is handed out: the wheel and the static collectors."""

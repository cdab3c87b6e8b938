# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Tests that ask this machine's kernel. They need root."""

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What independent programs are asked, a module for each family or program, found by listing.

A module has ``ORACLES``, and where there is need of it ``WITHOUT`` (rows or globs that no program can ask, and why) and
``REFUSED`` (regular expressions, multi-line: how its programs pass a refusal of the kernel on; see ``compare``).
"""

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Prints docs/requirements.md."""

from kprobe.requirements import load, page_markdown

print(page_markdown(load()), end="")

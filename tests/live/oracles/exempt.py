# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Rows where kprobe and a program rightly differ. An exemption that is not needed any more fails its test."""

from .compare import Exemption

EXEMPT: dict[str, Exemption] = {}

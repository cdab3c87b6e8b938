# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Packets: nobody to ask. The programs that make rules send nothing, and what they say of rules is asked elsewhere."""

from kprobe.crosscheck.model import Oracle

ORACLES: tuple[Oracle, ...] = ()

WITHOUT = {"flow.*": "no program sends the packets and counts them; the project's tests sabotage these rows instead"}

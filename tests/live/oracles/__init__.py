# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Independent programs that are asked what kprobe asks.

Data (links, routes, ipsets, xt) is apart from what runs it: ``script`` renders a POSIX shell script that also a guest
without Python can run, ``run`` runs it here, ``compare`` says where kprobe and a program differ.
"""

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A second opinion: independent programs are asked what kprobe asks, and the answers are compared.

What is asked is data: a module in ``oracles`` for each family, found by listing (``table``). ``run`` asks, each row in
namespaces of its own (``ask``, ``apart``), ``compare`` says where kprobe and a program differ.
"""

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Settings of the unit tests."""

from hypothesis import settings

# A busy machine is slow, not wrong.
settings.register_profile("kprobe", deadline=None)
settings.load_profile("kprobe")

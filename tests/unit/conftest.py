# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Settings of the unit tests."""

import os

from hypothesis import settings

# A busy machine is slow, not wrong.
settings.register_profile("kprobe", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "kprobe"))

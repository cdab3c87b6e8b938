# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The commands: each module here is one, named after it, and holds it as ``command``. Found, not registered."""

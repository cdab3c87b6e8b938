# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Coverage-guided fuzzing with atheris; run by ``make fuzz``, not by ``make test``."""

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Distribution kernels in QEMU: fetch them, make images, boot them with a script inside."""

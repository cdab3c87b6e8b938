# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Names the cffi build module; everything else is in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["csrc/build_ffi.py:ffi"])

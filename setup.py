# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Names the cffi build module and the wheel's ABI; everything else is in pyproject.toml."""

from setuptools import setup

# The extension keeps to the limited API: one wheel serves 3.11 and all that follow.
setup(cffi_modules=["csrc/build_ffi.py:ffi"], options={"bdist_wheel": {"py_limited_api": "cp311"}})

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
# What mypy may know of the cffi extension built from csrc/kprobe.h.
from typing import Final, final

@final
class CData: ...

@final
class _FFI:
    NULL: Final[CData]
    def string(self, cdata: CData) -> bytes: ...

@final
class _Lib:
    KP_NO_AUTOLOAD: Final[int]
    KP_INTRUSIVE: Final[int]
    KP_NO_FLOWS: Final[int]
    KP_UNLOAD_NONE: Final[int]
    KP_UNLOAD_ALL: Final[int]
    KP_FULL_SIZE: Final[int]
    def kp_collect(self, fd: int, select: bytes, flags: int, deadline_ms: int, /) -> int: ...
    def kp_list(self, fd: int, select: bytes, /) -> int: ...
    def kp_plan(self, fd: int, select: bytes, flags: int, /) -> int: ...
    def kp_version(self) -> CData: ...

ffi: Final[_FFI]
lib: Final[_Lib]

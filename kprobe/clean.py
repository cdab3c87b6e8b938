# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Makes text from evidence harmless: a terminal must show it, not obey it."""

import re

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def clean(text: str) -> str:
    r"""Write control characters, terminal escapes, bidi controls and the like as ``\xNN`` or ``\uNNNN``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in text)


def ascii_json(text: str) -> str:
    r"""Write what is not printable ASCII in JSON text as ``\uNNNN``, which means the same; lines stay lines."""
    return "\n".join(_UNPRINTABLE.sub(_json_escape, line) for line in text.split("\n"))


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Writes kprobe/words.txt: every word that kprobe may write into evidence, so that no other passes kprobe.redact.

From the string literals of the collector and of what asks endpoints, the profiles, and tools/words.txt: what kernels,
distributions and drivers are called and say, kept by hand.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_NAMED = re.compile(r"\b[A-Z]{1,2}\((\w+)\)")
"""Names in the lists that macros make strings of, such as ``H(map_lookup_elem)``."""
_INCLUDE = re.compile(r"^\s*#\s*include.*$", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z]{2,}")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def texts() -> Iterator[str]:
    """Yield all texts whose words may pass."""
    for source in sorted((ROOT / "csrc").rglob("*.[ch]")):
        for literal in _LITERAL.findall(_INCLUDE.sub("", source.read_text())):
            yield re.sub(r"\\[a-z]", " ", literal)
        yield from _NAMED.findall(source.read_text())
    for name in ("given", "reach"):
        yield from _LITERAL.findall((ROOT / f"kprobe/{name}.py").read_text())
    for profile in sorted((ROOT / "kprobe/profiles").glob("*.toml")):
        yield from re.findall(r'row = "([^"]*)"', profile.read_text())
    yield (ROOT / "tools/words.txt").read_text()


def words() -> set[str]:
    """Return the words, in lower case."""
    found = {word for text in texts() for word in _WORD.findall(text)}
    return {word.lower() for word in found} | {part.lower() for word in found for part in _CAMEL.findall(word)}


if __name__ == "__main__":
    sys.stdout.write("".join(f"{word}\n" for word in sorted(words()) if len(word) > 1))

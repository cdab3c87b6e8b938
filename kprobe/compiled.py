# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The profiles that come with kprobe, taken apart when it is built: reading TOML takes longer than judging a node.

``python -m kprobe.compiled`` writes NAME.msgpack beside each NAME.toml. What is written counts only for the very text
that it was made from, and for this version of its form; else, and where there is none, the TOML is read.
"""

import zlib
from pathlib import Path

import msgspec

from kprobe.profile import Group, Mode, Need, Profile

FORM = 1
"""Raise it when what a profile means changes, and with it what is written."""


class _Mode(msgspec.Struct, frozen=True, array_like=True):
    name: str
    title: str
    group: str
    releases: str
    needs: tuple[int, ...]


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    form: int
    size: int
    crc: int
    name: str
    title: str
    releases: tuple[str, ...]
    groups: tuple[Group, ...]
    needs: tuple[Need, ...]
    modes: tuple[_Mode, ...]


def pack(profile: Profile, text: bytes) -> bytes:
    """Write a profile, with each need once, for the text that it was made from."""
    needs = tuple(dict.fromkeys(need for mode in profile.modes for need in mode.needs))
    number = {need: place for place, need in enumerate(needs)}
    packed = _Packed(
        form=FORM,
        size=len(text),
        crc=zlib.crc32(text),
        name=profile.name,
        title=profile.title,
        releases=profile.releases,
        groups=profile.groups,
        needs=needs,
        modes=tuple(
            _Mode(mode.name, mode.title, mode.group, mode.releases, tuple(number[need] for need in mode.needs))
            for mode in profile.modes
        ),
    )
    return msgspec.msgpack.encode(packed)


def unpack(data: bytes, text: bytes) -> Profile | None:
    """Return the profile, or None where it was made from another text, or by another kprobe."""
    try:
        packed = msgspec.msgpack.decode(data, type=_Packed)
        if (packed.form, packed.size, packed.crc) != (FORM, len(text), zlib.crc32(text)):
            return None
        modes = tuple(
            Mode(
                name=mode.name,
                title=mode.title,
                group=mode.group,
                needs=tuple(packed.needs[number] for number in mode.needs),
                releases=mode.releases,
            )
            for mode in packed.modes
        )
    except (msgspec.DecodeError, IndexError):
        return None
    return Profile(name=packed.name, title=packed.title, releases=packed.releases, groups=packed.groups, modes=modes)


def main() -> None:
    """Compile the profiles of this package."""
    from kprobe import profile

    folder = Path(__file__).parent / "profiles"
    for toml in sorted(folder.glob("*.toml")):
        text = toml.read_bytes()
        toml.with_suffix(".msgpack").write_bytes(pack(profile.parse(text.decode(), str(toml)), text))


if __name__ == "__main__":
    main()

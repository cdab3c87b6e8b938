# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""How NetworkManager merges its configuration, and whom its device lists match.

Source: NetworkManager.conf(5), and the behaviour of NetworkManager 1.42 (`--print-config`), with which
tests/live/test_networkmanager.py compares every case of its corpus.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

LIB, RUN, ETC = "/usr/lib/NetworkManager/conf.d/", "/run/NetworkManager/conf.d/", "/etc/NetworkManager/conf.d/"
MAIN = "/etc/NetworkManager/NetworkManager.conf"
INTERN = "/var/lib/NetworkManager/NetworkManager-intern.conf"

YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
LISTS = ("unmanaged-devices", "match-device")

Groups = dict[str, dict[str, str]]


class Subject(NamedTuple):
    """A device as a list may match it. Of a device that is yet to come nobody knows the address."""

    name: str
    types: tuple[str, ...]
    driver: str


def parse(lines: Iterable[str]) -> Groups:
    """Read one file's lines: the last of two keys wins, two sections of one name are one."""
    groups: Groups = {}
    group: dict[str, str] = {}
    for line in lines:
        if line.startswith("["):
            group = groups.setdefault(line[1:].partition("]")[0], {})
        elif "=" in line:
            key, _, value = line.partition("=")
            group[key.rstrip()] = value.lstrip()
    return groups


def in_order(paths: Iterable[str]) -> list[str]:
    """Sort the files as they are read; one whose name is taken in a later directory is not read at all."""
    found = list(paths)
    taken: set[str] = set()
    order: list[str] = []
    for place in (ETC, MAIN, RUN, LIB):
        here = sorted(path for path in found if (path == MAIN if place == MAIN else path.startswith(place)))
        order = [path for path in here if place == MAIN or path.rpartition("/")[2] not in taken] + order
        if place != MAIN:
            taken |= {path.rpartition("/")[2] for path in here}
    return order


def boolean(value: str) -> bool | None:
    """Return what the word means; None where it is no boolean."""
    word = value.strip().lower()
    return True if word in YES else False if word in NO else None


def enabled(groups: Groups) -> bool | None:
    """Whether a file's [.config] lets it be read; None where that depends on the version or the environment."""
    value = groups.get(".config", {}).get("enable")
    if value is None:
        return True
    if (plain := boolean(value)) is not None:
        return plain
    return None if split(value) else False


def merge(files: Mapping[str, Iterable[str]], skipped: Iterable[str] = ()) -> Groups:
    """Merge all files but those ``skipped``; [device…] sections then go from the highest priority down."""
    merged: Groups = {}
    without = set(skipped)
    for path in in_order(files):
        groups = parse(files[path])
        if path != MAIN and (path in without or enabled(groups) is False):
            continue
        # Within a file the first section goes first, across files the last: each file's are put in backwards here, and
        # all are turned around at the end.
        devices = [name for name in groups if name.startswith("device")]
        others = [name for name in groups if not name.startswith(("device", ".config"))]
        for name in (*others, *reversed(devices)):
            _merge_group(merged, name, groups[name])
    for name, group in parse(files.get(INTERN, ())).items():
        _merge_intern(merged, name, group)
    devices = [name for name in reversed(merged) if name.startswith("device") and name != "device"]
    if "device" in merged:
        devices.append("device")
    return {name: merged[name] for name in (*(n for n in merged if not n.startswith("device")), *devices)}


def _merge_group(merged: Groups, name: str, group: Mapping[str, str]) -> None:
    for key, value in group.items():
        if key.startswith((".set.", ".was.")):
            continue
        base, sign = (key[:-1], key[-1]) if key[-1:] in {"+", "-"} and len(key) > 1 else (key, "")
        if not sign:
            merged.setdefault(name, {})[key] = value
        elif base in LISTS:
            old = split(merged.get(name, {}).get(base, ""))
            new = split(value)
            kept = [item for item in old if sign == "+" or item not in new]
            added = [item for item in new if item not in old] if sign == "+" else []
            merged.setdefault(name, {})[base] = join([*kept, *added])


def _merge_intern(merged: Groups, name: str, group: Mapping[str, str]) -> None:
    """NetworkManager's own file changes a key as long as the user's value is the one it was written over."""
    for key, value in group.items():
        base = key.removeprefix(".set.")
        if base != key and group.get(f".was.{base}") == merged.get(name, {}).get(base):
            merged.setdefault(name, {})[base] = value


def split(value: str) -> list[str]:
    """Split a device list at its commas and semicolons; a backslash takes their meaning away."""
    return list(_split(value))


@lru_cache(256)
def _split(value: str) -> tuple[str, ...]:
    found: list[str] = []
    for part in re.findall(r"(?:\\.|[^,;\\]|\\$)+", value):
        text = re.sub(r"^[ \t\n\r\f]+", "", part)
        text = re.sub(r"(?<!\\)((?:\\\\)*)[ \t\n\r\f]+$", r"\1", text)
        if text:
            found.append(re.sub(r"\\(.)", lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), text))
    return tuple(found)


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "s": " "}


def join(specs: Iterable[str]) -> str:
    """Undo split()."""
    return ",".join(re.sub(r"^\s|\s$", r"\\s", re.sub(r"([,;\\])", r"\\\1", spec)) for spec in specs)


def matches(value: str, subject: Subject) -> bool:
    """Whether a device list matches. One of exceptions alone matches all but those."""
    specs = split(value)
    if any(_one(spec.removeprefix("except:"), subject, literal=False) for spec in specs if spec.startswith("except:")):
        return False
    positive = [spec for spec in specs if not spec.startswith("except:")]
    if not positive:
        return bool(specs)
    return any(_one(spec, subject, literal=True) for spec in positive)


def _one(spec: str, subject: Subject, *, literal: bool) -> bool:
    """Whether one item matches; ``literal``: a bare name may be meant."""
    tag, colon, rest = spec.partition(":")
    if spec == "*":
        return True
    if colon and tag == "interface-name":
        if rest.startswith("="):
            return rest[1:] == subject.name
        pattern = rest.removeprefix("~")
        return pattern == subject.name or glob(pattern, subject.name)
    if colon and tag == "type":
        return rest in subject.types
    if colon and tag == "driver":
        name, _, version = rest.partition("/")
        return name == subject.driver and version in {"", "*"}
    return literal and spec == subject.name


def glob(pattern: str, text: str) -> bool:
    """Match with * and ? and nothing else."""
    return _pattern(pattern).fullmatch(text) is not None


@lru_cache(256)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.DOTALL)


def managed(groups: Groups, subject: Subject) -> tuple[bool, str]:
    """Whether NetworkManager would manage the device, and what says so; udev's rules and D-Bus are not looked at."""
    unmanaged = groups.get("keyfile", {}).get("unmanaged-devices", "")
    if matches(unmanaged, subject):
        return False, "[keyfile] unmanaged-devices"
    for name, group in groups.items():
        if not name.startswith("device"):
            continue
        if "match-device" in group and not matches(group["match-device"], subject):
            continue
        answer = boolean(group["managed"]) if "managed" in group else None
        if answer is not None:
            return answer, f"[{name}] managed={group['managed']}"
        if boolean(group.get("stop-match", "")):
            break
    return True, "nothing in its configuration keeps it away"

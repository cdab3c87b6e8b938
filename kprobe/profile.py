# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Profiles: what a product needs from the kernel, and why. The file format is described in docs/profiles.md."""

import pkgutil
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import msgspec

from kprobe import expr
from kprobe.errors import InputError, nearest

Level = Literal["require", "recommend"]
Rule = Literal["any", "all", "none"]

S = TypeVar("S", bound=msgspec.Struct)
MIN_LOG = 12


class Need(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that a mode asks of the kernel: an expression over row ids, how badly, and why.

    ``flow`` is a second expression, over rows that send packets: what ``row`` says is there must also do its job.
    """

    row: str
    level: Level
    why: str
    source: str
    flow: str = ""
    lost: str = ""
    avoid: str = ""
    releases: str = ""
    logs: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of all rows that this need names, each once."""
        rows = expr.names(self.row)
        return tuple(dict.fromkeys((*rows, *expr.names(self.flow)))) if self.flow else rows


class Mode(msgspec.Struct, frozen=True, kw_only=True):
    """One way to run the product, with all its needs: included ones resolved, placeholders filled in."""

    name: str
    title: str
    group: str
    needs: tuple[Need, ...]
    releases: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Modes that a node chooses from. ``any``: one must pass; ``all``: each must; ``none``: for information."""

    name: str
    title: str
    rule: Rule


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A product. ``releases`` are those that the profile was checked against, oldest first."""

    name: str
    title: str
    releases: tuple[str, ...]
    groups: tuple[Group, ...]
    modes: tuple[Mode, ...]


class _Head(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    title: str
    releases: tuple[str, ...]
    group: dict[str, dict[str, Any]]
    mode: dict[str, dict[str, Any]]
    part: dict[str, dict[str, Any]] = {}


class _Part(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Needs that modes share."""

    includes: tuple[str, ...] = ()
    set: dict[str, str] = {}
    releases: str = ""
    needs: list[dict[str, Any]] = []


class _Mode(_Part, kw_only=True, forbid_unknown_fields=True):
    title: str
    group: str


class _Lines:
    """In which line of a profile each table stands, and each need (TOML keeps a need on one line)."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self.last = 1
        self.tables: dict[tuple[str, str], list[int]] = {}
        table: list[int] = []
        for self.last, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.match(line):
                table = self.tables.setdefault((header[1], header[2].strip("\"'")), [self.last])
            elif _NEED.match(line):
                table.append(self.last)

    def at(self, kind: str = "", name: str = "", need: int = -1) -> str:
        """Return ``file:line`` of a table, or of the need with that number in it."""
        table = self.tables.get((kind, name), [1])
        return f"{self.where}:{table[need + 1] if need + 1 < len(table) else table[0]}"


_HEADER = re.compile(r"\s*\[\s*(\w+)\s*\.\s*([^\]\s]+)\s*\]")
_NEED = re.compile(r"\s*(needs\s*=\s*\[\s*)?\{")
_TODO = "see docs/profiles.md"
_CONDITION = re.compile(r"\s*(>=|<=|==|<|>)\s*(\d+(?:\.\d+)*)\s*")


def _order(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split("."))


def holds(releases: str, release: str) -> bool:
    """Whether ``release`` is one of ``releases``, as in ``>=3.30, <3.32``; an empty condition holds for all."""
    conditions = [_CONDITION.fullmatch(part) for part in releases.split(",")] if releases else []
    found = True
    for condition in conditions:
        if condition is None:
            raise ValueError(releases)
        have, bound = _order(release), _order(condition[2])
        found &= {">=": have >= bound, "<=": have <= bound, "==": have == bound, "<": have < bound, ">": have > bound}[
            condition[1]
        ]
    return found


def parse(text: str, where: str) -> Profile:
    """Read the text of a profile; ``where`` names it in errors."""
    import tomllib  # late: profiles that come with kprobe are compiled

    at = _Lines(text, where)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        place = f"{where}:{line[1] if line else at.last}"
        raise InputError(f"not TOML: {error}", place, _TODO) from error
    except RecursionError as error:
        raise InputError("nested too deeply", at.at(), _TODO) from error
    head = _convert(raw, _Head, at.at())
    if not head.releases or not all(re.fullmatch(r"\d+(\.\d+)*", release) for release in head.releases):
        raise InputError("releases is no list of numbers like 3.31", at.at(), _TODO)
    groups = tuple(_convert({"name": name, **group}, Group, at.at("group", name)) for name, group in head.group.items())
    parts: dict[str, _Part] = {name: _convert(part, _Part, at.at("part", name)) for name, part in head.part.items()}
    modes = {name: _convert(mode, _Mode, at.at("mode", name)) for name, mode in head.mode.items()}
    if both := parts.keys() & modes.keys():
        raise InputError(f"{min(both)} is a part and a mode", at.at("mode", min(both)), "rename one of them")
    book = parts | modes
    names = {group.name for group in groups}
    for name, table in modes.items():
        if table.group not in names:
            todo = nearest(table.group, names, "declare it")
            raise InputError(f"no group {table.group!r}", at.at("mode", name), todo)
    for group in groups:
        if all(table.group != group.name for table in modes.values()):
            raise InputError(f"no mode is in group {group.name}", at.at("group", group.name), "add one or remove it")
    for name, table in modes.items():
        _check_releases(table.releases, at.at("mode", name))
    shared: dict[Need, Need] = {}  # modes that need the same share it
    resolved = tuple(
        Mode(
            name=name,
            title=table.title,
            group=table.group,
            needs=tuple(shared.setdefault(need, need) for need in _unique(_needs(name, book, {}, (), at))),
            releases=table.releases,
        )
        for name, table in modes.items()
    )
    for mode in resolved:
        for release in head.releases:
            if holds(mode.releases, release) and not any(holds(need.releases, release) for need in mode.needs):
                where = at.at("mode", mode.name)
                raise InputError(f"mode {mode.name} needs nothing in release {release}", where, "add a need")
    return Profile(name=head.name, title=head.title, releases=head.releases, groups=groups, modes=resolved)


def _convert(raw: object, to: type[S], where: str) -> S:
    """Check one table against its type; a misspelt key gets the nearest one proposed."""
    try:
        return msgspec.convert(raw, to)
    except msgspec.ValidationError as error:
        raise InputError(str(error), where, _nearest(str(error), to)) from error


def _nearest(error: str, to: type[msgspec.Struct]) -> str:
    """Return the key or the word that was meant, as far as the words of an error tell."""
    if unknown := re.search(r"unknown field `([^`]*)`", error):
        return nearest(unknown[1], to.__struct_fields__, _TODO)
    if wrong := re.search(r"Invalid enum value '([^']*)' - at `\$\.(\w+)`", error):
        words = next((get_args(field.type) for field in msgspec.structs.fields(to) if field.name == wrong[2]), ())
        return nearest(wrong[1], words, f"there are {', '.join(words)}")
    return _TODO


def _needs(
    name: str, book: Mapping[str, _Part], filled: Mapping[str, str], path: tuple[str, ...], at: _Lines
) -> Iterator[Need]:
    """Yield the needs of a mode or part itself, then those of what it includes, with placeholders filled in."""
    table = book[name]
    kind = "mode" if isinstance(table, _Mode) else "part"
    here = at.at(kind, name)
    if name in path:
        raise InputError(f"{' includes '.join((*path, name))}", here, "break the circle")
    fill = {**filled, **table.set}
    for number, raw in enumerate(table.needs):
        yield _need(raw, table, fill, at.at(kind, name, number))
    for included in table.includes:
        if included not in book:
            raise InputError(f"no mode or part {included!r}", here, nearest(included, book, "declare it"))
        yield from _needs(included, book, fill, (*path, name), at)


def _need(raw: Mapping[str, Any], table: _Part, fill: Mapping[str, str], where: str) -> Need:
    need = _convert(raw, Need, where)
    try:
        row, flow = (
            re.sub(r"\{(\w+)\}", lambda placeholder: fill[placeholder[1]], text) for text in (need.row, need.flow)
        )
    except KeyError as missing:
        todo = nearest(str(missing.args[0]), fill, "set it in the mode: set = { … }")
        raise InputError(f"nothing fills {{{missing.args[0]}}}", where, todo) from missing
    releases = need.releases or table.releases
    for text in filter(None, (row, flow)):
        try:
            expr.parse(text)
        except expr.ExprError as error:
            raise InputError(f"{text!r}: {error}", where, "write ids joined by and, or, ( )") from error
    _check_releases(releases, where)
    for pattern in need.logs:
        if len(pattern.replace("*", "")) < MIN_LOG:
            todo = f"write at least {MIN_LOG} characters of the line; * stands for anything"
            raise InputError(f"the log line {pattern!r} is too short to mean something", where, todo)
    return msgspec.structs.replace(need, row=row, flow=flow, releases=releases)


def _check_releases(releases: str, where: str) -> None:
    try:
        holds(releases, "0")
    except ValueError as error:
        raise InputError(f"releases {releases!r}", where, 'write conditions like ">=3.30, <3.32"') from error


def _unique(needs: Iterator[Need]) -> Iterator[Need]:
    """Drop a need that comes twice by way of two includes."""
    seen: set[Need] = set()
    for need in needs:
        if need not in seen:
            seen.add(need)
            yield need


def check_ids(profile: Profile, text: str, where: str, known: Collection[str]) -> None:
    """Refuse a need that names a row which the catalogue does not have."""
    for mode in profile.modes:
        for need in mode.needs:
            for name in need.names:
                if name not in known:
                    todo = nearest(name, known, "`kprobe probes` lists the ids")
                    raise InputError(f"mode {mode.name} needs {name}, which no row has", _find(text, where, name), todo)


def _find(text: str, where: str, name: str) -> str:
    """Return ``file:line`` of an id, be it written with a placeholder."""
    for number, line in enumerate(text.splitlines(), 1):
        for written in re.findall(r"[^\s()\"']+", line):
            pattern = ".+".join(map(re.escape, re.split(r"\{\w+\}", written)))
            if "." in written and re.fullmatch(pattern, name):
                return f"{where}:{number}"
    return where


def bundled() -> tuple[str, ...]:
    """Return the names of the profiles that come with kprobe."""
    from importlib import resources

    files = (resources.files("kprobe") / "profiles").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def is_file(name: str) -> bool:
    """Whether a name given by the user means a file rather than a bundled profile."""
    return "/" in name or name.endswith(".toml")


def text_of(name: str) -> tuple[str, str]:
    """Return the text of a bundled profile or of a file, and what to call it in errors."""
    try:
        if is_file(name):
            return Path(name).read_text(encoding="utf-8"), name
        data = pkgutil.get_data("kprobe", f"profiles/{name}.toml")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 (byte {error.start})", f"{name}:1", _TODO) from error
    except OSError as error:
        if is_file(name):
            raise InputError(error.strerror or str(error), name, "name a readable file or a bundled profile") from error
        known = bundled()
        todo = nearest(name, known, f"there are {', '.join(known)}; a file needs a / or .toml")
        raise InputError("no such profile", name, todo) from error
    return (data or b"").decode(), f"kprobe/profiles/{name}.toml"


def load(name: str, known: Collection[str] = ()) -> Profile:
    """Read a bundled profile or a file. With ``known`` ids (the catalogue), a need of any other id is an error."""
    text, where = text_of(name)
    profile = (None if is_file(name) else _compiled(name, text)) or parse(text, where)
    if known:
        check_ids(profile, text, where, known)
    return profile


def _compiled(name: str, text: str) -> Profile | None:
    """Return what ``make build`` made of a profile; None where there is nothing, or it is of another text."""
    from kprobe.compiled import unpack

    try:
        data = pkgutil.get_data("kprobe", f"profiles/{name}.msgpack") or b""
    except OSError:
        return None
    return unpack(data, text.encode())

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The catalogue, a plan, one row and a profile, as text. Pure."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kprobe import inventory
from kprobe.clean import clean
from kprobe.evidence import Row
from kprobe.profile import Mode, Need, Profile

MANY = 6
LISTENING = (
    "where auditing is on, a record (EVENT_LISTENER) when it begins to listen to the audit trail, and one when it ends",
    "the run itself",
)


def list_text(rows: Sequence[Row]) -> str:
    """One line a row: id and title."""
    return _text(_columns((row.id, row.title) for row in rows))


def questions_text(rows: Sequence[Row]) -> str:
    """One line a row, and one for each question that an inventory among them asks."""
    inside: dict[str, list[tuple[str, str]]] = {}
    known = {row.id for row in rows}
    for bit in inventory.bits(rows):
        inside.setdefault(bit.row.id, []).append((bit.id, f"{bit.name}, bit {bit.number} of {bit.detail}"))
    pairs = ((row.id, row.title) for row in rows)
    return _text(
        _columns(p for pair in pairs for p in (pair, *(i for i in inside.get(pair[0], ()) if i[0] not in known)))
    )


def plan_text(rows: Sequence[Row]) -> str:
    """Say what a run would ask, what it may load and cause, and what it would leave out."""
    tried = [row for row in rows if row.tried is not False]
    loads = dict.fromkeys(module for row in tried for module in row.would_load)
    lines = [f"A run would ask {len(tried)} of {len(rows)} rows."]
    lines.append(f"Modules that it may load: {', '.join(loads) or 'none'}")
    lines += _section("What the kernel may make on this host when it loads them", _by(tried, "host", loading=True))
    lines += _section("What it may write into the kernel log or the audit trail", [LISTENING, *_by(tried, "records")])
    lines += _section("What carries a risk", _by(tried, "risk"))
    lines += _section("What it would leave out", _by([row for row in rows if row.tried is False], "reason"))
    return _text(lines)


def _by(rows: Iterable[Row], field: str, *, loading: bool = False) -> Iterator[tuple[str, str]]:
    """Yield each text that rows have in a field, with the rows that share it."""
    shared: dict[str, list[Row]] = {}
    for row in rows:
        if (text := getattr(row, field)) and (row.would_load or not loading):
            shared.setdefault(text, []).append(row)
    return ((text, _names(found)) for text, found in shared.items())


def _names(rows: Sequence[Row]) -> str:
    """Ids, or where there are many, how many of which families."""
    if len(rows) <= MANY:
        return ", ".join(row.id for row in rows)
    return ", ".join(f"{count} of {family}" for family, count in Counter(row.family for row in rows).items())


def _section(title: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
    found = [f"  {text}: {ids}" for text, ids in pairs]
    return ["", title, *found] if found else []


def explain_text(row: Row, profiles: Iterable[Profile], bit: inventory.Bit | None = None) -> str:
    """All that is known of one row, and who needs it. ``bit``: where an inventory asks the same."""
    facts = (
        ("asks", row.asks),
        ("proves", row.proves),
        *row.errnos.items(),
        ("after", ", ".join(row.needs)),
        ("control", row.control),
        ("modules", ", ".join(row.modules)),
        ("kconfig", ", ".join(row.kconfig)),
        ("since", f"Linux {row.since}" if row.since else ""),
        ("on the host", row.host),
        ("may log", row.records),
        ("risk", row.risk),
        ("also", f"bit {bit.number} of detail.{bit.detail} of {bit.row.id}" if bit else ""),
        ("memory", f"{row.mib} MiB for a moment: only with --full-size" if row.mib else ""),
    )
    lines = [f"{row.id}: {row.title}", *_columns((name, text) for name, text in facts if text)]
    for detail, names in row.bits.items():
        asked = [name for name in names if name != inventory.NOBODY]
        lines += ["", f"{len(asked)} {detail} are asked about; `kprobe explain {row.id}.NAME` explains one"]
        lines += textwrap.wrap(", ".join(asked), 100, initial_indent="  ", subsequent_indent="  ")
    users = [line for profile in profiles for line in _users(profile, row.id)]
    return _text([*lines, "", "Needed by", *users] if users else [*lines, "", "No profile needs it."])


def explain_bit_text(bit: inventory.Bit, rows: Iterable[Row]) -> str:
    """Say of a question of an inventory how it is asked, how it is answered, and what else is asked about it."""
    others = [row.id for row in rows if row.id.endswith(f".{bit.name}") and row.family == bit.row.family]
    facts = (
        ("asked by", f"{bit.row.id}: {bit.row.title}"),
        ("answered in", f"bit {bit.number} of detail.{bit.detail} of that row"),
        ("asks", bit.row.asks),
        ("proves", bit.row.proves),
        ("after", ", ".join(bit.row.needs)),
        ("kconfig", ", ".join(bit.row.kconfig)),
        ("called by", ", ".join(others)),
    )
    lines = [f"{bit.id}: one of the {bit.detail} that {bit.row.id} asks about"]
    lines += _columns((name, text) for name, text in facts if text)
    return _text([*lines, "", "No profile needs it: needs name rows, and this is a bit of one."])


def _users(profile: Profile, name: str) -> Iterator[str]:
    """Yield who needs a row: modes that need it for the same reason stand together."""
    alike: dict[tuple[str, str], tuple[Need, list[str]]] = {}
    for mode in profile.modes:
        for need in mode.needs:
            if name in need.names:
                alike.setdefault((need.level, need.why), (need, []))[1].append(mode.name)
    for need, modes in alike.values():
        yield f"  {profile.name} ({', '.join(modes)}): {need.level}"
        yield from _reasons(need, name)


def _reasons(need: Need, name: str = "") -> Iterator[str]:
    yield f"    why: {need.why}"
    if need.row != name:
        yield f"    row: {need.row}"
    if need.flow and need.flow != name:
        yield f"    proved by packets: {need.flow}"
    for title, text in (
        ("lost without it", need.lost),
        ("to do without", need.avoid),
        *(("in the log", pattern) for pattern in need.logs),
    ):
        if text:
            yield f"    {title}: {text}"
    yield f"    source: {need.source}"
    if need.releases:
        yield f"    releases: {need.releases}"


def profile_text(profile: Profile, *, with_needs: bool) -> str:
    """Show a profile's groups and modes, and on demand each need."""
    lines = [f"{profile.name}: {profile.title} {', '.join(profile.releases)}"]
    for group in profile.groups:
        lines.append(f"  {group.title} ({group.rule})")
        for mode in profile.modes:
            if mode.group == group.name:
                lines.append(f"    {mode.name}: {mode.title}, {len(mode.needs)} needs")
                lines += _needs(mode) if with_needs else ()
    return _text(lines)


def _needs(mode: Mode) -> Iterator[str]:
    for need in mode.needs:
        yield f"      {need.level} {need.row}"
        yield from (f"    {line}" for line in _reasons(need, need.row))


def _columns(pairs: Iterable[tuple[str, str]]) -> list[str]:
    found = list(pairs)
    width = max((len(left) for left, _ in found), default=0)
    return [f"  {left:<{width}}  {right}" for left, right in found]


def _text(lines: Iterable[str]) -> str:
    return "".join(clean(line).rstrip() + "\n" for line in lines)

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The evidence of one run: typed records, the one NDJSON reader, a writer, and the JSON Schema.

The format is described in docs/evidence-format.md. A reader ignores fields and record types that it does not know,
refuses everything else that is not as described, and takes a stream that was cut for what it is: incomplete.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, BinaryIO, Literal, TypeVar

import msgspec

from kprobe.errors import InputError

FORMAT = 1
MAX_LINE = 64 * 1024
MAX_STREAM = 4 * 1024 * 1024
MAX_RECORDS = 20_000
MAX_VALUE_DEPTH = 3
MAX_PAGE = 16 * 1024 * 1024  # the largest page that is searched for evidence, in bytes

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Errno = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Strings = tuple[str, ...]
Outcome = Literal["works", "absent", "denied", "broken", "unknown"]
Control = Literal["", "positive", "negative"]


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all that stands in a stream: immutable, and what is empty is left out."""


class Uname(Part, frozen=True, kw_only=True):
    """What uname(2) says."""

    sysname: str = ""
    nodename: str = ""
    release: str = ""
    version: str = ""
    machine: str = ""


class Caps(Part, frozen=True, kw_only=True):
    """Capability sets of the collector, 16 hex digits each."""

    effective: str = ""
    bounding: str = ""


class Left(Part, frozen=True, kw_only=True):
    """A module that the run brought and left loaded, why, and the command that removes it."""

    module: str
    command: str = ""
    reason: str = ""


class Log(Part, frozen=True, kw_only=True):
    """The kernel log while the run lasted: lines, whoever caused them, and those that such runs cause."""

    lines: Count = 0
    warnings: Count = 0
    lost: bool = False
    said: Strings = ()
    error: str = ""


class Begin(Part, frozen=True, kw_only=True, tag_field="type", tag="begin"):
    """First line: the collector, the node, and the rows in the order in which each family runs them."""

    format: int
    uid: int
    seccomp: Annotated[int, msgspec.Meta(ge=-1, le=2)]
    version: str = ""
    time: str = ""
    uname: Uname = Uname()
    caps: Caps = Caps()
    sandbox: Literal["", "root", "userns", "none"] = ""
    flags: Strings = ()
    select: str = ""
    deadline_ms: Count = 0
    plan: Mapping[str, Strings] = {}


class Fact(Part, frozen=True, kw_only=True, tag_field="type", tag="fact"):
    """What one source on the node says. Facts explain; they never decide."""

    id: str
    source: str = ""
    value: Any = None
    error: str = ""


class Probe(Part, frozen=True, kw_only=True, tag_field="type", tag="probe", gc=False):
    """What the kernel answered to one row."""

    # In the order in which the collector writes it: the decoder looks for each name from the one before on.
    seq: Count
    worker: Count
    family: str = ""
    id: str
    title: str = ""
    modules: Strings = ()
    kconfig: Strings = ()
    since: str = ""
    control: Control = ""
    needs: Strings = ()
    outcome: Outcome
    step: str = ""
    errno: Errno = 0
    error: str = ""
    extack: str = ""
    reason: str = ""
    detail: Mapping[str, str] = {}
    log: Strings = ()
    loaded: Strings = ()
    taint: Count = 0
    ns: Count


class End(Part, frozen=True, kw_only=True, tag_field="type", tag="end"):
    """Last line: the module ledger and what the collector found too much when it checked itself."""

    rows: Count
    ns: Count
    loaded: Strings = ()
    unloaded: Strings = ()
    left: tuple[Left, ...] = ()
    leaks: Mapping[str, int] = {}
    log: Log = Log()
    audit: Mapping[str, Count | bool | str] = {}


class Row(Part, frozen=True, kw_only=True, tag_field="type", tag="row"):
    """One row of the catalogue or of a plan. Not evidence."""

    # As Probe has them; a base of both would put them before Probe's seq and worker, which the collector writes first.
    family: str = ""
    id: str
    title: str = ""
    modules: Strings = ()
    kconfig: Strings = ()
    since: str = ""
    control: Control = ""
    needs: Strings = ()
    asks: str = ""
    proves: str = ""
    errnos: Mapping[str, str] = {}
    host: str = ""
    records: str = ""
    risk: str = ""
    mib: Count = 0
    bits: Mapping[str, Strings] = {}
    would_load: Strings = ()
    tried: bool | None = None
    reason: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One stream, read and checked. ``source`` names the file; ``torn`` says that its last line was cut."""

    source: str
    begin: Begin
    facts: tuple[Fact, ...] = ()
    probes: tuple[Probe, ...] = ()
    end: End | None = None
    torn: bool = False

    @cached_property
    def answers(self) -> Mapping[str, Probe]:
        """The rows by id."""
        return {probe.id: probe for probe in self.probes}

    @property
    def incomplete(self) -> bool:
        """Whether the stream was cut, or lines were taken out of it."""
        return self.end is None or self.torn or self.end.rows != len(self.probes)

    @property
    def running(self) -> str | None:
        """The row that ran when the stream was cut: the first planned one without an answer."""
        if self.end is not None:
            return None
        return next((row for rows in self.begin.plan.values() for row in rows if row not in self.answers), None)


T = TypeVar("T", Fact, Probe)
Record = Begin | Fact | Probe | End | Row
RECORDS = {"begin": Begin, "fact": Fact, "probe": Probe, "end": End, "row": Row}


class _Kind(msgspec.Struct):
    type: str


DECODER: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
_KIND = msgspec.json.Decoder(_Kind)

_AGAIN = "collect the evidence again, or remove this line if something else wrote it"


def _record(line: bytes, where: str) -> Record | None:
    """Decode one line; None for a record type that this version does not know."""
    try:
        line.decode()  # msgspec skips fields that it does not know without looking at their bytes
        record = DECODER.decode(line)
    except msgspec.ValidationError as error:
        _refuse_known(line, error, where)
        return None
    except RecursionError as error:
        raise InputError("nested too deeply", where, _AGAIN) from error
    if isinstance(record, Fact) and deeper_than(record.value, MAX_VALUE_DEPTH):
        raise InputError(f"the value of {record.id} is nested deeper than {MAX_VALUE_DEPTH}", where, _AGAIN)
    return record


def _refuse_known(line: bytes, error: msgspec.ValidationError, where: str) -> None:
    """Let a record of unknown type pass; say what is wrong with any other."""
    try:
        if _KIND.decode(line).type not in RECORDS:
            return
    except msgspec.ValidationError:
        pass  # not an object, or "type" is no string: the first error says it better
    except RecursionError as deep:
        raise InputError("nested too deeply", where, _AGAIN) from deep
    raise InputError(str(error), where, _AGAIN) from error


def deeper_than(value: object, limit: int) -> bool:
    """Whether lists and objects are nested deeper than so many."""
    if not isinstance(value, dict | list):
        return False
    if limit == 0:
        return True
    items = value.values() if isinstance(value, dict) else value
    flat = set(map(type, items)).isdisjoint((dict, list))
    return not flat and any(deeper_than(item, limit - 1) for item in items)


def records(lines: Iterable[bytes], source: str) -> Iterator[tuple[str, Record | None]]:
    """Decode a stream line by line, within bounds, as ``(where, record)``; a torn last line yields None."""
    size = 0
    for number, line in enumerate(lines, 1):
        where = f"{source}:{number}"
        size += len(line)
        if len(line) > MAX_LINE:
            raise InputError(f"a line of more than {MAX_LINE} bytes", where, "is this NDJSON evidence of kprobe?")
        if size > MAX_STREAM:
            raise InputError(f"more than {MAX_STREAM} bytes", where, "is this the evidence of one run?")
        if number > MAX_RECORDS:
            raise InputError(f"more than {MAX_RECORDS} records", where, "is this the evidence of one run?")
        if not line.strip():
            continue
        try:
            record = _record(line, where)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if not line.endswith(b"\n"):
                yield where, None
                return
            raise InputError(f"not JSON in UTF-8: {error}", where, _AGAIN) from error
        if record is not None:
            yield where, record


def parse(lines: Iterable[bytes], source: str, seen: Callable[[Record], None] | None = None) -> Evidence:
    """Read one stream of evidence; ``seen`` is called with each record as it comes."""
    begin: Begin | None = None
    end: End | None = None
    facts: dict[str, Fact] = {}
    probes: dict[str, Probe] = {}
    torn = False
    where = f"{source}:1"
    for where, record in records(lines, source):
        match record:
            case None:
                torn = True
                continue
            case Begin() if begin is not None:
                raise InputError("a second begin", where, "split the file: each run has its own")
            case Begin():
                begin = checked(record, where)
            case Row():
                raise InputError("a row of the catalogue, not evidence", where, "`kprobe collect` writes evidence")
            case _ if begin is None:
                raise InputError(f"{_name(record)} before begin", where, "line 1 is missing; use the whole file")
            case _ if end is not None:
                raise InputError(f"{_name(record)} after end", where, "split the file: each run has its own")
            case Fact():
                _add(facts, record, where)
            case Probe():
                _add(probes, record, where)
            case End():
                end = record
        if seen is not None:
            seen(record)
    if begin is None:
        raise InputError("no begin record", where, "this is not evidence of kprobe, or its first line was cut")
    return Evidence(
        source=source, begin=begin, facts=tuple(facts.values()), probes=tuple(probes.values()), end=end, torn=torn
    )


def _name(record: Record) -> str:
    return str(record.__struct_config__.tag)


def checked(begin: Begin, where: str) -> Begin:
    """Refuse another format, and a plan that names a row twice."""
    if begin.format != FORMAT:
        raise InputError(f"evidence format {begin.format}, this kprobe reads {FORMAT}", where, "use a newer kprobe")
    if len(set().union(*begin.plan.values())) != sum(map(len, begin.plan.values())):
        planned = [row for rows in begin.plan.values() for row in rows]
        twice = next(row for row in planned if planned.count(row) > 1)
        raise InputError(f"the plan names {twice} twice", where, _AGAIN)
    return begin


def _add(found: dict[str, T], record: T, where: str) -> None:
    if record.id in found:
        raise InputError(f"a second {_name(record)} {record.id}", where, "split the file: each run has its own")
    found[record.id] = record


def rows(lines: Iterable[bytes], source: str) -> tuple[Row, ...]:
    """Read a catalogue or a plan."""
    found: list[Row] = []
    for where, record in records(lines, source):
        if not isinstance(record, Row):
            raise InputError("not a row of the catalogue", where, "the core and the package differ; install both anew")
        found.append(record)
    return tuple(found)


def lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """Read lines, none much longer than a line may be, so that no input can fill the memory."""
    return iter(lambda: stream.readline(MAX_LINE + 1), b"")


def encode(record: Record) -> bytes:
    """One record as one line."""
    return msgspec.json.encode(record) + b"\n"


def write(evidence: Evidence) -> bytes:
    """All records as a stream: begin, facts, probes, end."""
    tail = () if evidence.end is None else (evidence.end,)
    return b"".join(map(encode, (evidence.begin, *evidence.facts, *evidence.probes, *tail)))


def schema() -> dict[str, Any]:
    """JSON Schema of one line."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "kprobe evidence, format 1: one line of the stream",
        **msgspec.json.schema(Record),
    }

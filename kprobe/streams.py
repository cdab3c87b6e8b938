# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Takes a log apart in which many runs wrote their evidence, line by line between each other's. Pure.

What tells the runs apart is what stands before a record, such as kubectl's ``[pod/kprobe-x7k2p/kprobe] ``, and what
``kprobe-collect --tag`` put into each record. Where nothing does, they must come one after the other.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from kprobe import evidence
from kprobe.errors import InputError
from kprobe.evidence import MAX_STREAM, Evidence

MAX_FRONT = 400
"""The most bytes before a record on its line."""
MAX_OPEN = 1024 * 1024 * 1024
"""The most bytes of runs that have begun and not ended."""

_RECORD = re.compile(
    rb'([^{\n]{0,%d})(\{\s*"type"\s*:\s*"(begin|fact|probe|end)"(?:\s*,\s*"run"\s*:\s*"((?:[^"\\]|\\.){0,1600})")?.*)'
    % MAX_FRONT,
    re.DOTALL,
)
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:?\d\d)\s*")
_ESCAPE = re.compile(rb"\x1b\[[0-9;]*m")
_POD = re.compile(r"\[pod/([^/\]]+)/[^\]]*\]")

Key = tuple[bytes, bytes]
Refuse = Callable[[InputError], None]


class _Stream:
    """The lines of one run."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: list[bytes] = []
        self.size = 0


def holds_records(data: bytes) -> bool:
    """Whether some line of a text is a record of evidence, be it behind a prefix."""
    return any(_RECORD.match(line) for line in data.splitlines(keepends=True))


def apart(lines: Iterable[bytes], source: str, refuse: Refuse) -> Iterator[Evidence]:
    """Yield the evidence of each run when it ends, those that were cut last; call ``refuse`` for what is none."""
    begun: dict[Key, _Stream | None] = {}  # None: refused, until it begins anew
    ended: set[Key] = set()
    lost: set[Key] = set()  # nothing more can be told of them
    named: dict[str, int] = {}
    size = 0
    for line in lines:
        record = _RECORD.match(line)
        if record is None:
            continue  # what a container says besides
        key = (_TIME.sub(b"", _ESCAPE.sub(b"", record[1])).strip(), record[4] or b"")
        kind = record[3]
        if kind == b"begin" and key not in lost:
            if (cut := begun.pop(key, None)) is not None:
                size -= cut.size
                if not any(key):
                    todo = "use kubectl logs --prefix, or kprobe-collect --tag"
                    refuse(InputError("a second begin: runs are mixed, and nothing tells them apart", source, todo))
                    begun[key] = None
                    lost.add(key)
                    continue
                yield from _read(cut, refuse)
            begun[key] = _Stream(_name(source, key, named))
            ended.discard(key)
        elif key in ended:
            ended.discard(key)
            begun[key] = None
            where, todo = (
                _name(source, key, {}),
                "use kubectl logs --prefix, or kprobe-collect --tag, and the whole log",
            )
            refuse(InputError(f"a {kind.decode()} record after the end of its run", where, todo))
        stream = begun[key] if key in begun else _Stream(_name(source, key, named))
        if stream is None:
            continue
        stream.lines.append(record[2])
        stream.size += len(record[2])
        size += len(record[2])
        begun[key] = stream
        if stream.size > MAX_STREAM or size > MAX_OPEN:
            refuse(InputError(f"more than {MAX_STREAM} bytes", stream.source, "is this the evidence of one run?"))
            begun[key] = None
        elif kind == b"end":
            yield from _read(stream, refuse)
            del begun[key]
            ended.add(key)
        if begun.get(key) is None:
            size -= stream.size
    for left in begun.values():
        if left is not None:
            yield from _read(left, refuse)


def _read(stream: _Stream, refuse: Refuse) -> Iterator[Evidence]:
    try:
        yield evidence.parse_whole(b"".join(stream.lines), stream.source)
    except InputError as error:
        refuse(error)


def _name(source: str, key: Key, named: dict[str, int]) -> str:
    """Return ``source#node``: the tag, or the pod, or what else stood before; a number where that is not enough."""
    front, tag = (part.decode(errors="replace") for part in key)
    pod = _POD.search(front)
    name = tag or (pod[1] if pod else front)
    named[name] = named.get(name, 0) + 1
    number = str(named[name]) if named[name] > 1 or not name else ""
    return "#".join(filter(None, (source, name, number)))

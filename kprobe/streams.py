# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Takes a log apart in which many runs wrote their evidence, line by line between each other's. Pure.

What tells the runs apart is what stands before a record, such as kubectl's ``[pod/kprobe-x7k2p/kprobe] ``, and what
``kprobe-collect --tag`` put into each record. Where nothing does, they must come one after the other.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from kprobe import reader
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
State = Literal["open", "ended", "refused", "lost"]
_MARK = "use kubectl logs --prefix, or kprobe-collect --tag"


class _Stream:
    """The lines of one run; ``ended``: more of them are too many, ``refused``, ``lost``: not worth a look.

    What is lost stays so even when it begins anew.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: list[bytes] = []
        self.size = 0
        self.state: State = "open"


def holds_records(data: bytes) -> bool:
    """Whether some line of a text is a record of evidence, be it behind a prefix."""
    return any(_RECORD.match(line) for line in data.splitlines(keepends=True))


def apart(lines: Iterable[bytes], source: str, refuse: Refuse) -> Iterator[Evidence]:
    """Yield the evidence of each run when it ends, those that were cut last; call ``refuse`` for what is none."""
    log = _Log(source, refuse)
    for line in lines:
        record = _RECORD.match(line)
        if record is not None:  # a container may say other things besides
            key = (_TIME.sub(b"", _ESCAPE.sub(b"", record[1])).strip(), record[4] or b"")
            yield from log.add(key, record[3], record[2])
    for left in log.streams.values():
        if left.state == "open":
            yield from log.read(left)


class _Log:
    """A log while it is read: the newest run of each key."""

    def __init__(self, source: str, refuse: Refuse) -> None:
        self.source, self.refuse = source, refuse
        self.streams: dict[Key, _Stream] = {}
        self.named: dict[str, int] = {}
        self.size = 0

    def add(self, key: Key, kind: bytes, line: bytes) -> Iterator[Evidence]:
        """Put a record to its run; yield what that brings to an end."""
        if kind == b"begin" and key in self.streams:
            yield from self._again(key)
        stream = self.streams.get(key)
        if stream is None:
            stream = self.streams[key] = _Stream(_name(self.source, key, self.named))
        elif stream.state == "ended":
            stream.state = "refused"
            where = _name(self.source, key, {})
            what, todo = f"a {kind.decode()} record after the end of its run", f"{_MARK}, and the whole log"
            self.refuse(InputError(what, where, todo))
        if stream.state != "open":
            return
        stream.lines.append(line)
        stream.size += len(line)
        self.size += len(line)
        if stream.size > MAX_STREAM or self.size > MAX_OPEN:
            self._close(stream, "refused")
            self.refuse(InputError(f"more than {MAX_STREAM} bytes", stream.source, "is this the evidence of one run?"))
        elif kind == b"end":
            yield from self.read(stream)

    def _again(self, key: Key) -> Iterator[Evidence]:
        """Make room for a run that begins anew: the one before was cut, unless these may be two."""
        stream = self.streams[key]
        if stream.state == "open" and any(key):
            yield from self.read(stream)
        elif stream.state == "open":
            self._close(stream, "lost")
            self.refuse(InputError("a second begin: runs are mixed, and nothing tells them apart", self.source, _MARK))
        if stream.state != "lost":
            del self.streams[key]

    def read(self, stream: _Stream) -> Iterator[Evidence]:
        """Close a run and yield what it says."""
        data = self._close(stream, "ended")
        try:
            yield reader.parse_whole(data, stream.source)
        except InputError as error:
            self.refuse(error)

    def _close(self, stream: _Stream, state: State) -> bytes:
        data = b"".join(stream.lines)
        self.size -= stream.size
        stream.lines, stream.size, stream.state = [], 0, state
        return data


def _name(source: str, key: Key, named: dict[str, int]) -> str:
    """Return ``source#node``: the tag, or the pod, or what else stood before; a number where that is not enough."""
    front, tag = (part.decode(errors="replace") for part in key)
    pod = _POD.search(front)
    name = tag or (pod[1] if pod else front)
    named[name] = named.get(name, 0) + 1
    number = str(named[name]) if named[name] > 1 or not name else ""
    return "#".join(filter(None, (source, name, number)))

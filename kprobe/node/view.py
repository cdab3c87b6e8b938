# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The facts of one node, read by type: what is missing or of another shape is said so, and never guessed."""

from collections.abc import Callable
from typing import TypeVar, cast

import msgspec

from kprobe.evidence import Begin, Evidence, Fact

T = TypeVar("T")


FEW = 10
"""Every kernel has more threads than that, and all may see them."""


class Running(msgspec.Struct, frozen=True):
    """The fact node.processes."""

    running: str = ""
    seen: int = 0


class Contained(msgspec.Struct, frozen=True):
    """Of the fact node.container, what tells whether process 1 is the host's."""

    own_pid_namespace: bool | None = None


class UnsureError(Exception):
    """The facts do not tell: the text says what is missing, in a user's words."""


class View:
    """Facts by id."""

    def __init__(self, evidence: Evidence) -> None:
        self.begin: Begin = evidence.begin
        self._made: dict[object, tuple[object, UnsureError | None]] = {}
        self._facts: dict[str, Fact] = {fact.id: fact for fact in evidence.facts}

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return what ``make`` made when it was asked first: many rules ask the same of one node."""
        if key not in self._made:
            try:
                self._made[key] = (make(), None)
            except UnsureError as why:
                self._made[key] = (None, why)
        value, doubt = self._made[key]
        if doubt is not None:
            raise doubt.with_traceback(None)
        return cast(T, value)

    def get(self, name: str, shape: type[T]) -> T:
        """Return a fact's value; raise UnsureError where there is none, or none of that shape."""
        return self.once((name, shape), lambda: self._read(name, shape))

    def _read(self, name: str, shape: type[T]) -> T:
        fact = self._facts.get(name)
        if fact is None:
            raise UnsureError(f"this evidence does not have the fact {name}")
        if fact.error:
            raise UnsureError(f"{fact.source} could not be read: {fact.error}")
        try:
            return msgspec.convert(fact.value, shape)
        except msgspec.ValidationError as error:
            raise UnsureError(f"the fact {name} is not as described: {error}") from error

    def has(self, name: str) -> bool:
        """Whether there is such a fact, be it an error."""
        return name in self._facts

    def running(self) -> frozenset[str]:
        """Return which of the collector's list of programs run."""
        return self.once("running", self._running)

    def _running(self) -> frozenset[str]:
        self.host_processes()
        found = self.get("node.processes", Running)
        if found.seen < FEW:
            raise UnsureError("the processes of others are hidden here (hidepid); run as root")
        return frozenset(found.running.split())

    def lines(self, name: str, but: tuple[str, ...] = ()) -> dict[str, list[str]]:
        """Return a fact of files and their lines, ``but`` for paths that end so; all must have been read."""
        return self.once((name, but), lambda: self._lines(name, but))

    def _lines(self, name: str, but: tuple[str, ...]) -> dict[str, list[str]]:
        found = {
            path: lines
            for path, lines in self.get(name, dict[str, list[str]]).items()
            if not path.endswith(but or ("\0",))
        }
        for path, lines in found.items():
            if lines[:1] and lines[0].startswith("error:"):
                raise UnsureError(f"{path} could not be read: {lines[0].removeprefix('error:')}")
        return found

    def host_files(self) -> None:
        """Raise UnsureError unless the collector saw the host's own files."""
        self.once("mnt", lambda: self._same("mnt", "files"))

    def host_network(self) -> None:
        """Raise UnsureError unless the collector saw the host's own network."""
        self.once("net", lambda: self._same("net", "network"))

    def host_processes(self) -> None:
        """Raise UnsureError unless the collector saw the host's processes."""
        if self.get("node.container", Contained).own_pid_namespace is not False:
            raise UnsureError("collected in a container, which does not see the host; collect on the node itself")

    def _same(self, kind: str, what: str) -> None:
        """Compare the collector's namespace with that of process 1, where process 1 is the host's."""
        self.host_processes()
        inodes = self.get("node.namespaces", dict[str, int])
        if inodes.get(f"pid1.{kind}", inodes.get(kind)) != inodes.get(kind):
            raise UnsureError(f"collected in a container, which has a {what} of its own; collect on the node itself")

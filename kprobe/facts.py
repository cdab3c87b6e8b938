# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The facts of one evidence, as causes ask for them. Total: one that is missing, or of another type, says nothing.

What a fact says is a claim of the machine that wrote it, and evidence comes from strangers: nothing here raises, and
nothing here is trusted further than to explain an answer of the kernel.
"""

import re
from collections.abc import Mapping
from functools import cached_property

from kprobe.evidence import Evidence, Probe

THERE = ("loaded", "builtin")
_RELEASE = re.compile(r"(\d{1,5})\.(\d{1,5})")


def numbers(release: str) -> tuple[int, int] | None:
    """Return major and minor of a kernel release or of a row's ``since``; None where there are none."""
    found = _RELEASE.match(release)
    return (int(found[1]), int(found[2])) if found else None


def plain(module: str) -> str:
    """Return a module's name as the kernel writes it: dashes are underscores."""
    return module.replace("-", "_")


class Facts:
    """One node: what its facts say, and which modules its run loaded."""

    def __init__(self, evidence: Evidence) -> None:
        self.begin = evidence.begin
        self._facts = {fact.id: fact for fact in evidence.facts}
        self._evidence = evidence

    def error(self, fact: str) -> str:
        """Return why a fact could not be read: the name of an errno, or nothing."""
        return self._facts[fact].error if fact in self._facts else ""

    def source(self, fact: str) -> str:
        """Return where a fact was read."""
        return self._facts[fact].source if fact in self._facts else ""

    def value(self, fact: str, key: str = "") -> object:
        """Return a fact's value, or of one that is an object, the value of a key; None where there is none."""
        value: object = self._facts[fact].value if fact in self._facts else None
        if not key:
            return value
        return value.get(key) if isinstance(value, dict) else None

    def text(self, fact: str, key: str = "") -> str:
        """Return a value that is text, or a number as text; else nothing."""
        value = self.value(fact, key)
        if isinstance(value, bool):
            return ""
        return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""

    def table(self, fact: str) -> Mapping[str, str]:
        """Return those entries of an object that are text."""
        value = self.value(fact)
        if not isinstance(value, dict):
            return {}
        return {key: word for key, word in value.items() if isinstance(key, str) and isinstance(word, str)}

    def strings(self, fact: str, key: str) -> tuple[str, ...]:
        """Return those items of a list that are text."""
        value = self.value(fact, key)
        return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()

    def audited(self, kind: str) -> int:
        """Return how many records of a kind came into the audit trail while the run lasted."""
        count = self._evidence.end.audit.get(kind) if self._evidence.end else 0
        return count if isinstance(count, int) else 0

    @property
    def rows(self) -> Mapping[str, Probe]:
        """The answers by id."""
        return self._evidence.answers

    @cached_property
    def modules(self) -> Mapping[str, str]:
        """Where each module is, as node.modules says: ``loaded``, ``builtin``, ``file:PATH`` and so on."""
        return self.table("node.modules")

    @cached_property
    def brought(self) -> frozenset[str]:
        """The modules that this run loaded."""
        end = self._evidence.end
        named = [
            *(end.loaded if end else ()),
            *(name for probe in self._evidence.probes if probe.loaded for name in probe.loaded),
        ]
        return frozenset(map(plain, named))

    @cached_property
    def kconfig(self) -> Mapping[str, str]:
        """What the kernel was built with: ``y``, ``m`` or ``n`` by symbol."""
        return self.table("node.kconfig")

    @cached_property
    def release(self) -> tuple[int, int] | None:
        """Major and minor of the running kernel."""
        return numbers(self.begin.uname.release)

    @cached_property
    def container(self) -> str:
        """What shows that the collector ran in a container; empty on a node, and where it went to the node (--host)."""
        mounts = self.value("node.namespaces", "mnt")
        own_pids = self.value("node.container", "own_pid_namespace") is not False
        if mounts is not None and mounts == self.value("node.namespaces", "pid1.mnt") and not own_pids:
            return ""
        for key, words in (
            ("dockerenv", "/.dockerenv exists"),
            ("containerenv", "/run/.containerenv exists"),
            ("kubernetes", "KUBERNETES_SERVICE_HOST is set"),
            ("own_pid_namespace", "it has a pid namespace of its own"),
        ):
            if self.value("node.container", key) is True:
                return words
        hint = self.text("node.container", "cgroup") or self.text("node.container", "environment")
        return f"{hint}" if hint else ""

    def words(self, parameter: str) -> tuple[str, ...]:
        """Return the comma-separated values of a parameter on the kernel's command line."""
        return tuple(word for word in re.split(r"[,\s]+", self.text("node.cmdline", parameter)) if word)

    def state(self, module: str) -> str:
        """Return where a module is: what the run loaded counts as loaded; empty where nothing is known."""
        name = plain(module)
        return "loaded" if name in self.brought else self.modules.get(name, "")

    def lacks(self, word: str) -> str:
        """Return which module of ``a|b`` (one of these) is missing, the most telling one; empty where one is there."""
        names = word.split("|")
        if any(self.state(name) in THERE for name in names):
            return ""
        for kind in ("file:", "missing:", "unreadable", "nowhere"):
            for name in names:
                if self.state(name).startswith(kind):
                    return name
        return ""

    def unset(self, word: str) -> str:
        """Return the first of ``A|B`` where it is known that none of them is set; else nothing."""
        names = word.split("|")
        return names[0] if all(self.kconfig.get(name) == "n" for name in names) else ""

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What an oracle is, what it answers, and how one that is written in Python tells a refusal."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

# Who is asked, and what else a question may need. A word of these where a shell looks for a command is found by itself.
ASKED = (
    *(
        "ip",
        "bridge",
        "tc",
        "ss",
        "ethtool",
        "wg",
        "ipset",
        "nft",
        "nfacct",
        "conntrack",
        "nfct",
        "ipvsadm",
        "tcpdump",
        "bpftool",
    ),
    *(f"{tool}-{backend}" for tool in ("iptables", "ip6tables") for backend in ("legacy", "nft")),
)
HELPERS = ("unshare", "nsenter", "strace", "timeout")
NO_ONE = "sh"
"""The program of an oracle that needs a shell and files alone."""

_START = r"(?:^|[;&|({!`]\s*|-c\s+['\"]\s*)"
_BEFORE = r"(?:(?:env|exec|do|then|if|strace|timeout|nsenter|unshare)\s(?:-\S+\s|\S+=\S+\s|\d+\s)*)*"
_NAMES = "|".join(map(re.escape, (*ASKED, *HELPERS)))
_COMMAND = re.compile(rf"{_START}{_BEFORE}({_NAMES})(?=[\s;)'\"]|$)", re.MULTILINE)
_PREFIX = re.compile(r"(?:^|[\s;&|({!'\"`])(strace|timeout|nsenter|unshare)(?=\s)", re.MULTILINE)


@dataclass(frozen=True)
class Exemption:
    """A row where the two differ for a reason that a test proves. One that is not needed any more fails its test."""

    kprobe: str
    program: str
    reason: str
    proof: str
    """Name of the test that proves which side is right."""


@dataclass(frozen=True)
class Oracle:
    """How an independent program asks what a row asks, in a network namespace of its own.

    As POSIX shell: each entry is a command; those of a step must all succeed. ``setup`` fails: a prerequisite is
    missing. ``do`` fails: the kernel refused. ``see`` fails: it did something else than was asked.

    Or as a function (``ask``), which is given the row and returns where it works. It raises RefusedError (see
    ``asking``) where the kernel refused, OtherwiseError where it did something else, NotAskedError where the question
    cannot be put; anything else is a fault of its own and no answer.
    """

    row: str
    do: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    less: str = ""
    """What the row asks and the program cannot."""
    ask: Callable[[str], None] | None = None
    program: str = ""
    """Who is asked; left out, the first program among the commands."""
    imports: str = ""
    """A Python module that the function needs beside Python's own."""
    version: str = ""
    """Shell that prints the program's version, where none of that name can be asked for it."""
    host_net: bool = False
    """Touches no network, and reads what only the first namespace shows (net/core/bpf_jit_*): is given no other."""
    differs: Exemption | None = None

    def __post_init__(self) -> None:
        assert bool(self.do) != bool(self.ask), f"{self.row}: commands, or a function"
        if not self.program:
            object.__setattr__(self, "program", self._first())

    @property
    def name(self) -> str:
        """Row and program: unique."""
        return f"{self.row} {self.program}"

    @property
    def needs(self) -> tuple[str, ...]:
        """Programs that must be installed."""
        text = "\n".join((*self.do, *self.see, *self.setup))
        found = {*_COMMAND.findall(text), *_PREFIX.findall(text)}
        if self.program in ASKED:
            found.add(self.program)
        return tuple(sorted(found))

    def _first(self) -> str:
        for commands in (self.do, self.see, self.setup):
            for name in _COMMAND.findall("\n".join(commands)):
                if name in ASKED:
                    return str(name)
        assert not self.ask, f"{self.row}: whose is the function?"
        return NO_ONE


@dataclass(frozen=True)
class Answer:
    """What an independent program said to one row."""

    row: str
    program: str
    rc: int = 0
    """Exit status (``script`` says what the special ones mean); of a function, 0."""
    said: str = ""
    told: str = ""
    """The outcome, where the oracle is a function and tells it by itself."""
    errno: int = 0
    """The kernel's, where a function knows it."""

    @property
    def name(self) -> str:
        """As the oracle's."""
        return f"{self.row} {self.program}"


class RefusedError(Exception):
    """The kernel refused."""

    def __init__(self, errno: int, said: str = "") -> None:
        super().__init__(said or os.strerror(errno))
        self.errno = errno


class OtherwiseError(Exception):
    """The kernel took the request and shows something else."""


class NotAskedError(Exception):
    """The question cannot be put here: why."""


@contextmanager
def asking() -> Iterator[None]:
    """Mark a request: what fails inside, by an OSError or pyroute2's NetlinkError, was refused by the kernel."""
    try:
        yield
    except OSError as error:
        raise RefusedError(error.errno or 0, str(error)) from error
    except Exception as error:
        code = getattr(error, "code", None)
        if type(error).__name__ == "NetlinkError" and isinstance(code, int):
            raise RefusedError(code, str(error)) from error
        raise


def expect(found: object, wanted: object, what: str) -> None:
    """Raise OtherwiseError unless the two are equal."""
    if found != wanted:
        raise OtherwiseError(f"{what}: {found!r}, not {wanted!r}")


def each(template: Oracle, **values: tuple[str, ...]) -> tuple[Oracle, ...]:
    """Fill in ``<name>`` everywhere, once for each position of the values."""
    count = {len(column) for column in values.values()}
    assert len(count) == 1, values
    return tuple(
        _filled(template, {name: column[n] for name, column in values.items()}) for n in range(next(iter(count)))
    )


def _filled(template: Oracle, values: dict[str, str]) -> Oracle:
    def fill(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"<{name}>", value)
        return text

    def fill_all(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(fill(text) for text in texts)

    return replace(
        template,
        row=fill(template.row),
        do=fill_all(template.do),
        see=fill_all(template.see),
        setup=fill_all(template.setup),
        less=fill(template.less),
        program=fill(template.program),
    )

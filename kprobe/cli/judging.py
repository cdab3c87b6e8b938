# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""From evidence to an answer on the screen."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kprobe.cli.output import complain, write
from kprobe.errors import InputError

if TYPE_CHECKING:
    from kprobe.evidence import Evidence, Fact, Row
    from kprobe.profile import Profile


def load_profiles(names: Sequence[str], modes: Sequence[str], release: str) -> "list[Profile]":
    """Load profiles and refuse a misspelt mode or release, before the kernel is asked or a file is read."""
    from kprobe.judge import check

    loaded = load_checked(names)
    for profile in loaded:
        check(profile, modes, release)
    return loaded


def load_checked(names: Sequence[str]) -> "list[Profile]":
    """Load profiles; in those of files, refuse an id that no row has. Those that come with kprobe the tests check.

    Where the C core cannot be had, as on a machine that only judges, ids are not checked.
    """
    from kprobe.profile import is_file, load

    known: set[str] = set()
    if any(map(is_file, names)):
        with suppress(InputError):
            known = {row.id for row in known_rows()}
    return [load(name, known if is_file(name) else ()) for name in names]


def known_rows() -> "tuple[Row, ...]":
    """Return the rows that the core of this kprobe knows, and those that are worked out from facts."""
    from kprobe import collect, evidence, node

    return (*evidence.rows(collect.catalogue(), "catalogue"), *node.catalogue())


def needed_rows(profiles: "Sequence[Profile]", modes: Sequence[str], release: str) -> tuple[str, ...]:
    """Return what the kernel must be asked for these profiles; other rows are worked out from facts."""
    from kprobe import judge, node

    derived = {row.id for row in node.catalogue()}
    names = (name for profile in profiles for name in judge.needed(profile, modes, release))
    found = tuple(dict.fromkeys(name for name in names if name not in derived))
    if not found:
        raise InputError("nothing that the kernel must be asked", "--needed", "leave it out")
    return found


def cluster_facts(
    pools: Sequence[str],
    service_cidrs: Sequence[str],
    node_cidrs: Sequence[str],
    kubernetes: str,
    etcd: Sequence[str],
    apiserver: Sequence[str],
    *,
    kube_proxy: bool,
) -> "list[Fact]":
    """Return what the user said of the cluster, and what the endpoints that he named answered."""
    if not (pools or service_cidrs or node_cidrs or kubernetes or etcd or apiserver or kube_proxy):
        return []
    from kprobe import given, reach

    said = given.fact(pools, service_cidrs, node_cidrs, kubernetes)
    return [*said, *reach.facts(etcd, apiserver, (reach.KUBE_PROXY,) if kube_proxy else ())]


def read_evidence(name: str) -> "Evidence":
    """Read the one piece of evidence in a file or page."""
    found = list(read_all(name))
    if len(found) > 1:
        raise InputError(f"{len(found)} pieces of evidence", name, "`kprobe judge` takes several; else split the file")
    return found[0]


def read_all(
    name: str, refuse: "Callable[[InputError], None] | None" = None, *, shared: bool = False
) -> "Iterator[Evidence]":
    """Read all evidence in a file, page or log, compressed or not, or from standard input for ``-``.

    ``refuse`` is called for the runs of a log that are no evidence; without it the first of them is an error.
    ``shared``: for a table of many nodes (see reader.at_once).
    """
    try:
        if name == "-":
            yield from _evidence_in(sys.stdin.buffer, "stdin", refuse, shared=shared)
        else:
            with Path(name).open("rb") as stream:
                yield from _evidence_in(stream, name, refuse, os.fstat(stream.fileno()).st_size, shared=shared)
    except OSError as error:
        raise InputError(error.strerror or str(error), name, "name a readable file of evidence") from error


def _evidence_in(
    stream: BinaryIO, name: str, refuse: "Callable[[InputError], None] | None", size: int = 0, *, shared: bool
) -> "Iterator[Evidence]":
    from kprobe import intake

    # A buffer for the largest input would be fresh memory for each of many files. What has no size says 0.
    data = stream.read(min(size, intake.MAX_INPUT) + 1)
    if len(data) > size:
        data += stream.read(intake.MAX_INPUT + 1 - len(data))
    rest = iter(lambda: stream.read(intake.MAX_PIECE), b"")
    yield from intake.each_in(data, name, rest, refuse, shared=shared)


def read_files(names: Iterable[str], bad: list[InputError], *, shared: bool = False) -> "Iterator[Evidence]":
    """Read all evidence in some files; complain of what is none, put the errors into ``bad``, and go on.

    ``shared``: for a table of many nodes (see reader.at_once).
    """

    def refuse(error: InputError) -> None:
        complain(error)
        bad.append(error)

    for name in names:
        try:
            yield from read_all(name, refuse, shared=shared)
        except InputError as error:
            refuse(error)


def redacted(found: "Iterable[Evidence]") -> "Iterator[Evidence]":
    """Replace names by pseudonyms, the same in all of them; the key is kept nowhere."""
    from kprobe.redact import Known, redact, vocabulary

    key, words = os.urandom(32), vocabulary()
    known: Known = {}
    for evidence in found:
        yield redact(evidence, key, words, known)


def show_judged(
    found: "Iterable[Evidence]",
    profiles: "list[Profile]",
    modes: Sequence[str],
    release: str,
    *,
    form: str,
    show_all: bool,
    show_names: bool,
) -> int:
    """Judge and print; return the exit code. What is made to be shared has no names in it, unless asked for."""
    from kprobe.judge import judge_by, standard
    from kprobe.render import render_all, shared
    from kprobe.report import Report, exit_code, worst

    terminal = sys.stdout.isatty()
    if terminal:
        from shutil import get_terminal_size
    width = get_terminal_size().columns if terminal else 0
    color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    standards = [standard(profile, modes, release) for profile in profiles]
    codes: list[int] = []
    if shared(form) and not show_names:
        found = redacted(found)

    def reports() -> Iterator[Report]:
        for evidence in found:
            for by in standards:
                report = judge_by(evidence, by)
                codes.append(exit_code(report))
                yield report

    for number, text in enumerate(render_all(form, reports(), color=color, show_all=show_all, width=width)):
        write("\n" + text if number and form == "text" else text)
    return worst(codes)

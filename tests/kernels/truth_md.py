# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What truth.py found, for docs/accuracy.md and docs/kernels.md."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .history import Fact
from .truth import Argued, Checked

FACTS = """\
A row says which options it needs and since when; the package, which are set. These facts (`tests/kernels/history.toml`)
decide as well, both ways: what works against one of them, or is absent though none speaks against it, is a difference.
What longterm releases took in, the changelogs in the kernels' packages say (`tests/kernels/test_history.py`)."""


def section(found: Checked, facts: Sequence[Fact]) -> Iterator[str]:
    """The ground truth: every kernel of `make matrix` against its package."""
    excepted, undecided = found.answers_of(exceptions=True), found.answers_of(exceptions=False)
    yield from ("## Every answer against the package's configuration", "")
    yield f"`python -m tests.kernels truth`: {found.kernels} kernels of `make matrix ALL=1`, {found.answers:,} answers:"
    yield f"{len(found.left)} differences that nobody argued, {excepted.total()} excepted,"
    yield f"{undecided.total()} undecided."
    yield from ("", *(f"- {one.row} on {one.kernel}: {one.text}" for one in found.left))
    yield from ("### What is expected of a kernel beside the rows' own words", "", FACTS)
    yield from ("", "| rows | fact | source |", "|---|---|---|")
    yield from (f"| {_code(fact.rows)} | {words(fact)} | {fact.source} |" for fact in facts)
    yield from ("", "### Exceptions to that", "", *exceptions(found.argued))
    yield from ("", "### Undecided", "")
    yield f"`unknown` claims nothing. By kernel: {told(undecided) or 'none'}."
    if found.cut:
        yield f"Not asked, for the evidence ends early: {told(found.cut)}."
    yield ""
    yield from ("| rows | kernels | answers | why |", "|---|---|---|---|")
    for entry, counts in found.argued.items():
        if not entry.proof:
            yield f"| {_code(entry.rows)} | {entry.kernels} | {counts.total()} | {entry.why} |"


def exceptions(entries: Iterable[Argued]) -> Iterator[str]:
    """Those that have a proof."""
    yield from ("| rows | kernels | why | proof |", "|---|---|---|---|")
    yield from (f"| {_code(e.rows)} | {e.kernels} | {e.why} | {e.proof} |" for e in entries if e.proof)


def told(counts: Mapping[str, int] | Counter[str]) -> str:
    """Numbers by kernel, in words."""
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))


def words(fact: Fact) -> str:
    """A fact in words."""
    releases = ", ".join(fact.releases)
    if fact.kind == "taken":
        return f"in the longterm releases since {releases}"
    if fact.kind == "dropped":
        return f"no more since {fact.since}, {releases}{f', where {fact.option} is set' if fact.option else ''}"
    if fact.kind == "option":
        return f"needs {fact.option} since {fact.since}, and not before"
    if fact.kind == "cpu":
        of = f"feature {fact.feature} of {fact.machine} (modules.alias)"
        return f"modules for {of} do not load on a guest without {fact.flag}"
    late = ", ".join(f"{machine} since {since}" for machine, since in fact.late.items())
    return "; ".join(
        filter(None, ["needs the JIT on" if fact.needed else "", f"where the JIT is on: {late}" if late else ""])
    )


def _code(globs: str) -> str:
    return " ".join(f"`{glob}`" for glob in globs.split())

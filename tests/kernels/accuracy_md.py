# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""docs/accuracy.md, from what accuracy.py judged and truth.py found."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from . import accuracy, history, knockouts, truth, truth_md
from .accuracy import Checked, Exempt, Judged

HEAD = """\
# How often kprobe is wrong

Made by `make accuracy`, on real kernels of Debian in QEMU. What must come out is told by the kernel's package (its
configuration, its modules.dep and modules.alias, and the kernel's Makefiles, which say what an option builds:
`tests/kernels/symbols.txt`), not by what the rows say that they load.

## Every module knocked out

Each module that a row rests on, or names, is taken away: first by itself (its file moved away, nothing else changed),
and the rows that it concerns are asked, and some that it does not; then many at a time, and all rows are asked that
send no packets. A row that rests on what is away must be `absent`, and the cause must name the file; every other must
keep its answer.

- true yes: works, and nothing that it rests on is away. true no: absent, with the right cause.
- false yes: works although what it rests on is away. false no: absent although nothing of it is away.
- wrong cause: absent as it must be, told for another reason. undecided: `unknown`, `denied` or `broken`.
"""
VERDICTS = ("true yes", "true no", "false yes", "false no", "wrong cause", "undecided")


def page(checked: Sequence[Checked], environment: Mapping[str, Sequence[str]], matrix: Path, collector: Path) -> str:
    """The page. `environment`: by kernel, what was not as knockouts.toml says."""
    parts = (
        _kernels(checked),
        _families(checked),
        _exceptions(checked),
        _environment(environment),
        truth_md.section(truth.check(matrix, collector), history.load()),
    )
    return HEAD + "".join(f"{line}\n" for part in parts for line in ("", *part))


def _kernels(checked: Sequence[Checked]) -> Iterator[str]:
    yield f"| kernel | release | modules | of them | in groups | {' | '.join(VERDICTS)} | excepted | asked twice |"
    yield "|---|---|---|---|---|" + "---|" * (len(VERDICTS) + 2)
    for found in checked:
        counts, excepted = _counts(found.judged)
        knocks = {one.knock.name: one.knock for one in found.judged}
        alone = sum(len(knock.modules) == 1 and bool(knock.select) for knock in knocks.values())
        groups = sum(not knock.select for knock in knocks.values())
        head = (found.on.image.name, found.on.image.release, len(found.on.modules), f"{alone} alone", groups)
        row = (*head, *(counts[verdict] for verdict in VERDICTS), excepted, len(found.twice))
        yield f"| {' | '.join(map(str, row))} |"
    yield ""
    for found in checked:
        met, all_of = _pairs(found)
        name = found.on.image.name
        yield f"{name}: of {all_of:,} pairs of a row and a module that it does not rest on, {met:,} were asked."
        if found.lacking:
            yield f"{found.on.image.name}: no evidence of {', '.join(found.lacking)}."


def _counts(judged: Sequence[Judged]) -> tuple[Counter[str], int]:
    """How many answers by verdict, but those that are excepted, and how many these are."""
    kept = [*(one for one in judged if one.right), *accuracy.wrong(judged)]
    return Counter(one.verdict for one in kept), len(judged) - len(kept)


def _pairs(found: Checked) -> tuple[int, int]:
    """Pairs of a row and a module that it does not rest on: asked, and all."""
    rests, modules = found.on.rests, set(found.on.modules)
    met: dict[str, set[str]] = {}
    for one in found.judged:
        if not one.hit:
            met.setdefault(one.row, set()).update(one.knock.modules)
    return sum(map(len, met.values())), sum(len(modules - rests[row]) for row in met)


def _families(checked: Sequence[Checked]) -> Iterator[str]:
    yield from ("### By family, all kernels", "", f"| family | answers | {' | '.join(VERDICTS)} |")
    yield "|---|---|" + "---|" * len(VERDICTS)
    judged = [one for found in checked for one in found.judged]
    for family in sorted({one.family for one in judged}):
        counts, _ = _counts([one for one in judged if one.family == family])
        row = (f"`{family}`", counts.total(), *(counts[verdict] for verdict in VERDICTS))
        yield f"| {' | '.join(map(str, row))} |"
    if left := accuracy.wrong(judged):
        yield from ("", "What is wrong:", "", "| row | kernel | away | verdict | said |", "|---|---|---|---|---|")
        for one in sorted(left, key=lambda one: (one.row, one.kernel)):
            away = ", ".join(one.hit or one.knock.modules[:3])
            yield f"| `{one.row}` | {one.kernel} | {away} | {one.verdict} | {one.said[:100]} |"


def _exceptions(checked: Sequence[Checked]) -> Iterator[str]:
    yield from (
        "### Exceptions",
        "",
        "| rows | kernels | without | answers | why | proof |",
        "|---|---|---|---|---|---|",
    )
    for entry in accuracy.exempt():
        row = (f"`{entry.rows}`", entry.kernels, entry.modules, _number(entry, checked), entry.why, entry.proof)
        yield f"| {' | '.join(map(str, row))} |"


def _number(entry: Exempt, checked: Sequence[Checked]) -> int:
    judged = (one for found in checked for one in found.judged)
    return sum(not one.right and entry.covers(one) for one in judged)


def _environment(environment: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield from (
        "## What else may be taken from a node",
        "",
        f"`tests/kernels/knockouts.toml`, on {', '.join(environment)}; these are tests, too.",
        "",
        "| taken away | the kernel's command line | what must come back |",
        "|---|---|---|",
    )
    for of in knockouts.load():
        for knockout in of.knockout:
            only = f" (Linux {knockout.kernels})" if knockout.kernels else ""
            must = "; ".join(f"`{row}` {said}" for row, said in knockout.expect.items())
            yield f"| {knockout.name}{only} | {of.append or ''} | {must} |"
    wrong = [f"{kernel}: {text}" for kernel, texts in environment.items() for text in texts]
    yield from ("", f"{len(wrong)} of these came back otherwise.", *(f"- {text}" for text in wrong))

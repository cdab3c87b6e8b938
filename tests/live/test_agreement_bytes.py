# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The question is the same, too: the rule that kprobe hands to the kernel is the rule that iptables hands to it.

Agreement of answers proves little where the questions differ. strace shows what each gave to setsockopt(): the same
protocol, interface and flags, and the same matches and targets at the same revisions with the same data.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kprobe.crosscheck.table import ORACLES
from kprobe.evidence import Probe

from .conftest import collected
from .oracles import blob
from .oracles.blob import Entry, Table

PUT = ("put the table", "put the rule", "read back")
RULES = {o.row: o for o in ORACLES if o.row.startswith("xt.legacy.") and blob.APPEND.match(o.do[-1])}

# Bytes that the two fill in differently and that the kernel does not read for this question. Row, part, bytes, why.
UNREAD = {
    "match.statistic": ("statistic", slice(12, 16), "nth.count: the mode is random (xt_statistic.c, statistic_mt)"),
}
# iptables 1.8.9 has lower revisions of these than the kernel: kprobe asks for the highest.
LOWER_REVISION = ("target.SNAT", "target.SNAT.random-fully")


@pytest.fixture(scope="module")
def theirs() -> dict[str, Entry | None]:
    """What the program handed over, by row; None where it was not even tried."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(RULES, pool.map(blob.entry, RULES.values()), strict=True))


@pytest.fixture(scope="module")
def ours(collector: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Probe, Table]]:
    """What kprobe handed over, by row: the calls come in the order of the rows that came as far as making one."""
    file = tmp_path_factory.mktemp("strace") / "trace"
    run = collected([*blob.TRACE, "-o", str(file), str(collector), "--intrusive", "--select", "xt.legacy.*"])
    tables = list(blob.tables(file.read_text().splitlines()))
    rows = [probe for probe in run.probes if probe.step in PUT]
    assert len(tables) == len(rows)
    return {probe.id: (probe, table) for probe, table in zip(rows, tables, strict=True)}


@pytest.mark.parametrize("row", RULES)
def test_same_bytes(row: str, ours: dict[str, tuple[Probe, Table]], theirs: dict[str, Entry | None]) -> None:
    asked = theirs[row]
    if row not in ours or asked is None:
        # The extension is not there: both saw it by its revision, and asked no further. iptables tries all the same.
        assert row not in ours
        return
    probe, table = ours[row]
    mine = table.chains[blob.chain(RULES[row])]
    extension = next((part for part in mine.parts if part.name), None)
    assert probe.detail.get("revision", "") == (str(extension.revision) if extension else "")
    short = row.split(".", 3)[3]
    if short in LOWER_REVISION:
        assert mine.addressed == asked.addressed
        assert [part.name for part in mine.parts] == [part.name for part in asked.parts]
        assert mine.parts[-1].revision > asked.parts[-1].revision, "no exception any more: take the row out"
        return
    if short in UNREAD:
        name, unread, why = UNREAD[short]
        assert str(mine) != str(asked), f"no exception any more ({why}): take the row out"
        mine, asked = mine.without(name, unread), asked.without(name, unread)
    assert str(mine) == str(asked)


def test_exceptions_are_of_rows() -> None:
    rows = {row.split(".", 3)[3] for row in RULES}
    assert {*UNREAD, *LOWER_REVISION} <= rows


def test_something_was_compared(ours: dict[str, tuple[Probe, Table]], theirs: dict[str, Entry | None]) -> None:
    assert len(ours.keys() & {row for row, entry in theirs.items() if entry}) > len(RULES) / 2

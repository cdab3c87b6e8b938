# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A few modules of each family taken away, one at a time, on three kernels; `make accuracy` takes all of them.

And what judges that, on evidence that is wrong.
"""

from pathlib import Path

import msgspec
import pytest

from kprobe.evidence import Row

from . import accuracy, catalogue, closure, store, sweep, symbols, truth
from .conftest import ROOT

MODULES = (
    *(
        "vxlan",
        "ip6_udp_tunnel",
        "veth",
        "xt_mark",
        "xt_tcpudp",
        "ip_set_hash_ip",
        "nft_counter",
        "nft_limit",
        "nf_log_syslog",
    ),
    *(
        "nf_log_ipv4",
        "nf_flow_table_ipv4",
        "nf_conntrack_netlink",
        "nfnetlink_queue",
        "ip_vs_rr",
        "sch_ingress",
        "act_police",
    ),
)


@pytest.fixture(scope="module")
def swept(collector: Path) -> dict[str, accuracy.Checked]:
    known = catalogue.load()
    images = store.images(known, [kernel for kernel in known.kernels if kernel.name in accuracy.KERNELS])
    out = ROOT / "build" / "vm" / "tests" / "accuracy"
    accuracy.run(list(images.values()), collector, out, MODULES)
    rows = truth.catalogue(collector)
    return {name: accuracy.check(sweep.of(image, rows), out / name, MODULES) for name, image in images.items()}


@pytest.mark.parametrize("kernel", accuracy.KERNELS)
def test_what_rests_on_a_module_is_absent_without_it_and_nothing_else(
    swept: dict[str, accuracy.Checked], kernel: str
) -> None:
    found = swept[kernel]
    wrong = accuracy.wrong(found.judged)
    assert [(one.knock.name, one.row, one.verdict, one.said) for one in wrong] == []
    assert found.lacking == []
    assert sum(one.verdict == "true no" for one in found.judged) > 200


TREE = closure.Tree(
    {"CONFIG_A": "m", "CONFIG_B": "m", "CONFIG_C": "y"},
    {"a": "kernel/a.ko", "b": "kernel/b.ko", "below": "kernel/below.ko", "other": "kernel/other.ko"},
    {"a": ("below",), "b": (), "below": (), "other": ()},
    {"ipt_moved": "other"},
)
KNOWN: symbols.Symbols = {"CONFIG_A": ("a",), "CONFIG_B": ("b", "other"), "CONFIG_C": ("c",)}


def row(name: str, kconfig: str, modules: str = "", needs: str = "") -> Row:
    """A row that says this of itself."""
    words = {"kconfig": kconfig.split(), "modules": modules.split(), "needs": needs.split()}
    return msgspec.convert(
        {"type": "row", "family": name.split(".", maxsplit=1)[0], "id": name, "title": name, **words}, Row
    )


@pytest.mark.parametrize(
    ("name", "kconfig", "modules", "rests"),
    [
        ("x.a", "CONFIG_A", "", "a below"),
        ("x.built-in", "CONFIG_C", "c", ""),
        ("x.not-set", "CONFIG_Z", "a", ""),
        ("x.first-that-is-set", "CONFIG_Z|CONFIG_A|CONFIG_B", "", "a below"),
        ("x.several-and-the-row-names-one", "CONFIG_B", "b", "b"),
        ("x.several-and-the-row-names-none", "CONFIG_B", "", "b other"),
        ("xt.legacy.ipv4.match.moved", "CONFIG_B", "b", "other"),
    ],
)
def test_what_a_row_rests_on(name: str, kconfig: str, modules: str, rests: str) -> None:
    rows = {one.id: one for one in (row(name, kconfig, modules), row("x.above", "", "", name))}
    found = closure.of_rows(rows, TREE, KNOWN)
    assert found[name] == set(rests.split())
    assert found["x.above"] == found[name], "what it needs is what it rests on, too"


@pytest.mark.parametrize(
    ("worked", "hit", "outcome", "right", "verdict"),
    [
        (True, False, "works", True, "true yes"),
        (True, True, "absent", True, "true no"),
        (True, True, "absent", False, "wrong cause"),
        (True, True, "works", True, "false yes"),
        (True, False, "absent", False, "false no"),
        (False, False, "absent", False, "true no"),
        (False, False, "works", True, "false yes"),
        (True, True, "unknown", False, "undecided"),
        (True, False, "broken", False, "undecided"),
    ],
)
def test_verdicts(worked: bool, hit: bool, outcome: str, right: bool, verdict: str) -> None:
    assert accuracy.verdict(worked, hit, outcome, right) == verdict


def test_options_are_read_from_makefiles() -> None:
    text = "obj-$(CONFIG_A) += a.o \\\n\tb-c.o dir/\nb-c-$(CONFIG_D) += d.o\n"
    text += "obj-$(subst m,y,$(CONFIG_E)) += e.o\nobj-y += f.o\n"
    assert list(symbols.parse(text)) == [("CONFIG_A", "a"), ("CONFIG_A", "b_c"), ("CONFIG_E", "e")]

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Causes: each is told from the facts that show it, none is told without, and nothing in evidence makes it raise."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprobe import profile
from kprobe.cause import CODES, Cause, Code, cause
from kprobe.contradiction import contradictions
from kprobe.evidence import Begin, Caps, End, Evidence, Fact, Outcome, Probe, Uname
from kprobe.facts import Facts
from kprobe.judge import judge
from kprobe.remedy import remedy
from tests.unit import synthetic

FILE = "file:/lib/modules/6.18.0/vxlan.ko"
VXLAN = {"modules": ("vxlan",), "kconfig": ("CONFIG_VXLAN",), "since": "3.7"}
HERE = {"node.modules": {"vxlan": FILE}, "node.kconfig": {"CONFIG_VXLAN": "m"}}
GONE = {"node.modules": {"vxlan": "nowhere"}}
UNREAD = {"node.modules": {"vxlan": "unreadable"}, "node.modules-dep": "ENOENT"}
OFF = {"node.cmdline": {"ipv6.disable": "1"}}
ENFORCING = {"node.lsm": {"selinux": "enforcing", "label": "u:r:t"}}
NEEDS = {"node.module-needs": {"vxlan": "udp_tunnel ip6_udp_tunnel"}}


def told(
    facts: dict[str, Any], name: str = "link.vxlan.inet", outcome: Outcome = "absent", **more: Any
) -> tuple[Cause | None, Facts]:
    """The cause of one row among made-up facts; a fact that is a text is an error."""
    begin: dict[str, Any] = {key: more.pop(key) for key in ("seccomp", "caps", "sandbox", "release") if key in more}
    if "release" in begin:
        begin["uname"] = Uname(release=begin.pop("release"))
    end = End(rows=1, ns=1, audit=more.pop("audit", {}))
    row = synthetic.probe(name, outcome, **(VXLAN | more if name.startswith("link.vxlan") else more))
    found = Evidence(
        source="synthetic",
        begin=synthetic.begin([name], **begin),
        facts=tuple(
            Fact(id=key, error=value) if key == "node.modules-dep" else Fact(id=key, value=value)
            for key, value in facts.items()
        ),
        probes=(row,),
        end=end,
    )
    facts_of = Facts(found)
    return cause(row, facts_of), facts_of


DENIED: dict[str, Any] = {"name": "bpf.prog.sched_cls", "outcome": "denied", "errno": 1, "error": "EPERM"}
NEEDS_CAP = "needs CAP_NET_ADMIN: run as root, or add the capability to the container"
NEEDS_INIT = "needs CAP_SYS_ADMIN in the initial user namespace: run as root on the node"

CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "not built": ("not-built CONFIG_VXLAN", GONE | {"node.kconfig": {"CONFIG_VXLAN": "n"}}, {}),
    "not built, one of two": (
        "not-built CONFIG_A",
        {"node.kconfig": {"CONFIG_A": "n", "CONFIG_B": "n"}},
        {"kconfig": ("CONFIG_A|CONFIG_B",)},
    ),
    "the other of two is": (
        "unknown",
        {"node.kconfig": {"CONFIG_A": "n", "CONFIG_B": "y"}},
        {"kconfig": ("CONFIG_A|CONFIG_B",)},
    ),
    "a file was built, whatever the symbol says": ("unknown", HERE | {"node.kconfig": {"CONFIG_VXLAN": "n"}}, {}),
    "before 5.15 nothing asks for ip_vs": (
        "autoload-off ip_vs",
        {"node.modules": {"ip_vs": "file:/lib/ip_vs.ko"}},
        {"modules": ("ip_vs",), "release": "5.10.0"},
    ),
    "since 5.15 generic netlink does": (
        "unknown",
        {"node.modules": {"ip_vs": "file:/lib/ip_vs.ko"}},
        {"modules": ("ip_vs",), "release": "5.15.0"},
    ),
    "another module may stand for it, and does not where both are installed": (
        "module-file-missing own",
        {"node.modules": {"own": "missing:/lib/own.ko", "other": "loaded"}},
        {"modules": ("own|other",)},
    ),
    "another is installed, and whole": (
        "module-file-missing own",
        {"node.modules": {"own": "missing:/lib/own.ko", "other": "file:/lib/other.ko"}},
        {"modules": ("own|other",)},
    ),
    "another module stands for it where it is nowhere": (
        "unknown",
        {"node.modules": {"own": "nowhere", "other": "loaded"}},
        {"modules": ("own|other",)},
    ),
    "too old": ("too-old 6.19", {}, {"since": "6.19"}),
    "too old goes before not built": ("too-old 7.2", {"node.kconfig": {"CONFIG_VXLAN": "n"}}, {"since": "7.2"}),
    "too old needs a release": ("unknown", {}, {"since": "7.2", "release": "strange"}),
    "legacy tables off": (
        "legacy-tables-off CONFIG_NETFILTER_XTABLES_LEGACY",
        {"node.kconfig": {"CONFIG_NETFILTER_XTABLES_LEGACY": "n", "CONFIG_IP_NF_FILTER": "n"}},
        {"name": "xt.legacy.ipv4.table.filter", "kconfig": ("CONFIG_IP_NF_FILTER",)},
    ),
    "legacy tables nowhere": (
        "legacy-tables-off CONFIG_NETFILTER_XTABLES_LEGACY",
        {"node.modules": {"ip_tables": "nowhere"}},
        {"name": "xt.legacy.ipv4.table.filter", "modules": ("ip_tables",)},
    ),
    "legacy tables before 6.17": (
        "not-built CONFIG_IP_NF_FILTER",
        {"node.kconfig": {"CONFIG_NETFILTER_XTABLES_LEGACY": "n", "CONFIG_IP_NF_FILTER": "n"}},
        {"name": "xt.legacy.ipv4.table.filter", "kconfig": ("CONFIG_IP_NF_FILTER",), "release": "6.16.9"},
    ),
    "IPv6 off": ("ipv6-off ipv6.disable", OFF, {"name": "link.vxlan.inet6"}),
    "IPv6 off by its module": (
        "ipv6-off ipv6.disable",
        {"node.ipv6": {"module.disable": "1"}},
        {"name": "route.addr.inet6"},
    ),
    "IPv6 off, and a row that does not care": ("unknown", OFF, {"name": "link.ipip"}),
    "IPv6 off, and a module that needs it": (
        "ipv6-off ipv6.disable",
        OFF
        | {
            "node.modules": {"xfrm_interface": "file:/x"},
            "node.module-needs": {"xfrm_interface": "xfrm6_tunnel tunnel6"},
        },
        {"name": "link.xfrm", "modules": ("xfrm_interface",)},
    ),
    "file missing": ("module-file-missing vxlan", {"node.modules": {"vxlan": "missing:/x"}}, {}),
    "file of a dependency missing": (
        "module-file-missing udp_tunnel",
        HERE | NEEDS | {"node.module-files": {"udp_tunnel": "missing:/x"}},
        {},
    ),
    "file empty": ("module-file-damaged vxlan", HERE | {"node.module-files": {"vxlan": "empty:/x"}}, {}),
    "file cut": ("module-file-damaged vxlan", HERE | {"node.module-files": {"vxlan": "damaged:/x"}}, {}),
    "another module's file": ("unknown", HERE | {"node.module-files": {"ipip": "damaged:/x"}}, {}),
    "index empty": (
        "module-index vxlan",
        GONE | {"node.kconfig": {"CONFIG_VXLAN": "m"}, "node.module-tree": {"directory": "/x/", "dep_bytes": 0}},
        {},
    ),
    "package missing": ("package-missing vxlan", GONE | {"node.kconfig": {"CONFIG_VXLAN": "m"}}, {}),
    "nowhere, and no configuration": ("unknown", GONE, {}),
    "other release": ("wrong-module-directory vxlan", UNREAD | {"node.module-tree": {"others": ["6.17.0"]}}, {}),
    "no tree, but built in": ("unknown", UNREAD | {"node.kconfig": {"CONFIG_VXLAN": "y"}}, {}),
    "no tree in a container": ("container-view vxlan", UNREAD | {"node.container": {"kubernetes": True}}, {}),
    "other build": ("wrong-module-directory vxlan", HERE, {"log": ("vxlan: version magic 'a' should be 'b'",)}),
    "other build, by symbols": (
        "wrong-module-directory udp_tunnel",
        HERE,
        {"log": ("udp_tunnel: disagrees about version of symbol x",)},
    ),
    "modprobe empty": ("autoload-off vxlan", HERE | {"node.modprobe": {"exists_here": False}}, {}),
    "modprobe nowhere": ("autoload-off vxlan", HERE | {"node.modprobe": {"path": "/x", "exists_here": False}}, {}),
    "modprobe nowhere, in a container": (
        "unknown",
        HERE | {"node.modprobe": {"path": "/x", "exists_here": False}, "node.container": {"dockerenv": True}},
        {},
    ),
    "modules disabled": ("modules-disabled vxlan", HERE | {"node.modules-disabled": 1}, {}),
    "blacklisted, says the log": ("blacklisted udp_tunnel", HERE, {"log": ("Module udp_tunnel is blacklisted",)}),
    "blacklisted on the command line": (
        "blacklisted vxlan",
        HERE | {"node.cmdline": {"module_blacklist": "a,vxlan b"}},
        {},
    ),
    "a dependency blacklisted on the command line": (
        "blacklisted udp_tunnel",
        HERE | NEEDS | {"node.cmdline": {"module_blacklist": "udp-tunnel"}},
        {},
    ),
    "blacklisted for modprobe": ("blacklisted vxlan", HERE | {"node.cmdline": {"modprobe.blacklist": "vxlan"}}, {}),
    "modprobe's blacklist is not for dependencies": (
        "unknown",
        HERE
        | NEEDS
        | {
            "node.cmdline": {"modprobe.blacklist": "udp_tunnel"},
            "node.modprobe-d": {"lines": ["blacklist udp_tunnel /x"]},
        },
        {},
    ),
    "blacklisted in modprobe.d": (
        "blacklisted vxlan",
        HERE | {"node.modprobe-d": {"lines": ["blacklist vxlan /x"]}},
        {},
    ),
    "an install line for a dependency": (
        "blacklisted udp_tunnel",
        HERE | NEEDS | {"node.modprobe-d": {"lines": ["install-nothing udp-tunnel /x"]}},
        {},
    ),
    "built in, its start blacklisted": (
        "blacklisted netkit_mod_init",
        {"node.modules": {"netkit": "builtin"}, "node.cmdline": {"initcall_blacklist": "netkit_mod_init"}},
        {"name": "link.netkit", "modules": ("netkit",)},
    ),
    "built in, its start blacklisted, by another name than the module's": (
        "blacklisted fq_codel_module_init",
        {
            "node.modules": {"sch_fq_codel": "builtin"},
            "node.cmdline": {"initcall_blacklist": "packet_init,fq_codel_module_init"},
        },
        {"name": "tc.qdisc.fq_codel", "modules": ("sch_fq_codel",)},
    ),
    "a module, its start blacklisted": (
        "blacklisted fq_codel_module_init",
        {
            "node.modules": {"sch_fq_codel": "file:/lib/sch_fq_codel.ko"},
            "node.cmdline": {"initcall_blacklist": "fq_codel_module_init"},
        },
        {"name": "tc.qdisc.fq_codel", "modules": ("sch_fq_codel",)},
    ),
    "a module that was loaded did start": (
        "unknown vxlan_init_module",
        {"node.modules": {"vxlan": "loaded"}, "node.cmdline": {"initcall_blacklist": "vxlan_init_module"}},
        {},
    ),
    "the bpf file system kept from starting": (
        "blacklisted bpf_init",
        {"node.cmdline": {"initcall_blacklist": "bpf_init"}},
        {"name": "bpf.pin", "step": "mount bpffs"},
    ),
    "the bpf file system is no classifier": (
        "unknown bpf_init",
        {"node.modules": {"cls_bpf": "builtin"}, "node.cmdline": {"initcall_blacklist": "bpf_init"}},
        {"name": "tc.filter.bpf", "modules": ("cls_bpf",)},
    ),
    "something else kept from starting": (
        "unknown bpf_init",
        {"node.cmdline": {"initcall_blacklist": "bpf_init"}},
        {"name": "bpf.map.hash"},
    ),
    "SELinux refused to ask for modules, says the audit trail": (
        "lsm selinux",
        HERE | ENFORCING,
        {"audit": {"AVC.module_request": 3}},
    ),
    "SELinux refused to load one, says the audit trail": (
        "lsm selinux",
        HERE | ENFORCING,
        {"audit": {"AVC.module_load": 1}},
    ),
    "SELinux refused others, for this run got a module": (
        "unknown",
        HERE | ENFORCING,
        {"audit": {"AVC.module_request": 3}, "loaded": ("macvlan",)},
    ),
    "SELinux refused nothing that counts, being permissive": (
        "unknown",
        HERE | {"node.lsm": {"selinux": "permissive"}},
        {"audit": {"AVC.module_load": 1}},
    ),
    "SELinux enforces, and the audit trail could not be had": (
        "unknown selinux",
        HERE | ENFORCING,
        {"audit": {"error": "EPERM"}},
    ),
    "SELinux is not to blame for a file that is not there": (
        "module-file-missing vxlan",
        {"node.modules": {"vxlan": "missing:/lib/vxlan.ko"}} | ENFORCING,
        {"audit": {"AVC.module_load": 1}},
    ),
    "SELinux is not to blame for what was not built": (
        "not-built CONFIG_VXLAN",
        GONE | ENFORCING | {"node.kconfig": {"CONFIG_VXLAN": "n"}},
        {"audit": {"AVC.module_load": 1}},
    ),
    "signature": ("signature vxlan", HERE, {"log": ("Loading of unsigned module is rejected",)}),
    "lockdown of modules": (
        "lockdown vxlan",
        HERE,
        {"log": ("Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7",)},
    ),
    "what the run loaded is there": (
        "unknown",
        HERE | {"node.modprobe": {"exists_here": False}},
        {"loaded": ("vxlan",)},
    ),
    "JIT off": (
        "sysctl net.core.bpf_jit_enable",
        {"node.sysctl": {"net/core/bpf_jit_enable": "0"}},
        {"name": "bpf.insn.kfunc", "step": "BPF_PROG_LOAD"},
    ),
    "JIT off is no cause of a map": (
        "unknown",
        {"node.sysctl": {"net/core/bpf_jit_enable": "0"}},
        {"name": "bpf.map.hash", "step": "BPF_MAP_CREATE"},
    ),
    "capability": ("capability CAP_NET_ADMIN", {}, {**DENIED, "reason": NEEDS_CAP}),
    "capability that the process never had": (
        "capability CAP_SYS_ADMIN",
        {"node.userns": {"initial": False}},
        {**DENIED, "reason": NEEDS_INIT, "caps": Caps(effective="0000000000000000")},
    ),
    "user namespace": (
        "user-namespace CAP_SYS_ADMIN",
        {"node.userns": {"initial": False}},
        {**DENIED, "reason": NEEDS_INIT, "caps": Caps(effective="000001ffffffffff")},
    ),
    "namespaces used up": (
        "sysctl user.max_net_namespaces",
        {},
        {**DENIED, "reason": "user.max_*_namespaces is reached or 0: raise it (sysctl user.max_net_namespaces)"},
    ),
    "seccomp": ("seccomp", {"node.lsm": {"selinux": "enforcing"}}, {**DENIED, "reason": "refused", "seccomp": 2}),
    "seccomp may have answered": (
        "seccomp",
        {},
        {
            "name": "bpf.prog.xdp",
            "outcome": "unknown",
            "reason": "a seccomp filter is active and may have answered",
            "seccomp": 2,
        },
    ),
    "SELinux": (
        "lsm selinux",
        {"node.lsm": {"selinux": "enforcing", "label": "a:b:c"}},
        {**DENIED, "reason": "refused"},
    ),
    "SELinux, seen from a container that has no selinuxfs": (
        "unknown selinux",
        {"node.lsm": {"active": "capability,selinux", "label": "a:b:c"}},
        {**DENIED, "reason": "refused"},
    ),
    "SELinux, permissive": ("unknown", {"node.lsm": {"selinux": "permissive"}}, {**DENIED, "reason": "refused"}),
    "AppArmor": (
        "lsm apparmor",
        {"node.lsm": {"apparmor": "Y", "label": "docker-default (enforce)"}},
        {**DENIED, "reason": "refused"},
    ),
    "AppArmor, unconfined": (
        "unknown",
        {"node.lsm": {"apparmor": "Y", "label": "unconfined"}},
        {**DENIED, "reason": "refused"},
    ),
    "lockdown": ("lockdown confidentiality", {"node.lockdown": "confidentiality"}, {**DENIED, "reason": "refused"}),
    "a read-only /proc/sys, and a filter besides": (
        "read-only",
        {},
        {"name": "sysctl.net.ipv4.ip_forward", "outcome": "denied", "errno": 30, "error": "EROFS", "seccomp": 2},
    ),
    "memlock": ("memlock", {}, {"name": "bpf.map.hash", "outcome": "unknown", "reason": "RLIMIT_MEMLOCK, which"}),
    "a doubt with a reason of its own": ("", {}, {"name": "bpf.map.hash", "outcome": "unknown", "reason": "run again"}),
    "nothing is known": ("unknown", {}, {}),
    "prerequisite not in the evidence": (
        "prerequisite link.other",
        {},
        {"step": "prerequisite", "reason": "needs link.other, which is absent"},
    ),
    "a circle of prerequisites": (
        "unknown",
        {},
        {"step": "prerequisite", "reason": "needs link.vxlan.inet, which is absent"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_cause(name: str) -> None:
    expected, facts, more = CASES[name]
    found, _ = told(facts, **more)
    said = " ".join(filter(None, (found.code, found.subject))) if found else ""
    assert said == expected
    assert found is None or found.text


@pytest.mark.parametrize("name", CASES)
def test_without_its_facts_no_cause_is_told(name: str) -> None:
    """Each fact of a case is one that its cause rests on: without any, or with the wrong types, it is not told."""
    expected, facts, more = CASES[name]
    code = expected.split(" ")[0]
    if not facts or code == "unknown":
        return
    wrongs: list[dict[str, Any]] = [
        {},
        dict.fromkeys(facts),
        dict.fromkeys(facts, 7),
        {key: {"a": [[]]} for key in facts},
    ]
    for wrong in wrongs:
        found, _ = told(wrong, **{**more, "seccomp": 0})
        assert found is None or found.code != code or code in {"too-old", "capability", "seccomp"}, (wrong, found)


def test_every_code_is_described_and_tested() -> None:
    assert set(CODES) == set(get_args(Code))
    assert {expected.split(" ")[0] for expected, _, _ in CASES.values()} == set(CODES) | {""}


def test_a_prerequisite_passes_its_cause_on() -> None:
    first = synthetic.probe("link.ipip", "absent", kconfig=("CONFIG_NET_IPIP",))
    second = synthetic.probe(
        "link.ipip.tunl0", "absent", step="prerequisite", errno=0, error="", reason="needs link.ipip, which is absent"
    )
    third = synthetic.probe(
        "flow.ipip", "absent", step="prerequisite", errno=0, error="", reason="needs link.ipip.tunl0, which is absent"
    )
    found = msgspec.structs.replace(
        synthetic.stream({}),
        probes=(first, second, third),
        facts=(Fact(id="node.kconfig", value={"CONFIG_NET_IPIP": "n"}),),
    )
    facts = Facts(found)
    causes = [cause(row, facts) for row in (first, second, third)]
    assert [(each.code, each.via) for each in causes if each] == [
        ("not-built", ""),
        ("not-built", "link.ipip"),
        ("not-built", "link.ipip"),
    ]


def test_controls_and_works_have_no_cause() -> None:
    facts = Facts(synthetic.stream({}))
    assert cause(synthetic.probe("link.ipip"), facts) is None
    assert cause(synthetic.probe("link.control.negative", "absent", control="negative"), facts) is None


CONFIG_N = {"node.kconfig": {"CONFIG_VXLAN": "n"}}
CONTRADICTIONS: dict[str, tuple[list[str], dict[str, Any], dict[str, Any]]] = {
    "loaded, and the kernel said no": (
        ["module vxlan: loaded, yet the kernel said no"],
        {"node.modules": {"vxlan": "loaded"}},
        {},
    ),
    "set, and the kernel said no": (
        ["config CONFIG_VXLAN: y, yet the kernel said no"],
        {"node.kconfig": {"CONFIG_VXLAN": "y"}},
        {},
    ),
    "not set, and the kernel did it": (
        ["config CONFIG_VXLAN: n, yet the kernel did it"],
        CONFIG_N,
        {"outcome": "works"},
    ),
    "nowhere, and the kernel loaded it": (
        ["module vxlan: nowhere, yet the kernel loaded it"],
        GONE,
        {"outcome": "works", "loaded": ("vxlan",)},
    ),
    "a cause is no contradiction": ([], {"node.kconfig": {"CONFIG_VXLAN": "y"}}, {"since": "9.9"}),
    "a file says nothing": ([], HERE, {}),
    "an unreadable index says nothing": ([], {"node.modules": {"vxlan": "unreadable"}}, {}),
    "agreement": (
        [],
        {"node.modules": {"vxlan": "loaded"}, "node.kconfig": {"CONFIG_VXLAN": "y"}},
        {"outcome": "works"},
    ),
    "denied says nothing of the kernel": ([], {"node.modules": {"vxlan": "loaded"}}, {"outcome": "denied"}),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions(name: str) -> None:
    expected, facts, more = CONTRADICTIONS[name]
    found, known = told(facts, **more)
    row = known.rows["link.vxlan.inet"]
    assert [said.text for said in contradictions(row, found, known)] == expected


# Whatever stands in evidence

WORDS = [
    *(
        "node.modules",
        "node.kconfig",
        "node.cmdline",
        "node.lsm",
        "node.modprobe",
        "node.module-files",
        "node.module-needs",
    ),
    *("node.module-tree", "node.modprobe-d", "node.modules-dep", "node.container", "node.userns", "node.os-release"),
    *(
        "vxlan",
        "CONFIG_VXLAN",
        "lines",
        "path",
        "exists_here",
        "dep_bytes",
        "others",
        "initial",
        "file:/x",
        "missing:/x",
        "y",
    ),
    *(
        "nowhere",
        "unreadable",
        "blacklist vxlan /x",
        "install",
        "",
        "1",
        "0",
        "ENOENT",
        "needs CAP_NET_ADMIN",
        "needs a, which is ",
    ),
    *(
        "prerequisite",
        "unshare",
        "6.12",
        "3.",
        "debian",
        "rhel",
        "Module vxlan is blacklisted",
        "xt.legacy.a",
        "link.b",
        "id",
    ),
]
text = st.sampled_from(WORDS) | st.text(max_size=20)
value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=4),
    max_leaves=8,
)
texts = st.lists(text, max_size=3).map(tuple)
outcomes = st.sampled_from(get_args(Outcome))
probes = st.builds(
    Probe, id=text, family=text, title=text, modules=texts, kconfig=texts, since=text, seq=st.just(0),
    worker=st.just(0), ns=st.just(0), outcome=outcomes, step=text, reason=text, log=texts, loaded=texts, error=text,
    control=st.sampled_from(["", "positive", "negative"]),
)  # fmt: skip
facts = st.builds(Fact, id=text, value=value, error=text)
begins = st.builds(
    Begin, format=st.just(1), uid=st.just(0), seccomp=st.integers(-1, 2), uname=st.builds(Uname, release=text),
    caps=st.builds(Caps, effective=text),
)  # fmt: skip


@given(begins, st.lists(facts, max_size=6), st.lists(probes, min_size=1, max_size=4))
def test_causes_are_total(begin: Begin, known: list[Fact], rows: list[Probe]) -> None:
    found = Evidence(source="", begin=begin, facts=tuple(known), probes=tuple(rows), end=End(rows=1, ns=1))
    of = Facts(found)
    for row in rows:
        why = cause(row, of)
        assert row.outcome != "works" or why is None
        assert (
            why is not None
            or row.outcome in {"works", "unknown"}
            or row.control == "negative"
            or row.step == "prerequisite"
        )
        list(contradictions(row, why, of))
        if why is not None:
            assert why.code in CODES
            remedy(why, of)
    report = judge(found, profile.load("flannel"))
    assert json.loads(msgspec.json.encode(report))

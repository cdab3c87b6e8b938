# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Who else writes packet rules here, which iptables is in use, and which one Felix would take."""

import re
from collections.abc import Mapping

from kprobe.node.rule import Answer, Rule, UnsureError, View, bad, fine

PROCESSES = {"firewalld": "firewalld", "lfd": "CSF", "shorewall": "Shorewall"}
CHAINS = {
    "ufw-user-": "ufw",
    "ufw6-user-": "ufw",
    "IN_public": "firewalld",
    "FWDI_": "firewalld",
    "INPUT_direct": "firewalld",
    "shorewall": "Shorewall",
    "LOCALINPUT": "CSF",
    "nixos-fw": "the NixOS firewall",
}
TABLES = {"inet firewalld": "firewalld", "ip firewalld": "firewalld", "ip6 firewalld": "firewalld"}
"""Rule managers that Calico's page wants disabled, by process, by chains, by tables of nf_tables."""

NEIGHBOURS = {"DOCKER": "Docker", "LIBVIRT": "libvirt", "f2b-": "fail2ban", "CROWDSEC": "CrowdSec", "fwknop": "fwknop"}
"""Programs with chains of their own among others'."""

OFF = {
    "firewalld": "systemctl disable --now firewalld",
    "ufw": "ufw disable",
    "Shorewall": "systemctl disable --now shorewall",
    "CSF": "csf -x",
}
IPTABLES = ("filter", "nat", "mangle", "raw", "security")
HINTS = ("KUBE-IPTABLES-HINT", "KUBE-KUBELET-CANARY")


def tables(view: View) -> dict[str, str]:
    """Return the fact node.rules, read whole: ``nft ip filter`` → ``chains=3 rules=7 KUBE-SERVICES``."""
    return view.once("tables", lambda: _tables(view))


def _tables(view: View) -> dict[str, str]:
    view.host_network()
    found = view.get("node.rules", dict[str, str])
    for name in ("nft", "legacy ip", "legacy ip6"):
        state = found.get(name, "error: nothing")
        if state.startswith("error:") or any(
            key.startswith(f"{name} ") and v.startswith("error:") for key, v in found.items()
        ):
            raise UnsureError(f"the rules of {name} could not be read; run as root")
        if state == "more":
            raise UnsureError("there are more tables than the collector counts")
    return found


def _named(found: Mapping[str, str], makers: Mapping[str, str]) -> list[str]:
    return [makers[word] for text in found.values() for word in text.split() if word in makers]


def _firewall(view: View) -> Answer:
    running = view.running()
    names = [manager for process, manager in PROCESSES.items() if process in running]
    if not names:
        found = tables(view)
        names = _named(found, CHAINS)
        names += [manager for table, manager in TABLES.items() if f"nft {table}" in found]
    if names:
        each = list(dict.fromkeys(names))
        todo = "; ".join(f"`{OFF[name]}`" for name in each if name in OFF)
        return bad(
            f"{', '.join(each)} writes rules here; {todo or 'disable it'}, and use Calico's HostEndpoint policies"
        )
    besides = ", ".join(dict.fromkeys(_named(found, NEIGHBOURS)))
    return fine(f"no rule manager{f'; {besides} has chains of its own' if besides else ''}")


def _rules(found: Mapping[str, str], kind: str) -> int:
    """Count the rules that iptables of this kind would save."""
    counted = 0
    for name, text in found.items():
        words = name.split()
        if len(words) == 3 and words[0] == kind and words[1] in {"ip", "ip6"} and words[2] in IPTABLES:
            counted += int(number[1]) if (number := re.search(r"\brules=(\d{1,9})\b", text)) else 0
    return counted


def _hinted(found: Mapping[str, str], kind: str) -> bool:
    return any(hint in found.get(f"{kind} {ip} mangle", "").split() for hint in HINTS for ip in ("ip", "ip6"))


def felix_takes(found: Mapping[str, str]) -> tuple[str, str]:
    """Return the backend that Felix's own rule picks, and why (felix/environment/feature_detect_linux.go)."""
    nft, legacy = _rules(found, "nft"), _rules(found, "legacy")
    if _hinted(found, "nft"):
        return "nft", "kubelet's chains are there"
    if _hinted(found, "legacy"):
        return "legacy", "kubelet's chains are there"
    if legacy >= nft:
        return "legacy", f"{legacy} rules of legacy, {nft} of nft, and legacy wins a tie"
    return "nft", f"{nft} rules of nft, {legacy} of legacy"


def _backend(view: View) -> Answer:
    found = tables(view)
    taken, why = felix_takes(found)
    nft, legacy = _rules(found, "nft"), _rules(found, "legacy")
    if nft and legacy:
        return bad(
            f"rules of both kinds: {nft} of iptables-nft, {legacy} of iptables-legacy, each blind to the other; "
            f"Felix takes {taken} ({why}); flush one kind, or set IptablesBackend"
        )
    return fine(f"Felix takes {taken}: {why}")


def _variant(program: str) -> str:
    return next((kind for kind in ("legacy", "nft") if kind in program), "")


def _programs(view: View) -> Answer:
    found = view.get("node.programs", dict[str, str])
    view.host_processes()
    inodes = view.get("node.namespaces", dict[str, int])
    if "pid1.mnt" not in inodes:
        raise UnsureError("the files of process 1 cannot be seen from here; run as root")
    if inodes.get("mnt") == inodes["pid1.mnt"]:
        return fine("these are the host's own programs")
    here, host = (_variant(found.get(f"{place} iptables", "")) for place in ("here", "host"))
    if not here or not host:
        raise UnsureError("which iptables the host has cannot be seen from here")
    if here != host:
        return bad(
            f"iptables is {here} in this container and {host} on the host: rules of one are invisible to the other"
        )
    return fine(f"iptables is {here} here and on the host")


RULES = (
    Rule(
        id="node.firewall",
        title="no firewalld, ufw or other rule manager",
        asks="does a program run here, or has one left chains or tables, that manages the host's packet rules?",
        proves="processes, names of chains, names of tables",
        judge=_firewall,
    ),
    Rule(
        id="node.iptables.backend",
        title="one iptables backend, and Felix takes it",
        asks="are there rules of one kind of iptables only?",
        proves="rules counted by netlink and IPT_SO_GET_ENTRIES; Felix's own rule says which kind it takes",
        judge=_backend,
    ),
    Rule(
        id="node.iptables.programs",
        title="iptables here is the host's kind",
        asks="where kprobe runs in a container: is its iptables of the same kind as the host's?",
        proves="what iptables is a link to, here and in the mount namespace of process 1",
        judge=_programs,
    ),
)

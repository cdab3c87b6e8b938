# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Other network providers on the node, and the directories where the runtime looks for plug-ins."""

import re
from collections.abc import Iterable

from kprobe.node.managers import tables
from kprobe.node.names import owner
from kprobe.node.rule import Answer, Rule, View, bad, fine

CONF, BIN = "/etc/cni/net.d", "/opt/cni/bin"

PROVIDERS = {
    "flannel": "flannel",
    "aws-cni": "the AWS VPC CNI",
    "azure-vnet": "the Azure VNET CNI",
    "cilium-cni": "Cilium",
    "weave-net": "Weave Net",
    "antrea": "Antrea",
    "kube-router": "kube-router",
    "kube-ovn": "Kube-OVN",
    "ovn-k8s-cni-overlay": "OVN-Kubernetes",
    "romana": "Romana",
    "contiv-k8s.bin": "Contiv",
    "nuage-cni-k8s": "Nuage",
}
PROCESSES = {
    "flanneld": "flannel",
    "cilium-agent": "Cilium",
    "weaver": "Weave Net",
    "kube-router": "kube-router",
    "antrea-agent": "Antrea",
    "ovnkube": "OVN-Kubernetes",
    "kube-ovn-daemon": "Kube-OVN",
    "romana_agent": "Romana",
    "aws-k8s-agent": "the AWS VPC CNI",
    "azure-cns": "the Azure VNET CNI",
}
CHAINS = {
    "CILIUM_": "Cilium",
    "WEAVE": "Weave Net",
    "KUBE-ROUTER": "kube-router",
    "ANTREA": "Antrea",
    "OVN-": "Kube-OVN",
}
TOGETHER = {"flannel", "the AWS VPC CNI", "the Azure VNET CNI"}
"""With which Calico's page allows Calico."""

NOT_PROVIDERS = {"Docker", "kube-proxy in IPVS mode"}


def _foreign(view: View) -> Answer:
    running = view.running()
    view.host_files()
    confs = view.lines("node.cni-conf", but=(f"{CONF}/",))
    found = [PROVIDERS[kind] for lines in confs.values() for kind in _types(lines) if kind in PROVIDERS]
    found += [provider for process, provider in PROCESSES.items() if process in running]
    view.host_network()
    links = view.get("node.links", dict[str, str | int])
    found += [whose for name in links if (whose := owner(name)) and whose not in NOT_PROVIDERS]
    found += ["Cilium"] if "veth/lxc" in links and "Cilium" in found else []
    found += [CHAINS[word] for text in tables(view).values() for word in text.split() if word in CHAINS]
    each = list(dict.fromkeys(found))
    others = [provider for provider in each if provider not in TOGETHER]
    if others:
        return bad(f"{', '.join(others)} is on this node; Calico cannot run next to it, nor be migrated to")
    return fine(f"{', '.join(each)}, next to which Calico may run" if each else "no other network provider")


def _types(lines: Iterable[str]) -> list[str]:
    return [line.removeprefix("type=") for line in lines if line.startswith("type=")]


def _first(view: View) -> Answer:
    view.host_files()
    confs = view.lines("node.cni-conf", but=(f"{CONF}/",))
    if not confs:
        return fine("no CNI configuration yet: Calico's will be the first")
    first = min(confs, key=lambda path: path.rpartition("/")[2])
    kinds = _types(confs[first])
    if "calico" in kinds[:1] or first.rpartition("/")[2] > "10-calico.conflist":
        return fine("Calico's configuration is, or will be, the first that the runtime reads")
    if kinds[:1] == ["multus"]:
        return fine(f"{first} is Multus, which hands on to Calico")
    return bad(f"the runtime takes {first} ({', '.join(kinds) or 'no plug-in'}), before 10-calico.conflist; remove it")


def _directory(wanted: str, keys: tuple[str, ...], flag: str) -> "Rule":
    def judge(view: View) -> Answer:
        view.host_files()
        for path, lines in view.lines("node.cni-runtime").items():
            for line in lines:
                key, _, value = line.partition("=")
                named = re.findall(r"[\"']([^\"']+)[\"']", value)
                if key.strip() in keys and named and wanted not in {name.rstrip("/") for name in named}:
                    return bad(f"{path} says {key.strip()} = {', '.join(named)}; Calico's plug-ins go to {wanted}")
        said = view.get("node.kubernetes", dict[str, str]).get(flag, "")
        if said and wanted not in {name.rstrip("/") for name in said.split(",")}:
            return bad(f"kubelet runs with {flag.partition('.')[2]}={said}; Calico's plug-ins go to {wanted}")
        return fine(f"nothing makes the runtime look elsewhere than in {wanted}")

    return Rule(
        id=f"node.cni.{keys[0].replace('_', '-')}",
        title=f"the runtime looks in {wanted}",
        asks=f"does any setting of containerd, CRI-O or kubelet name another directory than {wanted}?",
        proves="their configuration files and kubelet's flags; without a setting it is their default",
        judge=judge,
    )


RULES = (
    Rule(
        id="node.cni.foreign",
        title="no other network provider, but those that Calico goes with",
        asks="is there another CNI's configuration, process, device or chain?",
        proves="any of these; flannel, the AWS VPC CNI and the Azure VNET CNI are allowed",
        judge=_foreign,
    ),
    Rule(
        id="node.cni.first",
        title="Calico's CNI configuration is the one that counts",
        asks="does no other configuration sort before 10-calico.conflist?",
        proves="names of the files in /etc/cni/net.d: a runtime takes the first",
        judge=_first,
    ),
    _directory(CONF, ("conf_dir", "network_dir"), "kubelet.cni-conf-dir"),
    _directory(BIN, ("bin_dir", "bin_dirs", "plugin_dirs"), "kubelet.cni-bin-dir"),
)

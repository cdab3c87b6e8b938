# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The image of the collector, built by buildah, run by podman: privileged, on the host's side, and with nothing."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kprobe import diff, evidence, node, profile
from kprobe.evidence import Evidence
from kprobe.judge import judge
from tests.live.conftest import ROOT

IMAGE = "localhost/kprobe-collect"
SELECT = " ".join(("ns.*", "link.*", "route.*", "xt.nft.ipv4.*", "ipset.*", "sysctl.*", "bpf.prog.*", "attach.*"))
# A node made of namespaces, with a process 1, a name and a device of its own: this machine's process 1 may be out of
# reach, where all this runs inside of something. Of cgroups podman knows either version and no mixture, so version 2
# is all that this node has; limits stay as they are, for nobody may raise what something further out has lowered. What
# podman keeps outside of its storage (/run/libpod, locks) is this node's, too, and goes with it.
NODE = """
umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1
mount -t tmpfs run /run && mount -t tmpfs shm /dev/shm || exit 1
hostname node-7
ip link add kpnode0 type veth peer kpnode1 || exit 1
"$@"
exit $?
"""
PRIVILEGED = ("--privileged", "--pids-limit=-1")
UNPRIVILEGED = ("--network=none", "--cgroups=disabled")
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--uts", "--net", "sh", "-c", NODE, "node")
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")


def on_node(*command: str | Path) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([*UNSHARE, *command], capture_output=True, timeout=120, check=False)


def read(done: "subprocess.CompletedProcess[bytes]", source: str) -> Evidence:
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return evidence.parse(done.stdout.splitlines(keepends=True), source)


class Store:
    """A storage of images of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.options = ["--root", f"{path}/root", "--runroot", f"{path}/run", "--storage-driver", "vfs"]

    def buildah(self, *arguments: str) -> None:
        subprocess.run(["buildah", *self.options, *arguments], check=True, capture_output=True, timeout=120)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        """Run a container on the node made of namespaces."""
        podman = ["podman", *self.options, "--cgroup-manager", "cgroupfs", "--events-backend", "file"]
        return on_node(*podman, "run", "--rm", *LIMITS, *arguments)

    def evidence(self, *arguments: str) -> Evidence:
        return read(self.run(*arguments), "pod")


@pytest.fixture(scope="module")
def store(collector: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    assert collector == ROOT / "dist/kprobe-collect-x86_64"
    assert shutil.which("buildah"), "apt-get install buildah"
    assert shutil.which("podman"), "apt-get install podman crun"
    made = Store(tmp_path_factory.mktemp("store"))
    out = made.path / "image.oci.tar"
    environ = os.environ | {"IMAGE_STORE": str(made.path)}
    subprocess.run(["sh", "tools/image.sh", str(out), "x86_64"], cwd=ROOT, env=environ, check=True)
    yield made
    subprocess.run(["umount", "-q", f"{made.path}/root/vfs"], check=False)
    for cgroup in sorted(Path("/sys/fs/cgroup").glob("**/libpod_parent/**/"), reverse=True):
        cgroup.rmdir()


@pytest.fixture(scope="module")
def host(collector: Path) -> Evidence:
    return read(on_node(collector, "--select", SELECT), "host")


@pytest.fixture(scope="module")
def privileged(store: Store) -> Evidence:
    pod = ("--pid=host", "--network=none", IMAGE)
    return store.evidence(*PRIVILEGED, *pod, "--host", "--tag", "node-7", "--select", SELECT)


@pytest.fixture(scope="module")
def unprivileged(store: Store) -> Evidence:
    return store.evidence(*UNPRIVILEGED, IMAGE, "--select", SELECT)


MOVING = {"node.container", "node.namespaces", "node.memory", "node.processes", "node.clock"}
"""What is another from one moment or one node to the next."""


def outcomes(found: Evidence) -> dict[str, str]:
    return {probe.id: probe.outcome for probe in found.probes}


def derived(found: Evidence) -> dict[str, str]:
    return {probe.id: probe.outcome for probe in node.derive(found)}


def test_the_image_is_one_file(store: Store) -> None:
    with tarfile.open(store.path / "image.oci.tar") as archive:
        blobs = [archive.extractfile(member) for member in archive if member.isfile()]
        contents = [blob.read() for blob in blobs if blob]
        layers = [content for content in contents if content[:2] == b"\x1f\x8b"]
        said = [json.loads(content) for content in contents if content[:1] == b"{"]
    (config,) = [each for each in said if "rootfs" in each]
    assert (config["architecture"], config["config"]["Entrypoint"]) == ("amd64", ["/kprobe-collect"])
    (layer,) = layers
    (store.path / "layer.tar.gz").write_bytes(layer)
    with tarfile.open(store.path / "layer.tar.gz") as archive:
        assert archive.getnames() == ["kprobe-collect"]
        assert archive.getmember("kprobe-collect").mode & 0o777 == 0o755


def test_privileged_and_gone_to_the_host_it_says_what_it_says_on_the_host(host: Evidence, privileged: Evidence) -> None:
    assert outcomes(privileged) == outcomes(host)
    assert outcomes(host)["link.veth"] == "works"
    assert privileged.begin.uname == host.begin.uname
    assert privileged.begin.uname.nodename == "node-7"
    facts, of_host = ({fact.id: fact for fact in found.facts} for found in (privileged, host))
    assert facts.keys() == of_host.keys()
    assert {name for name, fact in facts.items() if fact != of_host[name]} <= MOVING
    assert facts["node.os-release"].value["id"], "a file of the host's"
    assert facts["node.links"].value["veth/other"] == 2, "devices of the host's"
    assert facts["node.namespaces"].value["mnt"] == facts["node.namespaces"].value["pid1.mnt"]
    assert not facts["node.container"].value["containerenv"]
    assert derived(privileged) == derived(host)
    assert [(mode.name, mode.verdict) for mode in judge(privileged, profile.load("calico")).modes] == [
        (mode.name, mode.verdict) for mode in judge(host, profile.load("calico")).modes
    ]


def test_the_host_cannot_be_entered_without_its_processes(store: Store) -> None:
    done = store.run(*PRIVILEGED, "--network=none", IMAGE, "--host", "--select", "ns.net")
    assert done.returncode == 2
    assert b"hostPID" in done.stderr
    assert done.stdout == b""
    pod = (*PRIVILEGED, "--user=65534", "--pid=host", "--network=none", IMAGE)
    denied = store.run(*pod, "--host", "--select", "ns.net")
    assert denied.returncode == 2
    assert re.search(b"takes a privileged container: (Permission denied|Operation not permitted);", denied.stderr)


def test_without_privilege_nothing_is_called_absent_that_is_denied(host: Evidence, unprivileged: Evidence) -> None:
    here, there = outcomes(unprivileged), outcomes(host)
    assert not {row for row, outcome in here.items() if outcome == "absent" and there[row] == "works"}
    assert here["bpf.prog.xdp"] in {"denied", "unknown"}
    assert derived(unprivileged)["node.privileged"] == "denied"
    report = judge(unprivileged, profile.load("calico"))
    assert report.verdict in {"unknown", "fail"}
    better = [
        (mode.name, mode.verdict, before.verdict)
        for mode, before in zip(report.modes, judge(host, profile.load("calico")).modes, strict=True)
        if mode.verdict == "pass" != before.verdict
    ]
    assert better == [], "a container that sees less cannot promise more"
    codes = {each.cause.code for each in report.explained}
    assert codes & {"capability", "seccomp", "user-namespace"}, codes
    assert "container-view" in codes or not any(each.cause.code == "package-missing" for each in report.explained)


def test_the_host_beside_the_container(host: Evidence, unprivileged: Evidence, tmp_path: Path) -> None:
    for name, found in (("host", host), ("pod", unprivileged)):
        (tmp_path / f"{name}.ndjson").write_bytes(evidence.write(found))
    command = [sys.executable, "-m", "kprobe", "diff", str(tmp_path / "host.ndjson"), str(tmp_path / "pod.ndjson")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "node.privileged: works -> denied" in done.stdout or "node.privileged: " not in done.stdout
    changed = diff.diff(*(judge(found, profile.load("calico")) for found in (host, unprivileged))).changes
    assert any(change.kind == "row" and change.sense == "worse" and "CAP_" in change.words for change in changed)


def test_a_log_of_both_mixed(store: Store) -> None:
    """What `kubectl logs --prefix` makes of the pods of a DaemonSet."""
    logs = [
        store.run(*UNPRIVILEGED, IMAGE, "--tag", f"node-{number}", "--select", "link.* ns.*").stdout
        for number in (1, 2)
    ]
    assert all(
        json.loads(line)["run"] == f"node-{number}" for number, log in enumerate(logs, 1) for line in log.splitlines()
    )
    pairs = zip(*(log.splitlines(keepends=True) for log in logs), strict=False)
    mixed = b"".join(line for pair in pairs for line in pair)
    command = [sys.executable, "-m", "kprobe", "judge", "-", "--format", "json"]
    done = subprocess.run(command, input=mixed, capture_output=True, timeout=60, check=False)
    sources = re.findall(rb'"source": "(stdin#node-\d)",$', done.stdout, re.MULTILINE)
    assert sources == [
        b"stdin#node-1",
        b"stdin#node-2",
    ]
    assert done.returncode in {1, 3}, done.stderr


@pytest.mark.parametrize("swapped", [False, True])
def test_programs_of_another_kind_than_the_hosts(store: Store, tmp_path: Path, swapped: bool) -> None:
    """An image with real files of Debian's iptables: of the host's kind, and of the other."""
    kinds = {"nft": "xtables-nft-multi", "legacy": "xtables-legacy-multi"}
    hosts = next(kind for kind, file in kinds.items() if Path("/usr/sbin/iptables").resolve().name == file)
    (other,) = kinds.keys() - {hosts}
    program = kinds[other if swapped else hosts]
    programs = tmp_path / "usr/sbin"
    programs.mkdir(parents=True)
    shutil.copy(Path("/usr/sbin") / program, programs / program)
    (programs / "iptables").symlink_to(f"/usr/sbin/{program}")
    (tmp_path / "Containerfile").write_text(f"FROM {IMAGE}\nCOPY usr /usr\n")
    image = f"localhost/iptables-{swapped}".lower()
    store.buildah("bud", "--isolation", "chroot", "--tag", image, "--file", f"{tmp_path}/Containerfile", str(tmp_path))
    found = store.evidence(*PRIVILEGED, "--pid=host", "--network=host", image, "--select", "ns.net")
    facts = {fact.id: fact.value for fact in found.facts}
    assert facts["node.programs"]["here iptables"] == program
    assert facts["node.programs"]["host iptables"] == kinds[hosts]
    assert facts["node.namespaces"]["mnt"] != facts["node.namespaces"]["pid1.mnt"]

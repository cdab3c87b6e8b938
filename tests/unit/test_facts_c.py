"""csrc/{facts*,modinfo,kconfig,lines}.c read a made-up node (KP_ROOT) and say what is in it, and nothing else."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import cffi
import pytest

from tests.unit.clib import CSRC, build

SOURCES = (
    *("lines", "modinfo", "kconfig", "inflate", "str", "evidence", "classify"),
    *("factkit", "facts", "facts_files", "facts_proc", "facts_self", "facts_modules"),
)
RELEASE = os.uname().release

ROWS = """
#include "facts.h"
int kp_test_facts(int fd, int seccomp);
int kp_test_missed(int fd, const char *names);
long kp_test_scan(void);
static const struct kp_probe rows[] = {
    { .id = "a", .modules = "vxlan ip-tunnel tunnel4|ipip  xt-set nf_nat",
      .kconfig = "CONFIG_VXLAN CONFIG_A|CONFIG_B" },
    { .id = "b", .modules = "vxlan wireguard ip_set ip_set_hash_ip far away",
      .kconfig = "CONFIG_VXLAN CONFIG_NET CONFIG_VXLAN_X" },
    { .id = "c" },
};
static const struct kp_family family = { "t", "t", 0, rows, 3 };
const struct kp_family *const kp_families[] = { &family };
const unsigned int kp_n_families = 1;
static struct kp_modinfo info;
static char line[KP_LINE];
int kp_test_facts(int fd, int seccomp)
{
    struct kp_out o = { .fd = fd, .line = line };
    struct kp_env env = { .seccomp = seccomp };

    kp_modinfo_scan(&info);
    kp_facts(&o, &env, &info);
    return o.err;
}
int kp_test_missed(int fd, const char *names)
{
    struct kp_out o = { .fd = fd, .line = line };
    uint8_t missed[KP_MODULES_MAX] = { 0 };
    char name[40];

    kp_modinfo_scan(&info);
    while (kp_word(&names, name, sizeof(name)))
        missed[kp_modinfo_find(&info, name) - info.mod] = 1;
    kp_facts_of_missed(&o, &info, missed);
    return o.err;
}
long kp_test_scan(void)
{
    kp_modinfo_scan(&info);
    return kp_modinfo_find(&info, "ip-set-hash-ip") != NULL && kp_modinfo_find(&info, "ip_se") == NULL;
}
"""

Facts = dict[str, dict[str, Any]]


class Node:
    """A made-up node: files below a directory, and the facts that the C core tells of them."""

    def __init__(self, root: Path, lib: Any) -> None:
        self.root = root
        self.lib = lib

    def put(self, path: str, content: str | bytes = "") -> None:
        at = self.root / path.lstrip("/").replace("REL", RELEASE)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(content.encode() if isinstance(content, str) else content)

    def unreadable(self, path: str) -> None:
        """A directory in a file's place: root may read what modes forbid, but not this."""
        (self.root / path.lstrip("/").replace("REL", RELEASE)).mkdir(parents=True)

    def facts(self, seccomp: int = 2) -> Facts:
        return self._made(lambda fd: self.lib.kp_test_facts(fd, seccomp))

    def missed(self, names: str) -> dict[str, Any]:
        """The values of the facts about modules that rows missed."""
        return {
            name: fact["value"]
            for name, fact in self._made(lambda fd: self.lib.kp_test_missed(fd, names.encode())).items()
        }

    def _made(self, make: Callable[[int], int]) -> Facts:
        with (self.root.parent / "facts").open("wb+") as f:
            assert make(f.fileno()) == 0
            f.seek(0)
            records = [json.loads(line) for line in f]
        assert all(r["type"] == "fact" and r["source"] and ("value" in r) != ("error" in r) for r in records)
        made = {r["id"]: r for r in records}
        assert len(made) == len(records)
        return made

    def value(self, fact: str) -> Any:
        return self.facts()[fact]["value"]

    def modules(self) -> dict[str, str]:
        return cast("dict[str, str]", self.value("node.modules"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    place = tmp_path_factory.mktemp("facts")
    rows = place / "rows.c"
    rows.write_text(ROWS)
    sources = [rows, *(CSRC / f"{name}.c" for name in SOURCES)]
    flags = ["-shared", "-fPIC", f'-DKP_ROOT="{place}/root"']
    ffi = cffi.FFI()
    ffi.cdef("int kp_test_facts(int, int); int kp_test_missed(int, const char *); long kp_test_scan(void);")
    return place / "root", ffi.dlopen(str(build(place / "facts.so", sources, flags)))


@pytest.fixture
def node(built: tuple[Path, Any]) -> Iterator[Node]:
    root, lib = built
    root.mkdir()
    yield Node(root, lib)
    shutil.rmtree(root)


def test_an_empty_node_has_an_answer_for_everything(node: Node) -> None:
    facts = node.facts()
    missing = "os-release capabilities lsm lockdown modules-disabled modprobe taint memory cmdline ipv6 kconfig"
    for name in missing.split():
        assert facts[f"node.{name}"]["error"] == "ENOENT", name
    assert facts["node.arch"]["value"]["machine"] == os.uname().machine
    assert facts["node.namespaces"]["value"]["net"] == Path("/proc/self/ns/net").stat().st_ino


# Modules


def indexes(node: Node, *, builtin: str | None = "", dep: str | None = "", modules: str | None = "") -> None:
    for path, text in (
        ("/lib/modules/REL/modules.builtin", builtin),
        ("/lib/modules/REL/modules.dep", dep),
        ("/proc/modules", modules),
    ):
        if text is not None:
            node.put(path, text)


def test_where_modules_are(node: Node) -> None:
    indexes(
        node,
        modules="nf_nat 57344 1 xt_MASQUERADE, Live 0x0000000000000000\n",
        builtin="kernel/net/ipv4/tunnel4.ko\nkernel/net/ipv4/ip-tunnel.ko\n",
        dep="kernel/vxlan.ko.xz: kernel/away.ko.xz\nkernel/xt-set.ko.zst:\nkernel/ip_set.ko.gz:\n"
        "kernel/wireguard.ko: kernel/far.ko\nkernel/nf_nat.ko:\n",
    )
    for name in ("vxlan.ko.xz", "xt-set.ko.zst", "ip_set.ko.gz"):
        node.put(f"/lib/modules/REL/kernel/{name}")
    base = f"/lib/modules/{RELEASE}/kernel"
    assert node.modules() == {
        "vxlan": f"file:{base}/vxlan.ko.xz",
        "ip_tunnel": "builtin",
        "tunnel4": "builtin",
        "ipip": "nowhere",
        "xt_set": f"file:{base}/xt-set.ko.zst",
        "nf_nat": "loaded",
        "wireguard": f"missing:{base}/wireguard.ko",
        "ip_set": f"file:{base}/ip_set.ko.gz",
        "ip_set_hash_ip": "nowhere",
        "far": "nowhere",
        "away": "nowhere",
    }
    assert node.lib.kp_test_scan() == 1


def test_sysfs_tells_builtin_from_loaded(node: Node) -> None:
    indexes(node)
    node.put("/sys/module/vxlan/uevent")
    node.put("/sys/module/ip_set/initstate", "live\n")
    modules = node.modules()
    assert (modules["vxlan"], modules["ip_set"]) == ("builtin", "loaded")


@pytest.mark.parametrize("lost", ["builtin", "dep"])
@pytest.mark.parametrize("how", ["absent", "unreadable"])
def test_an_index_that_cannot_be_read_is_not_nowhere(node: Node, lost: str, how: str) -> None:
    texts: dict[str, str | None] = {
        "builtin": "kernel/vxlan.ko\n",
        "dep": "kernel/vxlan.ko:\n",
        "modules": "nf_nat 1 0 - Live 0x0\n",
    }
    indexes(node, **{**texts, lost: None})
    node.put("/lib/modules/REL/kernel/vxlan.ko")
    if how == "unreadable":
        node.unreadable(f"/lib/modules/REL/modules.{lost}")
    facts = node.facts()
    modules = facts["node.modules"]["value"]
    assert (modules["nf_nat"], modules["wireguard"]) == ("loaded", "unreadable")
    assert modules["vxlan"].startswith("file:" if lost == "builtin" else "builtin")
    assert facts[f"node.modules-{lost}"]["error"] == ("ENOENT" if how == "absent" else "EISDIR")


def test_proc_modules_unreadable(node: Node) -> None:
    """It could be loaded, but sysfs says so too; the rest is as the indexes have it."""
    indexes(node, modules=None, builtin="kernel/vxlan.ko\n")
    node.unreadable("/proc/modules")
    node.put("/sys/module/nf_nat/initstate", "live\n")
    modules = node.modules()
    assert (modules["nf_nat"], modules["vxlan"], modules["ipip"]) == ("loaded", "builtin", "nowhere")
    (node.root / f"lib/modules/{RELEASE}/modules.dep").unlink()
    assert node.modules()["ipip"] == "unreadable"


def test_a_kernel_that_loads_nothing(node: Node) -> None:
    indexes(node, modules=None, dep=None, builtin="kernel/vxlan.ko\n")
    facts = node.facts()
    assert facts["node.modules"]["value"]["ipip"] == "nowhere"
    assert "node.modules-dep" not in facts
    (node.root / f"lib/modules/{RELEASE}/modules.builtin").unlink()
    assert node.modules()["ipip"] == "unreadable"


@pytest.mark.parametrize("place", ["/usr/lib/modules/", "/run/booted-system/kernel-modules/lib/modules/"])
def test_other_places(node: Node, place: str) -> None:
    node.put("/proc/modules")
    node.put(f"{place}REL/modules.builtin", "kernel/vxlan.ko\n")
    node.put(f"{place}REL/modules.dep", "kernel/ipip.ko:\n")
    node.put(f"{place}REL/kernel/ipip.ko")
    assert node.modules()["vxlan"] == "builtin"
    assert node.modules()["ipip"] == f"file:{place}{RELEASE}/kernel/ipip.ko"


def test_absolute_paths_in_an_old_index(node: Node) -> None:
    indexes(node, dep=f"/lib/modules/{RELEASE}/extra/ipip.ko:\n")
    node.put("/lib/modules/REL/extra/ipip.ko")
    assert node.modules()["ipip"] == f"file:/lib/modules/{RELEASE}/extra/ipip.ko"


def test_names_are_whole(node: Node) -> None:
    names = ("ip_set_x", "xip_set", "ip_se")
    indexes(
        node,
        dep="".join(f"kernel/{n}.ko:\n" for n in names) + "kernel/ip_set.kor:\nip_set.ko/x.ko:\nkernel/ip_set.ko\n",
    )
    assert node.modules()["ip_set"] == "nowhere"


@pytest.mark.parametrize("shift", range(0, 40, 3))
def test_lines_that_cross_or_exceed_the_window(node: Node, shift: int) -> None:
    long = "kernel/first.ko:" + " kernel/vxlan.ko" * 4000
    pad = "x" * (32 * 1024 - 20 + shift - len("kernel/pad.ko:\n"))
    indexes(
        node,
        dep=f"kernel/pad.ko:{pad}\nkernel/wireguard.ko:\n{long}\nkernel/ip_set.ko:" + " a" * 9000 + "\nkernel/far.ko:",
    )
    for name in ("wireguard", "ip_set", "far"):
        node.put(f"/lib/modules/REL/kernel/{name}.ko")
    modules = node.modules()
    assert [modules[n][:5] for n in ("wireguard", "ip_set", "far", "vxlan")] == ["file:", "file:", "file:", "nowhe"]


def test_a_big_index_is_one_quick_pass(node: Node) -> None:
    line = "kernel/drivers/net/ethernet/maker/module_{:05}.ko.xz: kernel/net/a.ko.xz kernel/drivers/net/mdio.ko.xz\n"
    dep = "".join(line.format(i) for i in range(6500))
    assert len(dep) > 600_000
    indexes(node, dep=dep + "kernel/away.ko:\n", builtin="".join(f"kernel/b_{i}.ko\n" for i in range(2000)))
    assert node.modules()["away"].startswith("missing:")
    best = 1.0
    for _ in range(9):
        before = time.perf_counter()
        node.lib.kp_test_scan()
        best = min(best, time.perf_counter() - before)
    assert best < 0.005


def test_wanted_names_half_full(tmp_path: Path) -> None:
    """At the highest load there are long chains; a name in one must not pass for its prefix."""
    ffi = cffi.FFI()
    ffi.cdef("uint16_t *kp_wanted_slot(void *w, const char *first, size_t size, const char *name, size_t len);")
    sources = [CSRC / "lines.c", CSRC / "str.c"]
    lib: Any = ffi.dlopen(str(build(tmp_path / "lines.so", sources, ["-shared", "-fPIC"])))
    wanted = ffi.new("uint16_t[1024]")
    names = [b"m_%d" % i for i in range(1000, 1512)]
    table = ffi.new("char[]", b"".join(name.ljust(8, b"\0") for name in names))

    def slot(name: bytes) -> Any:
        return lib.kp_wanted_slot(wanted, table, 8, name + b".ko", len(name))

    for i, name in enumerate(names):
        assert slot(name)[0] == 0
        slot(name)[0] = i + 1
    for i, name in enumerate(names):
        assert slot(name.replace(b"_", b"-"))[0] == i + 1
    for name in {name[:n] for name in names for n in range(1, 6)} | {name + b"0" for name in names}:
        assert slot(name)[0] == 0


# CONFIG

CONFIG = "CONFIG_VXLAN=m\n# CONFIG_NET is not set\nCONFIG_VXLAN_XY=y\n#CONFIG_VXLAN_X=y\n"
CONFIG += 'CONFIG_A="x"\nCONFIG_B=y\nCONFIG_HZ=250\n'
# Named by no row: what else tells of a kernel's BPF.
ABOUT_BPF = """
    BPF HAVE_EBPF_JIT BPF_JIT_ALWAYS_ON DEBUG_INFO_BTF_MODULES CGROUP_NET_CLASSID KPROBE_EVENTS UPROBE_EVENTS TRACING
    FTRACE_SYSCALLS FUNCTION_ERROR_INJECTION BPF_KPROBE_OVERRIDE NETFILTER_XT_MATCH_BPF BPFILTER BPFILTER_UMH TEST_BPF
    IPV6_SEG6_BPF
"""
VALUES = {"CONFIG_VXLAN": "m", "CONFIG_A": "y", "CONFIG_B": "y", "CONFIG_NET": "n", "CONFIG_VXLAN_X": "n"}
VALUES |= {"CONFIG_HZ": "250"} | {f"CONFIG_{name}": "n" for name in ABOUT_BPF.split()}
CONFIG_FILES = [
    "/boot/config-REL",
    "/usr/lib/modules/REL/config",
    "/lib/modules/REL/config",
    "/lib/modules/REL/build/.config",
]


def test_config_of_the_running_kernel_first(node: Node) -> None:
    node.put("/boot/config-REL", "CONFIG_NET=y\n")
    node.put("/proc/config.gz", gzip.compress(CONFIG.encode()))
    fact = node.facts()["node.kconfig"]
    assert (fact["source"], fact["value"]) == ("/proc/config.gz", VALUES)


@pytest.mark.parametrize("path", CONFIG_FILES)
def test_config_files(node: Node, path: str) -> None:
    node.put(path, CONFIG)
    fact = node.facts()["node.kconfig"]
    assert (fact["source"], fact["value"]) == (path.replace("REL", RELEASE), VALUES)


@pytest.mark.parametrize(
    ("packed", "error"),
    [
        (gzip.compress(CONFIG.encode())[:-9], "EBADMSG"),
        (CONFIG.encode(), "EBADMSG"),
        (gzip.compress(CONFIG.encode() + b"#" * (2 << 20)), "EFBIG"),
        (bytes(1 << 20), "EFBIG"),
    ],
    ids=["cut", "not gzip", "long text", "long file"],
)
def test_a_damaged_or_endless_config_gz(node: Node, packed: bytes, error: str) -> None:
    node.put("/proc/config.gz", packed)
    fact = node.facts()["node.kconfig"]
    assert (fact["source"], fact["error"]) == ("/proc/config.gz", error)
    node.put("/boot/config-REL", CONFIG)
    fact = node.facts()["node.kconfig"]
    assert (fact["source"], fact["value"]) == (f"/boot/config-{RELEASE}", VALUES)


def test_of_unreadable_configs_the_telling_one_is_named(node: Node) -> None:
    node.unreadable("/usr/lib/modules/REL/config")
    fact = node.facts()["node.kconfig"]
    assert (fact["source"], fact["error"]) == (f"/usr/lib/modules/{RELEASE}/config", "EISDIR")


# The other facts


def test_command_line_words_are_allow_listed(node: Node) -> None:
    node.put(
        "/proc/cmdline",
        "root=UUID=secret ipv6.disable=1 token=secret module-blacklist=vxlan module_blacklist=ipip,gre "
        "xlsm=secret lsmx=secret lsm=lockdown,bpf nomodule systemd.unified_cgroup_hierarchy=0 -- lockdown=secret\n",
    )
    assert node.value("node.cmdline") == {
        "ipv6.disable": "1",
        "module_blacklist": "vxlan ipip,gre",
        "lsm": "lockdown,bpf",
        "nomodule": "set",
        "systemd.unified_cgroup_hierarchy": "0",
    }


def test_os_release_keys_are_allow_listed(node: Node) -> None:
    node.put("/usr/lib/os-release", "ID=vendor\n")
    assert node.value("node.os-release") == {"id": "vendor"}
    node.put(
        "/etc/os-release",
        'NAME=secret\nXID=secret\nPRETTY_NAME="A \\"B\\" 12"\nVERSION_ID=\'12\'\nID=flatcar\n'
        "ID_LIKE='rhel fedora'\nVARIANT_ID=",
    )
    fact = node.facts()["node.os-release"]
    assert fact["source"] == "/etc/os-release"
    assert fact["value"] == {"id": "flatcar", "id_like": "rhel fedora", "version_id": "12", "pretty_name": 'A "B" 12'}


def test_status(node: Node) -> None:
    node.put(
        "/proc/self/status",
        "Name:\tkprobe\nCapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000003000\n"
        "CapBnd:\t00000000a80425fb\nSeccomp:\t2\nSeccomp_filters:\t3\n",
    )
    caps = node.value("node.capabilities")
    no_new_privs = Path("/proc/self/status").read_text().split("NoNewPrivs:")[1].split()[0] == "1"
    assert caps == {
        "effective": "0000000000003000",
        "permitted": "000001ffffffffff",
        "bounding": "00000000a80425fb",
        "inheritable": "0000000000000000",
        "no_new_privs": no_new_privs,
    }
    assert node.value("node.seccomp") == {"mode": "filter", "filters": 3}
    assert node.facts(seccomp=-1)["node.seccomp"]["error"] == "ENODATA"


def test_userns(node: Node) -> None:
    node.put("/proc/self/uid_map", "         0     100000      65536\n         1          2          3\n")
    node.put("/proc/sys/user/max_user_namespaces", "0\n")
    node.unreadable("/proc/sys/kernel/unprivileged_userns_clone")
    initial = Path("/proc/self/ns/user").stat().st_ino == 0xEFFFFFFD
    assert node.value("node.userns") == {
        "initial": initial,
        "uid_map": "0 100000 65536",
        "max_user_namespaces": "0",
        "unprivileged_userns_clone": "error:EISDIR",
    }


def test_lsms_and_lockdown(node: Node) -> None:
    node.put("/sys/kernel/security/lsm", "lockdown,capability,selinux,apparmor")
    node.put("/sys/module/apparmor/parameters/enabled", "Y\n")
    node.put("/proc/self/attr/current", "docker-default (enforce)\n")
    node.put("/sys/fs/selinux/enforce", "0")
    node.put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    facts = node.facts()
    assert facts["node.lsm"]["value"] == {
        "active": "lockdown,capability,selinux,apparmor",
        "apparmor": "Y",
        "selinux": "permissive",
        "label": "docker-default (enforce)",
    }
    assert facts["node.lockdown"]["value"] == "integrity"
    node.put("/sys/fs/selinux/enforce", "1")
    assert node.value("node.lsm")["selinux"] == "enforcing"


def test_loading(node: Node) -> None:
    node.put("/proc/sys/kernel/modules_disabled", "1\n")
    node.put("/proc/sys/kernel/modprobe", "/sbin/modprobe\n")
    assert node.value("node.modules-disabled") == 1
    assert node.value("node.modprobe") == {"path": "/sbin/modprobe", "exists_here": False}
    node.put("/sbin/modprobe")
    assert node.value("node.modprobe") == {"path": "/sbin/modprobe", "exists_here": True}
    node.put("/proc/sys/kernel/modprobe", "\n")
    assert node.value("node.modprobe") == {"exists_here": False}


def test_container_signs(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("container", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    own = Path("/proc/self/ns/pid").stat().st_ino != 0xEFFFFFFC
    none = {"dockerenv": False, "containerenv": False, "kubernetes": False, "own_pid_namespace": own}
    assert node.value("node.container") == none
    node.put("/.dockerenv")
    node.put("/run/.containerenv")
    node.put("/proc/1/cgroup", "0::/kubepods.slice/pod-secret/cri-containerd-secret\n")
    monkeypatch.setenv("container", "podman")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.9.8.7")
    facts = node.facts()
    assert facts["node.container"]["value"] == {
        **none,
        "dockerenv": True,
        "containerenv": True,
        "kubernetes": True,
        "cgroup": "kubepods",
        "environment": "podman",
    }
    assert "10.9.8.7" not in json.dumps(facts)
    monkeypatch.setenv("container", "a secret of somebody")
    assert node.value("node.container")["environment"] == "yes"


@pytest.mark.parametrize(
    ("mask", "letters"), [("0", None), ("4097", "PO"), ("536870912", None), ("12289", "POE"), ("524288", "J")]
)
def test_taint(node: Node, mask: str, letters: str | None) -> None:
    node.put("/proc/sys/kernel/tainted", f"{mask}\n")
    assert node.value("node.taint") == {"mask": int(mask), **({"letters": letters} if letters else {})}


def test_memory_ipv6_and_tables(node: Node) -> None:
    node.put("/proc/meminfo", "MemTotal:       24684092 kB\nMemFree:  1 kB\nMemAvailable:   24162756 kB\n")
    node.put("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1\n")
    node.put("/proc/net/ip_tables_names", "filter\nnat\n")
    facts = node.facts()
    assert facts["node.memory"]["value"] == {"total_kib": 24684092, "available_kib": 24162756}
    assert facts["node.ipv6"]["value"] == {"all.disable_ipv6": "1"}
    assert facts["node.ip-tables-names"]["value"] == {"ipv4": ["filter", "nat"], "ipv6": "error:ENOENT"}


# What stands in the way of modules


def elf(size: int = 400) -> bytes:
    """A made-up object of this machine whose section table, of 2 entries, ends at ``size``."""
    order = sys.byteorder
    head = bytearray(b"\x7fELF" + bytes([2, 1 if order == "little" else 2, 1]) + bytes(57))
    head[40:48] = (size - 128).to_bytes(8, order)
    head[58:60], head[60:62] = (64).to_bytes(2, order), (2).to_bytes(2, order)
    return bytes(head) + bytes(size - 64)


def zstd(*sizes: int) -> bytes:
    """A frame of raw blocks: made by hand, for Python 3.12 has no zstd."""
    blocks = [(size << 3 | (n == len(sizes))).to_bytes(3, "little") + bytes(size) for n, size in enumerate(sizes, 1)]
    return b"\x28\xb5\x2f\xfd" + b"\x00\x58" + b"".join(blocks)


FILES = {
    "whole": (elf(), ""),
    "with a signature behind": (elf() + b"~Module signature appended~\n", ""),
    "empty": (b"", "empty"),
    "text": (b"not a module", "damaged"),
    "cut": (elf()[:-1], "damaged"),
    "xz": (lzma.compress(b"x" * 999), ""),
    "xz, cut": (lzma.compress(b"x" * 999)[:-1], "damaged"),
    "zstd": (zstd(5, 70000, 9), ""),
    "zstd with a checksum behind": (zstd(5) + b"abcd", ""),
    "zstd, cut": (zstd(5, 70000, 9)[:-1], "damaged"),
    "gzip": (gzip.compress(b"x"), ""),
}


@pytest.mark.parametrize("name", FILES)
def test_what_a_modules_file_looks_like(node: Node, name: str) -> None:
    content, trouble = FILES[name]
    indexes(node, dep="kernel/vxlan.ko:\n")
    node.put("/lib/modules/REL/kernel/vxlan.ko", content)
    path = f"/lib/modules/{RELEASE}/kernel/vxlan.ko"
    assert node.missed("vxlan")["node.module-files"] == ({"vxlan": f"{trouble}:{path}"} if trouble else {})


def test_what_missed_modules_depend_on(node: Node) -> None:
    many = " ".join(f"kernel/some-module-with-a-long-name-{n}.ko.xz" for n in range(40))
    indexes(
        node,
        dep=f"kernel/xt-set.ko: {many}\nkernel/vxlan.ko.xz: kernel/udp-tunnel.ko.xz kernel/away.ko.xz\n"
        "kernel/away.ko.xz:\nkernel/ip_set.ko: kernel/nfnetlink.ko\n",
    )
    node.put("/lib/modules/REL/kernel/vxlan.ko.xz", lzma.compress(b"x"))
    node.put("/lib/modules/REL/kernel/udp-tunnel.ko.xz", b"")
    found = node.missed("vxlan")
    base = f"/lib/modules/{RELEASE}/kernel"
    assert found["node.module-needs"] == {"vxlan": "udp_tunnel away"}
    assert found["node.module-files"] == {
        "udp_tunnel": f"empty:{base}/udp-tunnel.ko.xz",
        "away": f"missing:{base}/away.ko.xz",
    }
    assert node.missed("xt_set vxlan")["node.module-needs"]["vxlan"] == "udp_tunnel away"


def test_nothing_is_read_where_nothing_was_missed(node: Node) -> None:
    indexes(node, dep="kernel/vxlan.ko:\n")
    assert node.missed("") == {}


def test_modprobe_d(node: Node) -> None:
    indexes(node, dep="kernel/vxlan.ko: kernel/udp_tunnel.ko\n")
    node.put(
        "/etc/modprobe.d/a.conf",
        "# blacklist vxlan\nblacklist vxlan\nblacklist  dccp\ninstall udp-tunnel /bin/false # secret\nblacklistvxlan\n",
    )
    node.put("/etc/modprobe.d/b.conf", "")
    node.put("/etc/modprobe.d/README", "blacklist vxlan\n")
    node.put("/usr/lib/modprobe.d/b.conf", "blacklist vxlan\n")
    node.put("/usr/lib/modprobe.d/c.conf", "install vxlan curl https://user:password@example\n")
    assert node.missed("vxlan")["node.modprobe-d"] == {
        "lines": [
            "blacklist vxlan /etc/modprobe.d/a.conf",
            "install-nothing udp-tunnel /etc/modprobe.d/a.conf",
            "install-other vxlan /usr/lib/modprobe.d/c.conf",
        ]
    }


def test_which_kernels_have_modules(node: Node) -> None:
    indexes(node, dep="kernel/vxlan.ko:\n")
    node.put("/lib/modules/9.9.9-other/modules.dep")
    node.put("/lib/modules/9.9.9 odd/modules.dep")
    node.put("/lib/modules/name/modules.dep")
    tree = {"directory": f"/lib/modules/{RELEASE}/", "dep_bytes": 17, "others": ["9.9.9-other"]}
    assert node.value("node.module-tree") == tree
    shutil.rmtree(node.root / "lib/modules" / RELEASE)
    assert node.value("node.module-tree") == {"others": ["9.9.9-other"]}

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The harness itself: how names are resolved, and what boot() says when a guest goes wrong."""

import io
import re
import subprocess
from pathlib import Path

import pytest

from . import apt, catalogue, cpio, matrix, store
from .boot import boot
from .catalogue import Source, Want
from .store import Image

INDEX = b"""\
Package: linux-image-7.3.4+deb13-amd64
Version: 7.3.4-1~bpo13+1
Architecture: amd64
Depends: initramfs-tools | dracut, linux-base-7.3.4+deb13-amd64 (= 7.3.4-1), linux-modules-7.3.4+deb13-amd64 (= 7.3.4-1)
Size: 1

Package: linux-image-7.3.10+deb13-amd64
Version: 7.3.10-1
Architecture: amd64
Depends: linux-base-7.3.10+deb13-amd64 (= 7.3.10-1), linux-modules-7.3.10+deb13-amd64 (= 7.3.10-1)
Size: 1

Package: linux-base-7.3.4+deb13-amd64
Version: 7.3.4-1~bpo13+1
Architecture: amd64
Size: 2

Package: linux-modules-7.3.4+deb13-amd64
Version: 7.3.4-1~bpo13+1
Architecture: amd64
Size: 3

Package: linux-image-7.3.4+deb13-cloud-amd64
Version: 7.3.4-1
Architecture: amd64
Size: 4

Package: linux-image-6.12.9+deb13-amd64
Version: 6.12.9-1
Architecture: amd64
Depends: kmod, linux-base (>= 4.3~), initramfs-tools
Size: 5000000

Package: linux-image-6.12.107+deb13-amd64
Version: 6.12.107-1
Architecture: amd64
Depends: kmod, linux-base (>= 4.3~), initramfs-tools
Size: 6000000

"""


def candidates(pattern: str, suite: str = "s") -> list[list[str]]:
    want = Want("w", "amd64", (Source("other", ".*"), Source(suite, pattern)))
    return [[p.name for p in group] for group in apt._candidates(want, {("s", "amd64"): INDEX})]


def test_the_highest_version_comes_first_and_whole_names_match() -> None:
    assert candidates(r"linux-image-6\.12\.\d+\+deb13-amd64") == [
        ["linux-image-6.12.107+deb13-amd64"],
        ["linux-image-6.12.9+deb13-amd64"],
    ]


def test_a_split_kernel_is_its_parts_and_one_whose_parts_are_gone_is_none() -> None:
    assert candidates(r"linux-image-7\.\d+\.\d+\+deb13-amd64") == [
        ["linux-base-7.3.4+deb13-amd64", "linux-modules-7.3.4+deb13-amd64"]
    ]


def test_a_suite_that_could_not_be_had_offers_nothing() -> None:
    assert candidates(".*", "missing") == []


@pytest.mark.parametrize(
    ("low", "high"), [("7.3.4-1~bpo13+1", "7.3.4-1"), ("6.12.94-1", "6.12.107-1"), ("5-1", "5-1+b1")]
)
def test_versions_sort_as_debian_sorts_them(low: str, high: str) -> None:
    assert apt.natural(low) < apt.natural(high)
    assert subprocess.run(["dpkg", "--compare-versions", low, "lt", high], check=False).returncode == 0


def test_cpio_is_what_busybox_reads(tmp_path: Path) -> None:
    out = io.BytesIO()
    cpio.write(out, [cpio.Entry("a/b/file", b"12345", 0o755), cpio.Entry("a/link", link="b/file")])
    assert len(out.getvalue()) % cpio.ALIGN == 0
    subprocess.run(["busybox", "cpio", "-id"], input=out.getvalue(), cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "a/link").read_bytes() == b"12345"
    assert (tmp_path / "a/b/file").stat().st_mode & 0o777 == 0o755


def test_cpio_is_read_as_it_is_written() -> None:
    out = io.BytesIO()
    cpio.write(out, [cpio.Entry("a/b/file", b"12345", 0o755), cpio.Entry("a/link", link="b/file")])
    cpio.write(out, [cpio.Entry("second", b"")])
    assert dict(cpio.read(out.getvalue())) == {"a/b/file": b"12345", "second": b""}


def test_every_entry_of_the_catalogue_names_another_source() -> None:
    """Another suite, or another version in the same one."""
    for kernel in catalogue.load().matrix:
        if kernel.name == "installer-11-ppc64el":
            continue  # bookworm has an installer 12 of its own, and bullseye is where 11 is
        alternatives = len(kernel.sources) > 1 or r"\d+" in kernel.sources[0].package
        assert alternatives, f"{kernel.name} has no alternative"
        assert all(re.compile(s.package) for s in kernel.sources)


@pytest.fixture(scope="module")
def oldest() -> Image:
    known = catalogue.load()
    return store.images(known, known.kernels[:1])[known.kernels[0].name]


def test_the_guest_has_what_the_facts_are_read_from(oldest: Image) -> None:
    script = "cd /lib/modules/$(uname -r) && ls modules.builtin modules.dep modules.alias /boot/config-$(uname -r)"
    assert boot(oldest, f"{script} /sys/fs/cgroup/cgroup.procs /sys/kernel/security/lsm").rc == 0


def test_files_go_in_and_come_out(oldest: Image, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(bytes(range(256)) * 4000)
    result = boot(
        oldest, "mkdir /out/d; cp /data/in /out/d/blob; uname -r > /out/r; exit 7", {"data/in": tmp_path / "in"}
    )
    assert (result.rc, result.text("r").strip()) == (7, oldest.release)
    assert result.out["d/blob"] == (tmp_path / "in").read_bytes()
    assert result.ready is not None


def test_a_script_that_overruns_is_killed_and_its_files_still_come(oldest: Image) -> None:
    result = boot(oldest, "echo early > /out/file; sleep 1000", timeout=1)
    assert (result.rc, result.text("file")) == (137, "early\n")


def test_a_guest_that_panics_is_told_from_one_that_ends(oldest: Image) -> None:
    result = boot(oldest, "echo early > /out/file; echo c > /proc/sysrq-trigger; sleep 5", timeout=20)
    assert result.rc is None
    assert "Kernel panic" in result.console
    with pytest.raises(AssertionError, match="Kernel panic"):
        result.text("file")


def test_the_command_line_reaches_the_kernel(oldest: Image) -> None:
    result = boot(oldest, "modprobe vxlan; echo $? > /out/status; cat /proc/cmdline", append="module_blacklist=vxlan")
    assert result.text("status").strip() != "0"
    assert "blacklisted" in result.text("dmesg")


def test_a_kernel_without_complete_evidence_is_asked_once_more_unless_that_is_known() -> None:
    asked: list[str] = []

    def ask(kernel: Want) -> matrix.Told:
        asked.append(kernel.name)
        return matrix.Told(kernel.name, "", complete=kernel.name == "whole" or asked.count(kernel.name) > 1)

    wants = [Want(name, "amd64", (), cut=why) for name, why in (("whole", ""), ("today", ""), ("never", "it oopses"))]
    told = matrix._ask(wants, ask)
    assert sorted(asked) == ["never", "today", "today", "whole"]
    assert [told[kernel.name].complete for kernel in wants] == [True, True, False]

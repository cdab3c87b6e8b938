# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The kernels of Debian's installer: few modules, nothing of netfilter, no configuration. Real, and almost empty."""

import gzip
import subprocess
import tarfile
from pathlib import Path

from . import cpio, image


def unpack(deb: Path, tree: Path) -> None:
    """Write kernel and modules of a debian-installer-*-netboot package below `tree`, as image.build() wants them."""
    kernel = initrd = b""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for member in tar:
                path = Path(member.name)
                if not member.isfile() or "gtk" in path.parts or "boot-screens" in path.parts:
                    continue
                content = tar.extractfile(member)
                assert content is not None
                if path.name in ("linux", "vmlinux", "vmlinuz"):
                    kernel = content.read()
                elif path.name == "initrd.gz":
                    initrd = content.read()
        process.stdout.read()
    if not kernel or not initrd:
        raise image.ImageError(f"{deb.name}: no kernel, or no initrd.gz")
    releases = set()
    for name, data in cpio.read(gzip.decompress(initrd)):
        place = image.place(f"./{name}")
        if place is not None and place.startswith("lib/modules/"):
            releases.add(place.split("/")[2])
            (tree / place).parent.mkdir(parents=True, exist_ok=True)
            (tree / place).write_bytes(data)
    (tree / "boot").mkdir(exist_ok=True)
    for release in releases:
        (tree / f"boot/vmlinux-{release}").write_bytes(kernel)

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Make something that QEMU can boot out of a kernel's Debian packages."""

import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from . import cpio

# What of lib/modules/RELEASE/kernel goes into the image: enough for every row, a quarter of all modules.
MODULES = re.compile(
    r"(net|lib|crypto|arch/\w+/crypto|arch/\w+/lib)/.+"
    r"|drivers/net/[^/]+"
    r"|drivers/net/(bonding|ipvlan|mdio|netdevsim|ovpn|phy|ppp|slip|team|vxlan|wireguard)/.+"
    r"|drivers/virtio/.+|drivers/char/virtio_console[^/]*"
    r"|fs/(9p|configfs|fscache|fuse|netfs|overlayfs)/.+"
)
INDICES = re.compile(r"modules\.[\w.]+")  # and no device trees, of which arm64 has a hundred megabytes
ROOT = re.compile(
    r"\./(?:usr/)?(?:lib/modules/(?P<release>[^/]+)/(?P<rest>.+)|boot/(?P<boot>vmlinu[xz]|config)-(?P<of>.+))"
)
UNPACKERS = {
    b"\xfd7zXZ\0": ("xz", "-dc", "--single-stream"),
    b"\x28\xb5\x2f\xfd": ("zstd", "-dc"),
    b"\x02\x21\x4c\x18": ("lz4", "-dc"),
    b"\x1f\x8b\x08": ("gzip", "-dc"),
}


class ImageError(Exception):
    """Packages that do not hold a kernel as this module knows it."""


def build(
    arch: str, debs: Sequence[Path], busybox: Path, folder: Path, unpack: Callable[[Path, Path], None] | None = None
) -> str:
    """Leave `vmlinux`, `base.cpio` and the folder `facts` in `folder`; the answer is the kernel's release."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        tree = Path(temporary)
        for deb in debs:
            (unpack or _unpack)(deb, tree)
        release, kernel = _kernel(tree, debs)
        subprocess.run(["depmod", "-b", str(tree), release], check=True, capture_output=True, timeout=120)
        content = kernel.read_bytes()
        (folder / "vmlinux").write_bytes(elf(content) if arch == "amd64" else content)
        kernel.unlink()
        (folder / "facts").mkdir()
        modules = tree / "lib/modules" / release
        for path in (tree / f"boot/config-{release}", *(modules / f"modules.{n}" for n in ("dep", "builtin", "alias"))):
            if path.exists():
                shutil.copyfile(path, folder / "facts" / path.name.removesuffix(f"-{release}"))
        with (folder / "base.cpio").open("wb") as out:
            cpio.write(out, _entries(tree, busybox))
    return release


def _kernel(tree: Path, debs: Sequence[Path]) -> tuple[str, Path]:
    """The kernel's release and its file."""
    releases = [p.name for p in (tree / "lib/modules").iterdir()] if (tree / "lib/modules").is_dir() else []
    files = [f for r in releases for name in ("vmlinuz", "vmlinux") if (f := tree / f"boot/{name}-{r}").exists()]
    if len(releases) != 1 or len(files) != 1:
        raise ImageError(f"{', '.join(d.name for d in debs)}: no kernel in them, or more than one ({releases})")
    return releases[0], files[0]


def elf(image: bytes) -> bytes:
    """The uncompressed kernel inside a bzImage: QEMU boots it directly (PVH), and the guest need not unpack it."""
    if image.startswith(b"\x7fELF"):
        return image
    for magic, command in UNPACKERS.items():
        start = image.find(magic)
        while start >= 0:
            done = subprocess.run(command, input=image[start:], capture_output=True, timeout=120, check=False)
            if done.stdout.startswith(b"\x7fELF"):
                return done.stdout  # the exit status tells of the bytes behind the kernel, which are no archive
            start = image.find(magic, start + 1)
    raise ImageError("no uncompressed kernel in this image")


def _unpack(deb: Path, tree: Path) -> None:
    """Write what the image needs below `tree`, from both layouts (merged /usr or not, vmlinuz in /boot or not)."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for member in tar:
                where = place(member.name if member.name.startswith("./") else f"./{member.name}")
                if where is None or not member.isfile():
                    continue
                content = tar.extractfile(member)
                assert content is not None
                _save(content, tree / where)
        process.stdout.read()  # padding behind the archive: dpkg-deb fails if nobody reads it
    if process.returncode:
        raise ImageError(f"{deb.name}: dpkg-deb failed with {process.returncode}")


def place(name: str) -> str | None:
    """Where a file of a package goes in the image, if anywhere."""
    match = ROOT.fullmatch(name)
    if match is None:
        return None
    if match["boot"]:
        return f"boot/{match['boot']}-{match['of']}"
    if match["rest"] in ("vmlinuz", "vmlinux", "config"):
        return f"boot/{match['rest']}-{match['release']}"
    module = match["rest"].removeprefix("kernel/")
    wanted = MODULES if module != match["rest"] else INDICES
    return f"lib/modules/{match['release']}/{match['rest']}" if wanted.fullmatch(module) else None


def _save(content: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.read())


def _entries(tree: Path, busybox: Path) -> Iterator[cpio.Entry]:
    yield cpio.Entry("bin/busybox", busybox.read_bytes(), 0o755)
    yield cpio.Entry("bin/sh", link="busybox")
    for file in sorted(p for p in tree.rglob("*") if p.is_file()):
        yield cpio.Entry(str(file.relative_to(tree)), file.read_bytes())

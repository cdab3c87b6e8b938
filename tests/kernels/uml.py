# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""User-mode Linux: a kernel that is a process of this machine. No emulator; files pass through its hostfs."""

import gzip
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from . import image

MODULES = re.compile(r"\./usr/lib/uml/(modules/[^/]+/.+)")
# The program wants a newer C library than this machine may have: it gets one of its own, out of the same suite.
LIBRARIES = re.compile(r"\./(usr/lib(?:64|/x86_64-linux-gnu)/(?:ld-linux-x86-64|libc|libm|libgcc_s)\.so\.\d)")


def home(vmlinux: Path) -> Path:
    """The libraries that an image's kernel runs with, as a root of theirs."""
    return vmlinux.parent / "home"


def unpack(deb: Path, tree: Path) -> None:
    """Write kernel and modules of user-mode-linux below `tree`, as image.build() wants them; libraries beside it."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        kernel = config = b""
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for member in tar:
                module, library = MODULES.fullmatch(member.name), LIBRARIES.fullmatch(member.name)
                content = tar.extractfile(member) if member.isfile() else None
                if module and content:
                    _save(tree / "lib" / module[1], content.read())
                elif library and content:
                    _save(home(tree) / library[1], content.read())
                    (home(tree) / library[1]).chmod(0o755)  # the one that is run to load the others
                elif library:
                    (home(tree) / library[1]).parent.mkdir(parents=True, exist_ok=True)
                    (home(tree) / library[1]).symlink_to(member.linkname)
                elif member.name == "./usr/bin/linux.uml" and content:
                    kernel = content.read()
                elif member.name == "./usr/share/doc/user-mode-linux/config.gz" and content:
                    config = gzip.decompress(content.read())
        process.stdout.read()
    if kernel:
        for release in (tree / "lib/modules").iterdir():
            _save(tree / f"boot/vmlinux-{release.name}", kernel)
            _save(tree / f"boot/config-{release.name}", config)
    elif not home(tree).exists():
        raise image.ImageError(f"{deb.name}: no kernel, and no library that one needs")


def command(vmlinux: Path, folder: Path, append: str, memory: int) -> Sequence[str]:
    """How to run the kernel with `folder`/initrd. What it leaves in the /out of its hostfs is `folder`/out."""
    root = folder / "root"
    shutil.copytree(home(vmlinux), root, symlinks=True)
    for name in ("proc", "dev", "tmp"):
        (root / name).mkdir()
    (root / "lib64").symlink_to("usr/lib64")
    (root / "lib").symlink_to("usr/lib")
    shutil.copyfile(vmlinux, root / "linux")
    (root / "linux").chmod(0o755)
    (root / "initrd").symlink_to("host/initrd")
    (root / "host").mkdir()
    arguments = f"mem={memory}M initrd=/host/initrd root=/dev/ram0 rdinit=/init con0=fd:0,fd:1 con=null"
    arguments += f" uml_dir=/tmp/ hostfs=/host kprobe.hostfs=1 quiet panic=-1 {append}"
    script = f"""\
        mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev && mount --bind {folder} {root}/host &&
        exec env -i PATH="$PATH" TMPDIR=/tmp HOME=/tmp chroot {root} /linux {arguments}"""
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    # With its own process ids: all that it started ends when it does, or when it is killed.
    return ["unshare", *mapped, "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]


def _save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The cache of bootable kernels: what was fetched and built once is not again."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from . import apt, image
from .catalogue import HERE, Catalogue, Want

BUSYBOX = "busybox"


@dataclass(frozen=True)
class Image:
    """A kernel that can be booted."""

    name: str
    arch: str
    release: str
    vmlinux: Path
    initrd: Path


def cache() -> Path:
    """The folder that holds packages and images, outside the tree."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "kprobe" / "vm"


def images(catalogue: Catalogue, kernels: Sequence[Want], refresh: bool = False) -> dict[str, Image]:
    """What these kernels boot from. The mirror is asked for what the cache lacks, or when told to refresh."""
    root = cache()
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / "lock"):
        busyboxes = [Want(f"{BUSYBOX}-{arch}", arch, catalogue.busybox) for arch in sorted({k.arch for k in kernels})]
        debs = _debs(root, [*kernels, *busyboxes], refresh)
        with ThreadPoolExecutor(2) as pool:
            made = pool.map(lambda k: _image(root, k, debs[k.name], debs[f"{BUSYBOX}-{k.arch}"]), kernels)
            return {i.name: i for i in made}


def _debs(root: Path, wants: Sequence[Want], refresh: bool) -> dict[str, tuple[Path, ...]]:
    """The packages of each want: those of last time when they are still there, else resolved and fetched again."""
    record = root / "resolved.json"
    known: dict[str, list[str]] = json.loads(record.read_text()) if record.exists() else {}
    folder = root / "debs"
    missing = [w for w in wants if refresh or not _present(folder, known.get(_key(w), ()))]
    if missing:
        fetched = apt.fetch(missing, root / "apt", folder)
        known |= {_key(w): [f.name for f in fetched[w.name]] for w in missing}
        _write(record, known)
        for stale in {f.name for f in folder.glob("*.deb")} - {name for names in known.values() for name in names}:
            (folder / stale).unlink()
    return {w.name: tuple(folder / name for name in known[_key(w)]) for w in wants}


def _present(folder: Path, names: Sequence[str]) -> bool:
    return bool(names) and all((folder / name).exists() for name in names)


def _image(root: Path, kernel: Want, debs: Sequence[Path], busybox: Sequence[Path]) -> Image:
    """The image of these packages, made anew when they, or the code that makes images, changed."""
    recipe = [p.name for p in (*debs, *busybox)] + [(HERE / n).read_text() for n in ("image.py", "cpio.py")]
    stamp = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]
    folder = root / "images" / f"{kernel.name}-{stamp}"
    if not (folder / "image.json").exists():
        for stale in (root / "images").glob(f"{kernel.name}-*"):
            shutil.rmtree(stale)
        folder.mkdir(parents=True)
        _extract(busybox[0], folder / "tools")
        release = image.build(debs, _binary(folder / "tools"), folder)
        shutil.rmtree(folder / "tools")
        made = Image(kernel.name, kernel.arch, release, folder / "vmlinux", folder / "base.cpio")
        _write(folder / "image.json", {k: str(v) for k, v in asdict(made).items()})
    said = json.loads((folder / "image.json").read_text())
    return Image(kernel.name, kernel.arch, said["release"], folder / "vmlinux", folder / "base.cpio")


def _extract(deb: Path, folder: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", str(deb), str(folder)], check=True, capture_output=True, timeout=60)


def _binary(tree: Path) -> Path:
    for name in ("bin/busybox", "usr/bin/busybox"):
        if (tree / name).exists():
            return tree / name
    raise image.ImageError("no busybox in the package")


def _key(want: Want) -> str:
    """What a resolution holds for: it is void once the catalogue's entry changes."""
    return json.dumps([want.arch, *([s.suite, s.package] for s in want.sources)])


def _write(path: Path, value: Mapping[str, object]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(value, indent=1))
    temporary.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock among all processes and threads that use the cache."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The cache of bootable kernels: what was fetched and built once is not again."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import apt, image, installer, uml
from .catalogue import HERE, Catalogue, Want

BUSYBOX = "busybox"
UNPACKERS = {"installer": installer.unpack, "uml": uml.unpack}
KEEP_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Image:
    """A kernel that can be booted."""

    name: str
    arch: str
    release: str
    vmlinux: Path
    initrd: Path
    kind: str = "package"
    cpu: str = ""

    @property
    def facts(self) -> Path:
        """What the packages say: a folder with `config` and modules.{dep,builtin,alias}, as far as there are such."""
        return self.initrd.parent / "facts"


def cache() -> Path:
    """The folder that holds packages and images, outside the tree."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "kprobe" / "vm"


def images(catalogue: Catalogue, kernels: Sequence[Want], refresh: bool = False) -> dict[str, Image]:
    """What these kernels boot from. The mirror is asked for what the cache lacks, or when told to refresh."""
    stock = fetch(catalogue, kernels, refresh)
    if stock.missing:
        raise apt.FetchError(f"could not fetch {', '.join(stock.missing)}; apt said:\n{stock.said}")
    with ThreadPoolExecutor(2) as pool:
        return {i.name: i for i in pool.map(stock.image, kernels)}


@dataclass(frozen=True)
class Stock:
    """The packages that could be had, and the names of those that could not."""

    debs: Mapping[str, tuple[Path, ...]]
    missing: tuple[str, ...]
    said: str

    def image(self, kernel: Want) -> Image:
        """A kernel's image, made when it is not there yet."""
        return _image(cache(), kernel, self.debs[kernel.name], self.debs[f"{BUSYBOX}-{kernel.arch}"])


def fetch(catalogue: Catalogue, kernels: Sequence[Want], refresh: bool = False) -> Stock:
    """Bring the kernels' packages into the cache, as far as they can be had. apt checks them by the signed hashes."""
    root = cache()
    root.mkdir(parents=True, exist_ok=True)
    busyboxes = [Want(f"{BUSYBOX}-{arch}", arch, catalogue.busybox) for arch in sorted({k.arch for k in kernels})]
    with locked(root / "lock"):
        return _debs(root, [*kernels, *busyboxes], refresh)


def _debs(root: Path, wants: Sequence[Want], refresh: bool) -> Stock:
    """The packages of each want: those of last time when they are still there, else resolved and fetched again."""
    record = root / "resolved.json"
    known: dict[str, list[str]] = json.loads(record.read_text()) if record.exists() else {}
    folder = root / "debs"
    ask = [w for w in wants if refresh or not _present(folder, known.get(_key(w), ()))]
    said = ""
    if ask:
        fetched, said = apt.fetch(ask, root / "apt", folder)
        known |= {_key(w): [f.name for f in fetched[w.name]] for w in ask if w.name in fetched}
        _write(record, known)
        for stale in {f.name for f in folder.glob("*.deb")} - {name for names in known.values() for name in names}:
            (folder / stale).unlink()
    there = {w.name: known[_key(w)] for w in wants if _present(folder, known.get(_key(w), ()))}
    debs = {name: tuple(folder / file for file in names) for name, names in there.items()}
    return Stock(debs, tuple(w.name for w in wants if w.name not in there), said)


def _present(folder: Path, names: Sequence[str]) -> bool:
    return bool(names) and all((folder / name).exists() for name in names)


def _image(root: Path, kernel: Want, debs: Sequence[Path], busybox: Sequence[Path]) -> Image:
    """The image of these packages, made anew when they, or the code that makes images, changed.

    Old ones are swept when nobody used them for a while: another tree's tests may be booting them.
    """
    recipe = [p.name for p in (*debs, *busybox)] + [(HERE / n).read_text() for n in ("image.py", "cpio.py")]
    stamp = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]
    shelf = root / "images" / kernel.name
    shelf.mkdir(parents=True, exist_ok=True)
    folder, done = shelf / stamp, shelf / stamp / "image.json"
    with locked(shelf / "lock"):
        if not done.exists():
            _sweep(shelf)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            _extract(busybox[0], folder / "tools")
            release = image.build(kernel.arch, debs, _binary(folder / "tools"), folder, UNPACKERS.get(kernel.kind))
            shutil.rmtree(folder / "tools")
            _write(done, {"release": release})
        done.touch()
    release = json.loads(done.read_text())["release"]
    return Image(kernel.name, kernel.arch, release, folder / "vmlinux", folder / "base.cpio", kernel.kind, kernel.cpu)


def _sweep(shelf: Path) -> None:
    for old in shelf.glob("*/image.json"):
        if time.time() - old.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(old.parent)


def _extract(deb: Path, folder: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", str(deb), str(folder)], check=True, capture_output=True, timeout=60)


def _binary(tree: Path) -> Path:
    for name in ("bin/busybox", "usr/bin/busybox"):
        if (tree / name).exists():
            return tree / name
    raise image.ImageError("no busybox in the package")


def _key(want: Want) -> str:
    """What a resolution holds for: it is void once the catalogue's entry changes."""
    return json.dumps([want.arch, *([s.suite, s.package] for s in want.sources), *want.along])


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

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""`make dist`: one wheel yields the static collectors of all architectures, and anyone can build the same bytes."""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# e_machine of <elf.h>; EI_CLASS 64 bits, EI_DATA 1 little, 2 big endian
MACHINES = {"x86_64": (62, 1), "aarch64": (183, 1), "ppc64le": (21, 1), "s390x": (22, 2)}
REBUILT = os.environ.get("KPROBE_REBUILD", "s390x").split()  # `make reproducible` rebuilds all of them

Run = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that has nothing but the wheel and what it depends on."""
    wheels = list((ROOT / "dist").glob("*.whl"))
    assert len(wheels) == 1, "run `make dist`"
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", str(wheels[0])]
    subprocess.run(pip, check=True, capture_output=True, cwd=folder)
    return folder


def kprobe(installed: Path, *arguments: str) -> Run:
    # Elsewhere than in the sources, so that it is the wheel's package that is imported.
    return subprocess.run([installed / "bin/kprobe", *arguments], cwd=installed, capture_output=True, check=False)


def test_the_wheel_lists_all_four(installed: Path) -> None:
    listed = kprobe(installed, "collector", "--list").stdout.decode().splitlines()
    assert {line.split()[0] for line in listed} == set(MACHINES)


@pytest.mark.parametrize("arch", MACHINES)
def test_the_wheel_yields_a_static_program(installed: Path, tmp_path: Path, arch: str) -> None:
    file = tmp_path / "collector"
    assert kprobe(installed, "collector", "--arch", arch, "-o", str(file)).returncode == 0
    assert file.stat().st_mode & 0o7777 == 0o755
    assert [p.name for p in tmp_path.iterdir()] == ["collector"], "something else was left behind"
    machine, order = MACHINES[arch]
    content = file.read_bytes()
    assert len(content) <= 500 * 1024
    assert content[:6] == b"\x7fELF" + bytes((2, order))
    end = "<" if order == 1 else ">"
    assert struct.unpack_from(f"{end}HH", content, 16)[1] == machine
    offset, size, number = _headers(content, end, 32, 54)
    kinds = {struct.unpack_from(f"{end}I", content, offset + i * size)[0] for i in range(number)}
    assert 3 not in kinds, "it names an interpreter (PT_INTERP), so it is not static"
    offset, size, number = _headers(content, end, 40, 58)
    sections = {struct.unpack_from(f"{end}I", content, offset + i * size + 4)[0] for i in range(number)}
    assert 2 not in sections, "it has a symbol table, so it is not stripped"
    assert content == (ROOT / "dist" / f"kprobe-collect-{arch}").read_bytes()


def test_a_damaged_copy_says_so(tmp_path: Path) -> None:
    """Its constants are compressed, and their checksum is wrong then: docs/adr/0015."""
    content = bytearray((ROOT / "dist/kprobe-collect-x86_64").read_bytes())
    at = content.index(b"\x1f\x8b\x08")  # the gzip member
    content[at + 50000] ^= 0x10
    file = tmp_path / "collector"
    file.write_bytes(content)
    file.chmod(0o755)
    told = subprocess.run([file, "--version"], capture_output=True, check=False)
    assert (told.returncode, told.stdout) == (1, b"")
    assert b"damaged" in told.stderr and told.stderr.count(b"\n") == 1


def _headers(content: bytes, end: str, offset: int, size: int) -> tuple[int, int, int]:
    """Where a table of an ELF file begins, how large an entry is, and how many there are."""
    return (*struct.unpack_from(f"{end}Q", content, offset), *struct.unpack_from(f"{end}HH", content, size))


def test_this_machines_is_the_default_and_runs(installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "collector"
    assert kprobe(installed, "collector", "-o", str(file)).returncode == 0
    listed = subprocess.run([file, "--list"], capture_output=True, check=True).stdout
    assert listed.count(b'"type":"row"') > 1000


def test_an_old_file_is_overwritten_only_by_force(installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "collector"
    file.write_text("mine")
    refused = kprobe(installed, "collector", "--arch", "s390x", "-o", str(file))
    assert (refused.returncode, file.read_text()) == (2, "mine")
    assert b"--force" in refused.stderr
    assert kprobe(installed, "collector", "--arch", "s390x", "-o", str(file), "--force").returncode == 0
    assert file.read_bytes()[:4] == b"\x7fELF"


def test_a_misspelt_architecture_is_one_line(installed: Path, tmp_path: Path) -> None:
    done = kprobe(installed, "collector", "--arch", "s309x", "-o", str(tmp_path / "collector"))
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "kprobe: --arch s309x: no collector for this architecture; did you mean s390x?"
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arch", REBUILT)
def test_the_same_bytes_come_out_elsewhere(tmp_path: Path, arch: str) -> None:
    """In a folder of another name, by a compiler with an empty cache, which makes its C library anew."""
    tree = tmp_path / "another" / "name of a folder"
    tree.mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "setup.py"):
        shutil.copy2(ROOT / name, tree)
    for name in ("csrc", "tools", "packages"):
        shutil.copytree(ROOT / name, tree / name)
    (tree / ".venv").symlink_to(ROOT / ".venv")
    (tree / "build").mkdir()
    (tree / "build/venv-dev").touch()
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    env.pop("ZIG_GLOBAL_CACHE_DIR", None)
    subprocess.run(["make", f"ARCH={arch}", "collector"], cwd=tree, env=env, check=True, capture_output=True)
    name = f"kprobe-collect-{arch}"
    assert (tree / "dist" / name).read_bytes() == (ROOT / "dist" / name).read_bytes()

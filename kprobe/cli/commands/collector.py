# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe collector``."""

import os
import platform
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import click

from kprobe.cli.output import write
from kprobe.errors import InputError, nearest

PREFIX = "kprobe-collect-"
ALIASES = {"amd64": "x86_64", "arm64": "aarch64", "ppc64el": "ppc64le", "powerpc64le": "ppc64le"}
"""Other names that distributions give to what ``uname -m`` says."""


@click.command()
@click.option("--arch", default="", metavar="NAME", help="As `uname -m` says it on the node. [default: this machine's]")
@click.option("-o", "--output", metavar="FILE", help="Where to put it; - is standard output.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--list", "listing", is_flag=True, help="List the architectures that there is one for.")
def command(arch: str, output: str | None, force: bool, listing: bool) -> None:
    """Take out the static collector: one file that needs nothing on the node, not even a C library."""
    found = _packed()
    if listing:
        write("".join(f"{name:<8}  {len(content):>9,} bytes\n" for name, content in found.items()))
        return
    if output is None:
        raise InputError("no file to write to", "collector", "say -o FILE, or --list")
    wanted = ALIASES.get(arch, arch) or platform.machine()
    if wanted not in found:
        raise InputError("no collector for this architecture", f"--arch {wanted}", _other(wanted, found))
    if output == "-":
        write(found[wanted])
    else:
        _place(found[wanted], Path(output), force=force)


def _packed() -> Mapping[str, bytes]:
    """Return the collectors that came with this kprobe, by architecture."""
    folder = files("kprobe") / "collectors"
    if not folder.is_dir():
        return {}
    named = {file.name.removeprefix(PREFIX): file for file in folder.iterdir() if file.name.startswith(PREFIX)}
    return {name: named[name].read_bytes() for name in sorted(named)}


def _other(wanted: str, found: Mapping[str, bytes]) -> str:
    if not found:
        return "this kprobe was built without them: `make collectors`"
    return nearest(wanted, found, f"there are {', '.join(found)}")


def _place(content: bytes, path: Path, *, force: bool) -> None:
    """Write an executable file, all of it or nothing. It takes the place of an old one, which may be running."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o755)
            if force:
                spare = Path(f"{file.name}.new")
                spare.hardlink_to(file.name)
                spare.replace(path)
            else:
                path.hardlink_to(file.name)
    except FileExistsError as error:
        raise InputError("is there already", str(path), "name another file, or say --force") from error
    except OSError as error:
        raise InputError(error.strerror or str(error), str(path), "name a file that can be written") from error

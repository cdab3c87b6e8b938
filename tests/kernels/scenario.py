# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What guests do: the scripts of guest/, with the collector and the helper inside."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from .boot import VMResult, boot
from .catalogue import HERE
from .helper import mkdev
from .store import Image

AUDITED = ("audit",)  # with auditing on from the start
SECONDS = 180  # for one script; a guest is slow on a busy machine


def play(
    name: str,
    image: Image,
    collector: Path,
    args: Sequence[str] = (),
    seconds: int = SECONDS,
    more: Mapping[str, Path] | None = None,
) -> VMResult:
    """Boot and run guest/NAME.sh. `args` go to every run of the collector, in front of the script's own.

    `more`: programs besides, by their names in the guest.
    """
    command = shlex.join(["kprobe-collect", *args])
    parts = [f'collector() {{ exec {command} "$@"; }}\n']
    parts += [(HERE / "guest" / f"{part}.sh").read_text() for part in ("lib", name)]
    files = {"vm/bin/kprobe-collect": collector, "vm/bin/mkdev": mkdev(image.arch)}
    files |= {f"vm/bin/{program}": path for program, path in (more or {}).items()}
    return boot(
        image,
        "".join(parts),
        files,
        append="audit=1 audit_backlog_limit=8192" if name in AUDITED else "",
        timeout=seconds,
    )


def keep(result: VMResult, folder: Path) -> None:
    """Leave all that came out of a guest in `folder`: its console, its kernel log (dmesg), the files of its /out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**result.out, "console": result.console.encode()}.items():
        (folder / name.replace("/", "_")).write_bytes(content)

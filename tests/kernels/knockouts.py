# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Knock-outs: what knockouts.toml takes from a kernel, and whether answers and causes are as it says."""

import re
import shlex
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kprobe.cause import cause
from kprobe.evidence import Evidence, parse
from kprobe.facts import Facts
from kprobe.profile import holds

from .boot import MEMORY, ONE_CPU, VMResult, boot
from .catalogue import HERE
from .helper import confine
from .store import Image

PROFILE = HERE / "guest" / "apparmor.profile"
POLICY = HERE / "guest" / "selinux.conf"
POLICY_VERSION = "33"  # the newest that Linux 5.10 takes
SECONDS = 300  # for all knock-outs of one boot; a guest is slow on a busy machine


class Knockout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is taken away, and what that must change: by row, an outcome and what the cause must say."""

    name: str
    select: str
    expect: dict[str, str]
    do: str = ""
    undo: str = ""
    run: str = ""
    kernels: str = ""


class Boot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One start of a guest, with the knock-outs that follow one another in it."""

    name: str
    knockout: tuple[Knockout, ...]
    append: str = ""
    kmod: bool = False
    apparmor: bool = False
    selinux: bool = False
    memory: int = MEMORY
    smp: str = ONE_CPU


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    boot: tuple[Boot, ...]


@dataclass(frozen=True)
class Wrong:
    """An answer that is not the expected one."""

    knockout: str
    row: str
    expected: str
    found: str


def load() -> tuple[Boot, ...]:
    """The table of knockouts.toml."""
    return msgspec.convert(tomllib.loads((HERE / "knockouts.toml").read_text()), _Table).boot


def chosen(of: Boot, image: Image) -> list[Knockout]:
    """The knock-outs that make sense on a kernel."""
    release = ".".join(image.release.split(".")[:2])
    return [knockout for knockout in of.knockout if holds(knockout.kernels, release)]


def play(of: Boot, image: Image, collector: Path) -> VMResult:
    """Boot a kernel and take from it what the table says; the evidence of knock-out X is /out/X.ndjson."""
    script = [f"DEP=/lib/modules/{image.release}/modules.dep\nR={image.release}\n"]
    script += [(HERE / "guest" / "knockout.sh").read_text()]
    for knockout in chosen(of, image):
        run = f"{knockout.run} kprobe-collect --deadline=60000 --unload=all --output /out/{knockout.name}.ndjson"
        script += [f"{knockout.do}\n" if knockout.do else "", f"{run} --select {shlex.quote(knockout.select)}\n"]
        script += [f"echo $? > /out/{knockout.name}.rc\n", f"{knockout.undo}\n" if knockout.undo else ""]
    files = {"vm/bin/kprobe-collect": collector, "vm/bin/confine": confine(image.arch)}
    files |= _kmod() if of.kmod else {}
    with tempfile.NamedTemporaryFile() as policy:
        for wanted, guest, compiler in (
            (of.apparmor, "vm/apparmor", ["apparmor_parser", "-QKo", policy.name, str(PROFILE)]),
            (
                of.selinux,
                "vm/selinux",
                ["checkpolicy", "-c", POLICY_VERSION, "-U", "allow", "-o", policy.name, str(POLICY)],
            ),
        ):
            if wanted:
                subprocess.run(compiler, check=True, capture_output=True, timeout=60)
                files[guest] = Path(policy.name)
        return boot(image, "".join(script), files, append=of.append, timeout=SECONDS, memory=of.memory, smp=of.smp)


def _kmod() -> dict[str, Path]:
    """This machine's kmod with its libraries, in a folder of the guest where nothing is shadowed by it."""
    program = Path(shutil.which("kmod") or "/usr/bin/kmod").resolve()
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True, timeout=60).stdout
    libraries = [Path(found[0]) for line in told.splitlines() if (found := re.search(r"(/\S+)", line))]
    return {"kmod/modprobe": program, **{f"kmod/{path.name}": path.resolve() for path in libraries}}


def wrong(of: Boot, image: Image, result: VMResult) -> Iterator[Wrong]:
    """Compare what came out of a guest with what the table expects."""
    for knockout in chosen(of, image):
        name = f"{knockout.name}.ndjson"
        evidence = parse(result.text(name).encode().splitlines(keepends=True), f"{result.name}/{name}")
        for row, expected in knockout.expect.items():
            found = said(evidence, row)
            if found.split(" ")[: len(expected.split(" "))] != expected.split(" "):
                yield Wrong(knockout.name, row, expected, found)


def said(evidence: Evidence, row: str) -> str:
    """What a row came back as: its outcome, and when it did not work, the cause's code and subject."""
    facts = Facts(evidence)
    if row not in facts.rows:
        return "not in the evidence"
    probe = facts.rows[row]
    why = cause(probe, facts)
    return " ".join(filter(None, (probe.outcome, why.code if why else "", why.subject if why else "")))

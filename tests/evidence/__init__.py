# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Evidence of real kernels, whole, as `make matrix` got it from guests; index.toml says of which kernel each is."""

import lzma
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from kprobe import profile
from kprobe.evidence import Evidence, parse
from kprobe.judge import judge
from kprobe.report import Verdict

HERE = Path(__file__).parent
VERDICTS = HERE / "verdicts.json"

Verdicts = Mapping[str, Mapping[str, Mapping[str, Verdict]]]
"""Kernel -> profile -> mode -> verdict."""


def index() -> Mapping[str, Mapping[str, str]]:
    """Name -> what is known of where the evidence came from."""
    found: Mapping[str, Mapping[str, str]] = tomllib.loads((HERE / "index.toml").read_text())
    return found


def load(name: str) -> Evidence:
    """The evidence of one kernel."""
    content = lzma.decompress((HERE / f"{name}.ndjson.xz").read_bytes())
    return parse(content.splitlines(keepends=True), name)


def verdicts() -> Verdicts:
    """What all of it means today."""
    profiles = [profile.load(name) for name in profile.bundled()]
    return {
        name: {each.name: {mode.name: mode.verdict for mode in judge(evidence, each).modes} for each in profiles}
        for name in sorted(index())
        for evidence in [load(name)]
    }


def record() -> None:
    """Write down what it means: `make golden`, after a look at why it means something else than before."""
    VERDICTS.write_bytes(msgspec.json.format(msgspec.json.encode(verdicts(), order="sorted"), indent=1) + b"\n")


def adopt(folder: Path, names: list[str]) -> None:
    """Take evidence from what `make matrix` left; the packages are those that the store resolved."""
    lines = ["# Where each file came from: made by `python -m tests.evidence adopt`.\n"]
    for name in sorted(names):
        content = (folder / f"{name}.ndjson").read_bytes()
        (HERE / f"{name}.ndjson.xz").write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
        begin = parse(content.splitlines(keepends=True), name).begin
        lines.append(
            f'\n["{name}"]\nrelease = "{begin.uname.release}"\nmachine = "{begin.uname.machine}"\n'
            f'version = "{begin.uname.version}"\ntime = "{begin.time}"\n'
            'where = "a guest in QEMU (TCG): busybox, kernel and modules of the Debian package of this release"\n'
        )
    (HERE / "index.toml").write_text("".join(lines))

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``python -m tests.fuzz TARGET [libFuzzer's options]``: an input that raises anything but InputError is a finding.

Targets: ``reader`` (NDJSON), ``intake`` (files and pages), ``unpack`` (what stands between the markers, digest made
right, so that the decompressors and the reader behind it are reached), ``render`` (evidence that the reader took, in
every format, with and without names).
"""

import sys
import zlib
from base64 import b64encode
from collections.abc import Callable
from hashlib import blake2s
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["kprobe"]):
    from kprobe import embed, evidence, intake, profile, reader, redact, render
    from kprobe.errors import InputError
    from kprobe.judge import judge

from tests.unit import synthetic

DOCKER = profile.load("docker")
WORDS = redact.vocabulary()
LIMIT = 60_000


def lines(data: bytes) -> None:
    """Read a stream; what was read must be written and read again the same, and be the same in one go."""
    at_once = [reader.at_once(data, "fuzz", shared=shared) for shared in (False, True)]
    found = evidence.parse(data.splitlines(keepends=True), "fuzz")
    again = evidence.parse(evidence.write(found).splitlines(keepends=True), "fuzz")
    if (again.begin, again.probes, again.end) != (found.begin, found.probes, found.end):
        raise AssertionError("the reader and the writer differ")
    if any(each is not None and synthetic.bare(each) != synthetic.bare(found) for each in at_once):
        raise AssertionError("line by line and in one go differ")


def intake_of(data: bytes) -> None:
    """Read any file."""
    intake.evidence_in(data, "fuzz")


def unpack(data: bytes) -> None:
    """Read a page whose digest is right."""
    for kind, body in ((b"x", data), (b"z", data), (b"z", zlib.compress(data, 1))):
        digest = blake2s(body, digest_size=8).digest()
        page = b"BEGIN KPROBE EVIDENCE\n" + b64encode(b"KPE1" + kind + digest + body) + b"\nEND KPROBE EVIDENCE\n"
        try:
            list(embed.unpack(page, "fuzz"))
        except InputError:
            continue


def renderers(data: bytes) -> None:
    """Judge and render one text in every place of the evidence."""
    text = atheris.FuzzedDataProvider(data).ConsumeUnicodeNoSurrogates(500)
    from tests.unit import hostile

    found = hostile.evidence(text)
    for each in (found, redact.redact(found, bytes(32), WORDS)):
        report = judge(each, DOCKER)
        for name in render.formats():
            out = render.render(name, report, show_all=True)
            if bad := [char for char in out if char != "\n" and not char.isprintable()]:
                raise AssertionError(f"{name}: {bad}")
            if name == "markdown" and len(out) > LIMIT:
                raise AssertionError(f"{len(out)} characters of Markdown")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "reader": lines,
    "intake": intake_of,
    "unpack": unpack,
    "render": renderers,
}


def seeds() -> list[bytes]:
    """Return inputs to begin with."""
    found = synthetic.stream({"link.veth": "works", "link.ipip": "absent"})
    page = render.render("markdown", judge(found, DOCKER)).encode()
    return [evidence.write(found), page, zlib.compress(evidence.write(found))]


def main() -> None:
    """Run one target."""
    name, *options = sys.argv[1:] or [""]
    if name not in TARGETS:
        sys.exit(f"fuzz: there are {', '.join(TARGETS)}")
    target = TARGETS[name]

    def one(data: bytes) -> None:
        try:
            target(data)
        except InputError as error:
            if "\n" in str(error):
                raise AssertionError("an error of more than one line") from error

    for number, seed in enumerate(seeds()):
        one(seed)
        if options and Path(options[-1]).is_dir():
            (Path(options[-1]) / f"seed{number}").write_bytes(seed)  # else it never gets past the first brace
    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


main()

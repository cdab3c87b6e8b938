# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A corpus of hostile evidence, given to the program: one clear line, exit 2, soon, in little memory."""

import gzip
import json
import lzma
import resource
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import zstandard

from kprobe import cli, evidence, render
from tests.unit import hostile, synthetic
from tests.unit.test_embed import block

ROOT = Path(cli.__file__).parents[2]
GOOD = synthetic.lines(synthetic.calico_but({"link.ipip": "absent"}))
BEGIN, FIRST, SECOND, *_ = GOOD
STREAM = b"".join(GOOD)
MEMORY = 1024 * 1024 * 1024
SOON = 60
"""Seconds, on a machine that is busy with other tests."""


def fact(value: str) -> bytes:
    return b'{"type":"fact","id":"node.x","value":' + value.encode() + b"}\n"


def replaced(line: bytes, **fields: object) -> bytes:
    return json.dumps({**json.loads(line), **fields}).encode() + b"\n"


REFUSED: dict[str, bytes] = {
    "empty": b"",
    "nothing but zeros": b"\0" * 100_000,
    "a program": b"\x7fELF" + bytes(range(256)) * 100,
    "a line of 10 MB": BEGIN + b'{"type":"fact","id":"' + b"x" * 10_000_000 + b'"}\n',
    "10 MB without a line": b"x" * 10_000_000,
    "20 MB": BEGIN + fact('"' + "x" * 60_000 + '"') * 350,
    "deep nesting": BEGIN + fact("[" * 20_000 + "]" * 20_000),
    "deep nesting, not closed": BEGIN + fact("[" * 20_000),
    "deep nesting in an unknown field": BEGIN
    + b'{"type":"fact","id":"a","x":'
    + b'{"a":' * 10_000
    + b"}" * 10_000
    + b"}\n",
    "deep nesting in an unknown type": BEGIN + b'{"type":"new","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}\n",
    "four deep": BEGIN + fact("[[[[1]]]]"),
    "invalid UTF-8": BEGIN + b'{"type":"fact","id":"\xff\xfe"}\n' + SECOND,
    "overlong UTF-8": BEGIN + b'{"type":"fact","id":"\xc0\xaf"}\n' + SECOND,
    "surrogates": BEGIN + b'{"type":"fact","id":"\\ud800"}\n' + SECOND,
    "duplicate ids": BEGIN + FIRST + FIRST,
    "duplicate begin": BEGIN + BEGIN,
    "duplicate in the plan": replaced(BEGIN, plan={"a": ["a.b", "a.b"]}),
    "no begin": FIRST,
    "a string for a number": BEGIN + replaced(FIRST, seq="0"),
    "a number for a string": BEGIN + replaced(FIRST, id=7),
    "null": BEGIN + replaced(FIRST, outcome=None),
    "an invented outcome": BEGIN + replaced(FIRST, outcome="fine"),
    "a negative count": BEGIN + replaced(FIRST, ns=-1),
    "a huge number": BEGIN + replaced(FIRST, ns=10**400),
    "a number with an exponent": BEGIN + FIRST.replace(b'"ns":1000', b'"ns":1e999'),
    "a list for the stream": b"[" + STREAM.replace(b"\n", b",") + b"{}]",
    "another format": replaced(BEGIN, format=2),
    "gzip, cut": gzip.compress(STREAM)[:-30],
    "gzip bomb": gzip.compress(b"\0" * 100_000_000),
    "xz, cut": lzma.compress(STREAM)[:-30],
    "xz bomb": lzma.compress(b"\0" * 100_000_000),
    "zstd, cut": zstandard.compress(STREAM)[:-30],
    "zstd bomb": zstandard.compress(b"\0" * 100_000_000),
    "bomb in a page": block(zlib.compress(b"\0" * 100_000_000)),
    "page without an end": b"BEGIN KPROBE EVIDENCE\n" + b"A" * 1_000_000,
    "page of markers": b"BEGIN KPROBE EVIDENCE\n" * 300_000,
}


def judge(data: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "kprobe", "judge", "-", *arguments]
    return subprocess.run(
        command, input=data, capture_output=True, check=False, cwd=ROOT, timeout=SOON, preexec_fn=_little_memory
    )


def _little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_clear_line(name: str) -> None:
    done = judge(REFUSED[name])
    said = done.stderr.decode()
    assert done.returncode == 2, said[-2000:]
    assert said.startswith("kprobe: stdin")
    assert said.count("\n") == 1
    assert len(said) < 500
    assert said.rstrip("\n").isprintable()
    assert done.stdout == b""


@pytest.mark.parametrize("form", render.formats())
@pytest.mark.parametrize("names", [(), ("--show-names",)])
def test_rendered_and_never_active(form: str, names: tuple[str, ...]) -> None:
    """All payloads at once; what each format makes of them is tested format by format."""
    found = hostile.evidence(" ".join(hostile.PAYLOADS[:-1]))
    done = judge(evidence.write(found), "--format", form, *names)
    assert done.returncode in {1, 3}, done.stderr[-2000:]
    assert done.stderr == b""
    text = done.stdout.decode()
    assert not [char for char in text if char != "\n" and not char.isprintable()]
    assert "\n::set-output" not in text
    assert "\n##[" not in text


def test_a_bad_file_name_is_harmless() -> None:
    command = [sys.executable, "-m", "kprobe", "judge", "/nowhere/\x1b[31m\n::error::x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.rstrip("\n").isprintable()


def test_good_evidence_passes_the_same_way() -> None:
    """The limits above are not what refuses."""
    done = judge(STREAM)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"Calico")

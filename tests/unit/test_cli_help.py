# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What the program says of itself: completion, man page, examples, redaction of files."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kprobe import cli, evidence, profile, render
from kprobe.cli.examples import EXAMPLES, FIRST
from kprobe.evidence import Uname
from kprobe.intake import evidence_in
from tests.unit import synthetic
from tools import gen_man

ROOT = Path(cli.__file__).parents[2]
LINES = [line for examples in (FIRST, *EXAMPLES.values()) for line, _ in examples]


def commands() -> dict[str, click.Command]:
    context = click.Context(cli.main)
    found = {name: cli.main.get_command(context, name) for name in cli.main.list_commands(context)}
    return {name: command for name, command in found.items() if command}


@pytest.mark.parametrize("line", LINES)
def test_examples_name_options_that_there_are(line: str) -> None:
    words = shlex.split(
        line.partition("kprobe-collect | ")[2] or line.strip("<()").replace("source <(", "").rstrip(")")
    )
    words = words[: words.index(">")] if ">" in words else words
    command = commands()[words[1]]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words[2:] if word.startswith("-") and word != "-"} <= options


def test_help_teaches() -> None:
    assert set(EXAMPLES) <= set(commands())
    for name in EXAMPLES:
        shown = CliRunner().invoke(cli.main, [name, "--help"]).stdout
        assert all(line in shown for line, _ in EXAMPLES[name])
    top = CliRunner().invoke(cli.main, ["--help"]).stdout
    assert all(line in top for line, _ in FIRST)
    assert "..." not in top.partition("Commands:")[2].partition("Examples:")[0]


def complete(*words: str) -> list[str]:
    env = {**os.environ, "_KPROBE_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["kprobe", *words])}
    env["COMP_CWORD"] = str(len(words))
    code = "from kprobe.cli import main; main(prog_name='kprobe')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env, cwd=ROOT)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_completion_proposes_values() -> None:
    assert "judge" in complete("ju")
    assert complete("judge", "--show-n") == ["--show-names"]
    assert complete("judge", "--profile", "cali") == ["calico"]
    assert set(complete("judge", "--format", "")) == set(render.formats())
    assert complete("judge", "--mode", "vxlan") == ["vxlan-ipv4", "vxlan-ipv6"]
    assert set(complete("judge", "--release", "")) == set(profile.load("calico").releases)
    assert complete("judge", "--profile", "nonsense", "--mode", "x") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    done = CliRunner().invoke(cli.main, ["completion", shell])
    assert done.exit_code == 0
    assert "_KPROBE_COMPLETE" in done.stdout
    if shell == "bash":
        checked = subprocess.run(["bash", "-n"], input=done.stdout, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_man_page() -> None:
    page = "".join(f"{line}\n" for line in gen_man.page())
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-P-cbou"], input=page, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    for name, command in commands().items():
        assert f"kprobe {name}" in done.stdout
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[0] in done.stdout, name


def test_redact(tmp_path: Path) -> None:
    found = synthetic.stream({"link.veth": "works"}, uname=Uname(nodename="quorvix.example", release="6.1.0"))
    file, out = tmp_path / "node.ndjson", tmp_path / "public.ndjson"
    file.write_bytes(evidence.write(found))
    assert CliRunner().invoke(cli.main, ["redact", str(file), "-o", str(out)]).exit_code == 0
    assert b"quorvix" not in out.read_bytes()
    (public,) = evidence_in(out.read_bytes(), "public")
    assert public.probes == found.probes
    printed = CliRunner().invoke(cli.main, ["redact", str(file)])
    assert printed.stdout_bytes != out.read_bytes()  # another key
    bad = CliRunner().invoke(cli.main, ["redact", str(file), "-o", str(tmp_path / "no" / "way")])
    assert bad.exit_code == 2


def test_what_is_shared_has_no_names_unless_asked_for(tmp_path: Path) -> None:
    found = synthetic.stream({"link.veth": "works"}, uname=Uname(nodename="quorvix.example", release="6.1.0"))
    file = tmp_path / "node.ndjson"
    file.write_bytes(evidence.write(found))
    for form in render.formats():
        shown = CliRunner().invoke(cli.main, ["judge", str(file), "--format", form]).stdout
        named = CliRunner().invoke(cli.main, ["judge", str(file), "--format", form, "--show-names"]).stdout
        assert ("quorvix" in shown) == (form in {"text", "json"}), form
        assert ("quorvix" in named) == (form not in {"prometheus", "nfd"}), form
    page = tmp_path / "issue.md"
    page.write_text(CliRunner().invoke(cli.main, ["judge", str(file), "--format", "markdown"]).stdout)
    assert CliRunner().invoke(cli.main, ["judge", str(page)]).exit_code == 3

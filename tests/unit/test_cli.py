# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The command line, with evidence from files and a synthetic collector in the place of the C core."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner, Result

from kprobe import catalogue as listing
from kprobe import cli, evidence, profile, reader
from kprobe.cli.commands.schema import schema_text
from kprobe.errors import InputError
from kprobe.evidence import Evidence, Row
from tests.unit import synthetic

NO_IPIP = synthetic.calico_but({"link.ipip": "absent"})
ROWS = [
    Row(
        id=name,
        title=f"row {name}",
        asks="a question",
        proves="an answer",
        errnos={"EOPNOTSUPP": "absent: no such link kind"},
        modules=("ipip",),
        host="tunl0" if name == "link.ipip" else "",
        would_load=("ipip",) if name == "link.ipip" else (),
        tried=name != "link.veth",
        reason="" if name != "link.veth" else "would load veth",
    )
    for name in synthetic.calico_ids()
]


def kprobe(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli.main, arguments, input=stdin)


def file_of(path: Path, found: Evidence) -> str:
    path.write_bytes(evidence.write(found))
    return str(path)


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Put a synthetic collector in the place of the one that needs the C core; returns what it was asked."""
    asked: dict[str, object] = {}
    fake = ModuleType("kprobe.collect")

    def collect(select: str, flags: object, deadline_ms: int) -> Iterator[bytes]:
        asked.update(select=select, flags=flags, deadline_ms=deadline_ms)
        if select == "nothing.*":
            raise InputError("a glob that no row matches", "--select nothing.*", "`kprobe probes` lists the ids")
        try:
            for number, line in enumerate(synthetic.lines(NO_IPIP)):
                if select == "interrupt" and number == 3:
                    raise KeyboardInterrupt
                yield line
        finally:
            asked["closed"] = True

    def catalogue(*_: object) -> Iterator[bytes]:
        return map(evidence.encode, ROWS)

    vars(fake).update(collect=collect, catalogue=catalogue, plan=catalogue, flags=lambda **switches: switches)
    monkeypatch.setitem(sys.modules, "kprobe.collect", fake)
    monkeypatch.setattr("kprobe.collect", fake, raising=False)
    return asked


def test_every_command_and_option_has_help() -> None:
    context = click.Context(cli.main)
    for name in cli.main.list_commands(context):
        command = cli.main.get_command(context, name)
        assert command is not None
        result = kprobe(name, "--help")
        assert result.exit_code == 0
        assert command.help, name
        assert all(option.help for option in command.params if isinstance(option, click.Option)), name


def test_judge(tmp_path: Path) -> None:
    file = file_of(tmp_path / "a.ndjson", NO_IPIP)
    ready = kprobe("judge", file)
    assert (ready.exit_code, ready.stderr) == (0, "")
    assert ready.stdout.startswith("Calico 3.33 on synthetic")
    assert kprobe("judge", file, "--mode", "ipip").exit_code == 1
    assert kprobe("judge", "-", "--format", "json", stdin=evidence.write(NO_IPIP)).exit_code == 0
    doubt = file_of(tmp_path / "b.ndjson", synthetic.stream({}))
    assert kprobe("judge", doubt).exit_code == 3
    assert kprobe("judge", file, doubt).exit_code == 3
    assert kprobe("judge", doubt, file, "--mode", "ipip").exit_code == 1


def test_bad_input_is_one_line_and_nothing_is_lost(tmp_path: Path) -> None:
    good = file_of(tmp_path / "a.ndjson", NO_IPIP)
    bad = tmp_path / "bad\x1b.ndjson"
    bad.write_bytes(evidence.write(NO_IPIP).replace(b'"works"', b'"fine"', 1))
    result = kprobe("judge", str(bad), good)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"kprobe: {tmp_path}/bad\\x1b.ndjson:2: Invalid enum value 'fine'")
    assert result.stderr.count("\n") == 1
    assert result.stdout.startswith("Calico 3.33")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["judge"], "Missing argument"),
        (["judge", "/nowhere"], "kprobe: /nowhere: No such file or directory; name a readable file"),
        (["judge", "-", "--mode", "ipi"], "did you mean ipip?"),
        (["judge", "-", "--release", "3.1"], "--release: profile calico does not know release 3.1"),
        (["judge", "-", "--profile", "calcio"], "calcio: no such profile; did you mean calico?"),
        (["judge", "-", "--format", "yaml"], "there are github, "),
        (["explain", "link.vth"], "link.vth: no such row; did you mean link.veth?"),
        (["run", "--select", "nothing.*"], "--select nothing.*: a glob that no row matches; `kprobe probes`"),
        (["run", "--deadline", "0"], "--deadline"),
        (["frobnicate"], "No such command"),
    ],
)
@pytest.mark.usefixtures("core")
def test_usage(arguments: list[str], message: str) -> None:
    result = kprobe(*arguments, stdin=b"")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_run(core: dict[str, object], tmp_path: Path) -> None:
    output = tmp_path / "node.ndjson"
    result = kprobe("run", "--no-autoload", "--select", "link.*", "--select", "!link.ifb", "--output", str(output))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Calico 3.33 on synthetic")
    assert core == {
        "select": "link.* !link.ifb",
        "flags": {"no_autoload": True, "intrusive": False, "full_size": False, "no_flows": False, "unload": "safe"},
        "deadline_ms": 5000,
        "closed": True,
    }
    assert output.read_bytes() == evidence.write(NO_IPIP)
    assert kprobe("run", "--mode", "ipip").exit_code == 1


def test_collect(core: dict[str, object], tmp_path: Path) -> None:
    assert kprobe("collect").stdout_bytes == evidence.write(NO_IPIP)
    output = tmp_path / "node.ndjson"
    assert kprobe("collect", "--output", str(output)).stdout == ""
    assert output.read_bytes() == evidence.write(NO_IPIP)
    refused = kprobe("collect", "--output", str(tmp_path / "none" / "node"))
    assert refused.exit_code == 2
    assert "No such file or directory; name a file that can be written" in refused.stderr
    full = kprobe("collect", "--output", "/dev/full")
    assert full.exit_code == 2
    assert "kprobe: /dev/full: No space left on device" in full.stderr
    assert core["closed"]


def test_ctrl_c_keeps_what_was_collected(core: dict[str, object], tmp_path: Path) -> None:
    output = tmp_path / "node.ndjson"
    result = kprobe("run", "--select", "interrupt", "--output", str(output))
    assert result.exit_code == 130
    assert core["closed"]
    assert reader.read(output).running == synthetic.calico_ids()[2]


def test_what_is_needed_alone_is_asked(core: dict[str, object]) -> None:
    kprobe("run", "--needed", "--mode", "ipip", "--select", "!link.ifb")
    asked = str(core["select"]).split()
    assert "link.ipip" in asked
    assert "link.wireguard" not in asked
    assert "ipset.hash:ip.inet" not in asked
    assert asked[-1] == "!link.ifb", "what the user takes out goes last"
    assert not any(name.startswith("node.") for name in asked), "these are worked out, not asked"
    kprobe("run", "--needed", "--profile", "calico", "--profile", "flannel")
    both = str(core["select"]).split()
    assert len(set(both)) == len(both) > 200


def test_a_run_that_fails_leaves_an_older_file_alone(core: dict[str, object], tmp_path: Path) -> None:
    output = tmp_path / "node.ndjson"
    output.write_text("older")
    assert kprobe("run", "--select", "nothing.*", "--output", str(output)).exit_code == 2
    assert output.read_text() == "older"
    output.unlink()
    assert kprobe("run", "--select", "nothing.*", "--output", str(output)).exit_code == 2
    assert not output.exists()
    assert "closed" not in core


@pytest.mark.usefixtures("core")
def test_a_profile_file_with_an_id_that_no_row_has(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text, _ = profile.text_of("calico")
    file.write_text(text.replace('"link.ifb"', '"link.ibf"'))
    result = kprobe("run", "--profile", str(file))
    assert result.exit_code == 2
    assert "needs link.ibf, which no row has; did you mean link.ifb?" in result.stderr


@pytest.mark.usefixtures("core")
def test_catalogue() -> None:
    listed = kprobe("probes").stdout
    assert all(row.id in listed for row in ROWS)
    assert [json.loads(line)["id"] for line in kprobe("probes", "--json").stdout.splitlines()] == [
        row.id for row in ROWS
    ]
    planned = kprobe("plan").stdout
    assert f"A run would ask {len(ROWS) - 1} of {len(ROWS)} rows." in planned
    assert "Modules that it may load: ipip" in planned
    assert "tunl0: link.ipip" in planned
    assert "would load veth: link.veth" in planned
    explained = kprobe("explain", "link.ipip").stdout
    for part in ("a question", "an answer", "EOPNOTSUPP", "tunl0", "calico (ipip): require", "why: ", "source: felix/"):
        assert part in explained


def test_profiles() -> None:
    assert "calico: Calico" in kprobe("profiles").stdout
    detailed = kprobe("profiles", "calico").stdout
    assert "require link.ipip" in detailed
    assert "to do without: " in detailed


def test_schema() -> None:
    assert kprobe("schema").stdout == schema_text()


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    file = file_of(tmp_path / "a.ndjson", NO_IPIP)
    command = [sys.executable, "-m", "kprobe", "judge", *[file] * 50, "--all"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(cli.__file__).parents[2]
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == cli.PIPE_CLOSED


def test_heavy_modules_are_not_imported_in_vain(tmp_path: Path) -> None:
    file = file_of(tmp_path / "a.ndjson", NO_IPIP)
    code = (
        "import sys; from kprobe.cli import main; main(sys.argv[1:], standalone_mode=False);"
        "print([name for name in ('rich', 'importlib.resources', 'importlib.metadata', 'cffi') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "judge", file]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(cli.__file__).parents[2])
    assert done.stdout.endswith("[]\n")


def test_a_plan_counts_where_there_is_much_to_name() -> None:
    rows = [Row(id=f"f.{n}", title="t", family="f", tried=True, records="an audit record") for n in range(9)]
    few = listing.plan_text(rows[:2])
    assert "an audit record: f.0, f.1" in few
    many = listing.plan_text(rows)
    assert "an audit record: 9 of f" in many
    assert "f.8" not in many

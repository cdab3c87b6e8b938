# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A file for the textfile collector of Prometheus' node_exporter: ``kprobe run --format prometheus > kprobe.prom``.

No time stamps (that collector refuses them), base units, HELP and TYPE once a metric, labels of few values: verdicts,
modes, outcomes. Node and kernel are in node_exporter's own ``node_uname_info``. Which rows failed is in the evidence.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import get_args

from kprobe.clean import clean
from kprobe.errors import InputError
from kprobe.evidence import Outcome
from kprobe.report import Report, Verdict

ONE_NODE = True
Sample = tuple[Mapping[str, str], float]


def render(report: Report, **options: object) -> str:
    """Render one report."""
    return render_many((report,), **options)


def render_many(reports: Sequence[Report], **_: object) -> str:
    """Render what several profiles say of the same node."""
    seen = Counter(report.profile for report in reports)
    if twice := [name for name, number in seen.items() if number > 1]:
        raise InputError(f"two profiles are named {twice[0]}", "--profile", "series would clash; judge one at a time")
    lines: list[str] = []
    for name, text, samples in _metrics(reports):
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(labels)} {value!r}" for labels, value in samples]
    return "".join(line + "\n" for line in lines)


def _metrics(reports: Sequence[Report]) -> Iterator[tuple[str, str, list[Sample]]]:
    one = reports[0]
    yield "kprobe_info", "Version of the collector.", [({"version": one.begin.version}, 1)]
    if (start := _seconds(one.begin.time)) is not None:
        yield "kprobe_collected_timestamp_seconds", "When the kernel was asked, in seconds since 1970.", [({}, start)]
    yield "kprobe_complete", "Whether the evidence is whole: 0 where it was cut.", [({}, float(not one.incomplete))]
    if one.end is not None:
        yield "kprobe_run_duration_seconds", "How long asking the kernel took.", [({}, one.end.ns / 1e9)]
        yield "kprobe_modules_left", "Modules that the run loaded and left.", [({}, float(len(one.end.left)))]
    outcomes = Counter(row.outcome for row in one.rows if not row.control)
    rows: list[Sample] = [({"outcome": name}, float(outcomes[name])) for name in get_args(Outcome)]
    yield "kprobe_rows", "Rows by what the kernel answered.", rows
    answers: list[Sample] = []
    modes: list[Sample] = []
    for report in reports:
        about = {"profile": report.profile, "release": report.release}
        answers += [({**about, "verdict": name}, float(name == report.verdict)) for name in get_args(Verdict)]
        modes += [
            ({"profile": report.profile, "mode": mode.name, "verdict": mode.verdict}, 1.0)
            for mode in report.modes
            if mode.wanted
        ]
    yield "kprobe_verdict", "What a profile's verdict on this node is: 1 for that, 0 for the others.", answers
    yield "kprobe_mode_verdict", "The verdict of a mode, as a label; always 1.", modes


def _seconds(time: str) -> float | None:
    try:
        return datetime.fromisoformat(time).timestamp()
    except (ValueError, OverflowError):
        return None


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return clean(value).replace("\\", "\\\\").replace('"', '\\"')

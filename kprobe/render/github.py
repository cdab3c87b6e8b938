# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Annotations of a GitHub Actions job: the answer, then what stops, what could not be told, what is merely missed.

A workflow command is a line ``::error title=…::message``. In it ``%``, CR and LF are written as ``%25``, ``%0D`` and
``%0A``, in a property ``:`` and ``,`` too (actions/toolkit, packages/core/src/command.ts). GitHub shows the first ten
errors and the first ten warnings of a step, so the last of them counts the others.
"""

from collections.abc import Iterator

from kprobe.clean import clean
from kprobe.render import _parts as parts
from kprobe.report import Report

SHARED = True
SHOWN = 10
TOP = {"pass": "notice", "warn": "notice", "unknown": "warning", "fail": "error"}


def render(report: Report, **_: object) -> str:
    """Render one line an annotation."""
    answer = f"{parts.title(report)} on {parts.node(report)}: {parts.ANSWER[report.verdict].upper()}"
    lines = {"error": list[str](), "warning": list[str](), "notice": list[str]()}
    lines[TOP[report.verdict]].append(_command(TOP[report.verdict], f"kprobe {report.profile}", answer))
    for kind, title, message in _annotations(report):
        lines[kind].append(_command(kind, title, message))
    for kind, found in lines.items():
        if len(found) > SHOWN:
            more = f"{len(found) - SHOWN + 1} more; `kprobe judge` prints them all"
            found[SHOWN - 1 :] = [_command(kind, f"kprobe {report.profile}", more)]
    return "".join(line + "\n" for found in lines.values() for line in found)


def _annotations(report: Report) -> Iterator[tuple[str, str, str]]:
    """Yield kind, title and message of each problem. An error only where the answer is not ready because of it."""
    blocked = {mode.name for mode in report.modes if parts.blocking(report, mode) == "fail" == mode.verdict}
    for section in parts.sections(report):
        for problem in section.problems:
            stops = any(user.level == "require" and blocked.intersection(user.modes) for user in problem.users)
            kind = "error" if stops and section.title == parts.MISSING else "warning"
            modes = tuple(dict.fromkeys(mode for user in problem.users for mode in user.modes))
            text = [*problem.said, *(f"cause: {cause}" for cause in problem.causes[: parts.FEW])]
            text += [f"remedy: {remedy.text}" for remedy in problem.remedies[: parts.FEW]]
            text.append(f"needed by {parts.few(modes, parts.MANY)}")
            yield kind, f"{problem.outcome}: {parts.few(problem.names, parts.FEW)}", "\n".join(map(clean, text))


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_data(clean(title)).replace(':', '%3A').replace(',', '%2C')}::{_data(message)}"


def _data(text: str) -> str:
    lines = text.replace("%", "%25").replace("\r", "%0D").split("\n")
    return "%0A".join(map(clean, lines))

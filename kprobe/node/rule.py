# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What a derived row is made of: a question, and a pure function that answers it from facts."""

from collections.abc import Callable
from typing import NamedTuple

from kprobe.evidence import Outcome
from kprobe.node.view import UnsureError, View

__all__ = ["Answer", "Rule", "UnsureError", "View", "absent", "bad", "fine"]


class Answer(NamedTuple):
    """``works``: as it should be. ``absent``: not there. ``broken``: there, and in the way. ``denied``: not allowed."""

    outcome: Outcome
    reason: str


class Rule(NamedTuple):
    """One derived row."""

    id: str
    title: str
    asks: str
    proves: str
    judge: Callable[[View], Answer]


def fine(reason: str) -> Answer:
    """All is as it should be."""
    return Answer("works", reason)


def absent(reason: str) -> Answer:
    """Something that should be there is missing."""
    return Answer("absent", reason)


def bad(reason: str) -> Answer:
    """Something is in the way."""
    return Answer("broken", reason)

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Expressions over row ids: ``a and (b or c)``, in three-valued logic.

There is no "not", on purpose: every expression is monotone, so worse evidence can never give a better answer.

    expression := term { "or" term }      term := factor { "and" factor }      factor := ID | "(" expression ")"
"""

import re
from collections.abc import Callable, Iterator
from functools import cache

import msgspec

MAX_DEPTH = 32

Truth = bool | None
"""True: yes. False: no. None: cannot tell."""

_TOKEN = re.compile(r"[()]|[^\s()]+")
_WORDS = ("(", ")", "and", "or")
_ID = re.compile(r"[a-z][a-z0-9]*(\.[A-Za-z0-9_:,*-]+)+")


class Id(msgspec.Struct, frozen=True):
    """One row."""

    name: str


class All(msgspec.Struct, frozen=True):
    """Parts joined by "and"."""

    parts: tuple["Expr", ...]


class Any(msgspec.Struct, frozen=True):
    """Parts joined by "or"."""

    parts: tuple["Expr", ...]


Expr = Id | All | Any


class ExprError(ValueError):
    """A text that is no expression."""


@cache
def parse(text: str) -> Expr:
    """Parse the text of an expression."""
    if _ID.fullmatch(text):
        return Id(text)  # most are no more than that
    tokens = [*reversed(_tokens(text))]
    found = _either(tokens, 0)
    if tokens:
        raise ExprError(f"{tokens[-1]!r} where the expression should have ended")
    return found


def _either(tokens: list[str], depth: int) -> Expr:
    parts = list(_joined(tokens, "or", lambda: _both(tokens, depth)))
    return parts[0] if len(parts) == 1 else Any(tuple(parts))


def _both(tokens: list[str], depth: int) -> Expr:
    parts = list(_joined(tokens, "and", lambda: _factor(tokens, depth)))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _joined(tokens: list[str], word: str, part: Callable[[], Expr]) -> Iterator[Expr]:
    yield part()
    while tokens and tokens[-1] == word:
        tokens.pop()
        yield part()


def _factor(tokens: list[str], depth: int) -> Expr:
    if not tokens:
        raise ExprError("the expression ends where an id should stand")
    name = tokens.pop()
    if name == "(":
        if depth == MAX_DEPTH:
            raise ExprError(f"parentheses nested deeper than {MAX_DEPTH}")
        found = _either(tokens, depth + 1)
        if not tokens or tokens.pop() != ")":
            raise ExprError("a parenthesis is not closed")
        return found
    if not _ID.fullmatch(name):
        raise ExprError(f"{name!r} is no row id")
    return Id(name)


@cache
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text))


@cache
def names(text: str) -> tuple[str, ...]:
    """Return the ids in an expression that ``parse`` takes, each once, in the order in which they stand."""
    return tuple(dict.fromkeys([token for token in _tokens(text) if token not in _WORDS]))


def chooses(text: str) -> bool:
    """Whether there is an "or" in an expression."""
    return "or" in _tokens(text)


def value(expr: Expr, truth: Callable[[str], Truth]) -> Truth:
    """Evaluate by Kleene's rules: "and" is the worst part, "or" is the best, and unknown stands between no and yes."""
    if isinstance(expr, Id):
        return truth(expr.name)
    found: Truth = isinstance(expr, All)
    decides = not found
    for part in expr.parts:
        of_part = value(part, truth)
        if of_part is decides:
            return decides
        if of_part is None:
            found = None
    return found


def deciding(expr: Expr, truth: Callable[[str], Truth]) -> Iterator[str]:
    """Yield the ids that make the expression what it is: a "no" of an "and" rests on the parts that are "no" alone."""
    if isinstance(expr, Id):
        yield expr.name
        return
    whole = value(expr, truth)
    resting = [part for part in expr.parts if value(part, truth) is whole]
    if isinstance(expr, Any) and whole is True:
        resting = resting[:1]
    for part in resting:
        yield from deciding(part, truth)

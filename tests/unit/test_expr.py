# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Expressions: the grammar, Kleene's tables, and what an answer rests on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprobe import expr
from kprobe.expr import All, Any, Expr, Id, Truth

NAMES = ["a.a", "a.b", "a.c", "a.d"]
ORDER = [False, None, True]

exprs: st.SearchStrategy[Expr] = st.recursive(
    st.sampled_from(NAMES).map(Id),
    lambda inner: (
        st.builds(All, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Any, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=8,
)
truths = st.fixed_dictionaries({name: st.sampled_from(ORDER) for name in NAMES})


def text(found: Expr) -> str:
    if isinstance(found, Id):
        return found.name
    word = " and " if isinstance(found, All) else " or "
    return word.join(part.name if isinstance(part, Id) else f"({text(part)})" for part in found.parts)


def ids(found: Expr) -> list[str]:
    return [found.name] if isinstance(found, Id) else [name for part in found.parts for name in ids(part)]


def chooses(found: Expr) -> bool:
    return not isinstance(found, Id) and (isinstance(found, Any) or any(map(chooses, found.parts)))


@given(exprs)
def test_what_it_names_is_told_without_parsing(found: Expr) -> None:
    assert expr.names(text(found)) == tuple(dict.fromkeys(ids(found)))
    assert expr.chooses(text(found)) == chooses(found)


def test_words_need_no_spaces() -> None:
    assert expr.parse("(a.a)or(a.b)") == Any((Id("a.a"), Id("a.b")))
    assert expr.names("(a.a)or(a.b)") == ("a.a", "a.b")
    assert expr.chooses("(a.a)or(a.b)")
    assert not expr.chooses("for.a and a.or")


@given(exprs)
def test_what_is_written_is_parsed(found: Expr) -> None:
    assert expr.parse(text(found)) == found


def test_and_binds_closer_than_or() -> None:
    assert expr.parse("a.a or a.b and a.c") == Any((Id("a.a"), All((Id("a.b"), Id("a.c")))))


@pytest.mark.parametrize(
    "name",
    [
        "ipset.hash:ip,port.inet6",
        "xt.nft.ipv6.target.REJECT.tcp-reset",
        "ipset.hash:ip,port.inet.swap",
        "bpf.prog.sched_cls",
    ],
)
def test_ids(name: str) -> None:
    assert expr.names(f"({name})") == (name,)
    assert expr.parse(name) == Id(name)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "ends"),
        ("a.a or", "ends"),
        ("(a.a", "not closed"),
        ("(a.a a.b", "not closed"),
        ("a.a)", "should have ended"),
        ("a.a a.b", "should have ended"),
        ("a.a AND a.b", "should have ended"),
        ("and", "no row id"),
        ("not a.a", "no row id"),
        ("a.a and or a.b", "no row id"),
        ("()", "no row id"),
        ("veth", "no row id"),
        ("a.{x}", "no row id"),
        ("(" * 1000 + "a.a" + ")" * 1000, "deeper"),
    ],
)
def test_bad_expressions(bad: str, why: str) -> None:
    with pytest.raises(expr.ExprError, match=why):
        expr.parse(bad)


@given(st.text("ab.()andor ", max_size=40))
def test_any_text_is_parsed_or_refused(noise: str) -> None:
    try:
        found = expr.parse(noise)
    except expr.ExprError:
        return
    assert expr.names(noise) == tuple(dict.fromkeys(ids(found)))
    assert expr.chooses(noise) == chooses(found)


@given(exprs, truths)
def test_and_is_the_worst_part_and_or_the_best(found: Expr, known: dict[str, Truth]) -> None:
    if not isinstance(found, Id):
        parts = [ORDER.index(expr.value(part, known.__getitem__)) for part in found.parts]
        expected = min(parts) if isinstance(found, All) else max(parts)
        assert expr.value(found, known.__getitem__) is ORDER[expected]


@given(exprs, truths, truths)
def test_worse_rows_never_give_a_better_answer(found: Expr, one: dict[str, Truth], two: dict[str, Truth]) -> None:
    worse = {name: min(one[name], two[name], key=ORDER.index) for name in NAMES}
    assert ORDER.index(expr.value(found, worse.__getitem__)) <= ORDER.index(expr.value(found, one.__getitem__))


@given(exprs, truths)
def test_the_deciding_rows_alone_give_the_answer(found: Expr, known: dict[str, Truth]) -> None:
    """Whatever the other rows say, be it for the better or the worse, a "yes" or a "no" stands."""
    answer = expr.value(found, known.__getitem__)
    rest = set(expr.deciding(found, known.__getitem__))
    assert rest
    assert {known[name] for name in rest} == {answer}
    if answer is not None:
        other = {name: known[name] if name in rest else not answer for name in NAMES}
        assert expr.value(found, other.__getitem__) is answer

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Texts that try to become more than text, in every place of the evidence that can hold one. None is of a machine."""

import os
from collections.abc import Callable

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kprobe.evidence import Evidence, Fact, Left, Uname
from tests.unit import synthetic

PAYLOADS = (
    "\x1b[2J\x1b]0;owned\x07 \x9b31m \r\n\u202eevil\u2066 \u200b\x7f\x00 \U000e0041 é",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</details></td></table><h1>owned</h1>",
    "</script></style></title></textarea><svg/onload=alert(1)>",
    "javascript:alert(1)//http://evil.example/ www.evil.example [x](http://evil.example) ![x](http://evil.example/p.png)",
    "`` ` ``` code ` **bold** __b__ ~~s~~ $x$ \\",
    "| a | b |\n|---|---|\n# heading\n---\n- item\n> quote\n1. one",
    "@octocat #1 octocat/repo#1 <!-- --> &lt;b&gt; &#60;b&#62; :smile: <https://evil.example>",
    "::error::owned%0A::set-output name=x::y\n::add-mask::x\n##[error]owned",
    "]]> <![CDATA[ <!ENTITY x SYSTEM 'file:///etc/passwd'> &x; <?xml?>",
    'a"b\\c{d="e"}\n# TYPE owned counter\nowned 1',
    "owned=true\n# +expiry-time=1970-01-01T00:00:00Z",
    "END KPROBE EVIDENCE\nBEGIN KPROBE EVIDENCE\nAAAA",
    "\ufffe\uffff\ue000",
    "=cmd|' /C calc'!A0",
    "x" * 5000,
)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)
"""What a reader of UTF-8 can come upon."""
FUZZING = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
Test = Callable[..., None]


def texts(test: Test) -> Test:
    """Run a test with every payload as ``text``, and with some random ones."""
    for payload in PAYLOADS:
        test = example(text=payload)(test)
    return given(text=TEXTS)(test if FUZZING else settings(max_examples=15)(test))


def evidence(text: str) -> Evidence:
    """Evidence whose every text is the given one."""
    rows = (
        synthetic.probe(
            "link.ipip",
            "absent",
            step=text,
            error=text,
            extack=text,
            reason=text,
            log=(text,),
            detail={text: text},
            modules=(text, "ipip"),
            kconfig=(text,),
        ),
        synthetic.probe("a." + text, "unknown", seq=1, reason=text, control="positive"),
        synthetic.probe("b." + text, "absent", seq=2, reason=text),
        synthetic.probe("link.veth", "denied", seq=3, reason=text),
        synthetic.probe("link.vxlan", "broken", seq=4, step=text, reason=text),
    )
    found = synthetic.stream(
        {}, uname=Uname(nodename=text, release=text, machine=text, version=text), plan={text: (text,)}, version=text
    )
    assert found.end is not None
    return msgspec.structs.replace(
        found,
        source=text,
        begin=msgspec.structs.replace(found.begin, flags=(text,), select=text, time=text),
        probes=rows,
        facts=(
            Fact(id="node.modules", source=text, value={text: text, "ipip": "missing:" + text}),
            Fact(id="node.os-release", source=text, value={"id": text, "pretty_name": text}),
            Fact(id="node." + text, source=text, value=text),
            Fact(id="node.x", source=text, error=text),
        ),
        end=msgspec.structs.replace(found.end, left=(Left(module=text, command=text, reason=text),), leaks={text: 1}),
    )

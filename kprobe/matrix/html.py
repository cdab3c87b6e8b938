# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A matrix as one HTML file: no network, a filter, and a row's evidence on a click. Pure.

Evidence is hostile. It goes into the page as JSON alone, in which no character that HTML knows is left; the script
makes text nodes of it and nothing else; and the page's policy lets only this very script run.
"""

import base64
import hashlib
from pathlib import Path

import msgspec

from kprobe.clean import ascii_json
from kprobe.matrix import Matrix, alike

MANY = 400
HERE = Path(__file__).parent


def render(found: Matrix) -> str:
    """Render the page."""
    script = (HERE / "page.js").read_text()
    style = (HERE / "page.css").read_text()
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'"
    page = (HERE / "page.html").read_text()
    # The evidence last, so that nothing in it can be taken for one of the other places.
    for name, content in (("policy", policy), ("style", style), ("script", script), ("data", _data(found))):
        page = page.replace(f"@{name}@", content, 1)
    return page


def _data(found: Matrix) -> str:
    """JSON in ASCII, without what begins or ends anything in HTML."""
    text = ascii_json(msgspec.json.encode(alike(found, MANY)).decode())
    for char in "<>&'`":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()

# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Labels for Node Feature Discovery: a file for ``/etc/kubernetes/node-feature-discovery/features.d/``.

One ``name=value`` a line, ``#`` begins a comment. A name without a prefix becomes ``feature.node.kubernetes.io/name``
(NFD's customization guide, "Local feature source"). Names and values are Kubernetes': at most 63 characters of
``[-A-Za-z0-9_.]``, a letter or digit at both ends. Nothing of the node but verdicts is in them.
"""

import re
from collections.abc import Iterator
from hashlib import blake2s

from kprobe.report import Report

ONE_NODE = True
MAX = 63
_OTHER = re.compile(r"[^-A-Za-z0-9_.]+")


def render(report: Report, **_: object) -> str:
    """Render the verdict of the profile and of each mode that was asked for."""
    return "".join(f"{name}={value}\n" for name, value in _labels(report))


def _labels(report: Report) -> Iterator[tuple[str, str]]:
    top = f"kprobe.{report.profile}"
    yield _name(top), report.verdict
    yield _name(f"{top}.release"), _name(report.release)
    yield _name(f"{top}.complete"), "false" if report.incomplete else "true"
    for mode in report.modes:
        if mode.wanted:
            yield _name(f"{top}.{mode.name}"), mode.verdict


def _name(text: str) -> str:
    """Return a label that Kubernetes takes; one that had to be changed ends in a digest, so that no two are alike."""
    name = _OTHER.sub("-", text).strip("-_.")
    if name == text and len(name) <= MAX:
        return name
    digest = blake2s(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{name[: MAX - 9].rstrip('-_.')}.{digest}".lstrip(".")

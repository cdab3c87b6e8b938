# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The one error that a user can cause, and the one way to propose a name that exists."""

from collections.abc import Iterable


class InputError(Exception):
    """Input that kprobe cannot use: what is wrong, where it stands, and what to do about it."""

    def __init__(self, what: str, where: str, todo: str) -> None:
        super().__init__(what, where, todo)
        self.what = what
        self.where = where
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.todo}"


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return ``did you mean X?`` for the known name closest to ``name``, or ``otherwise`` when none is close."""
    import difflib  # late: most runs have nobody to correct

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else otherwise

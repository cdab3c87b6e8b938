# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""All that can be asked: the surveys beside the oracles."""

from . import bcc, bpftool
from .model import Oracle
from .survey import Survey
from .table import BY_NAME

SURVEYS: tuple[Survey, ...] = (bpftool.SURVEY, bcc.SURVEY)

CALLS: dict[str, Oracle] = {**BY_NAME, **{survey.call.name: survey.call for survey in SURVEYS}}
assert len(CALLS) == len(BY_NAME) + len(SURVEYS), "a survey has the name of an oracle"

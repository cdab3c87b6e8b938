# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The published schema is the one of the types, and evidence follows it."""

import json
from pathlib import Path

import jsonschema
import pytest

from kprobe.cli.commands.schema import schema_text
from tests.unit import synthetic

PUBLISHED = Path(__file__).parents[2] / "docs" / "evidence.schema.json"


def test_published_schema_is_current() -> None:
    assert PUBLISHED.read_text() == schema_text(), "run: kprobe schema > docs/evidence.schema.json"


def test_evidence_follows_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    validator.check_schema(validator.schema)
    for line in synthetic.lines(synthetic.stream({"link.veth": "works", "link.ipip": "absent"})):
        validator.validate(json.loads(line))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"type": "probe", "id": "link.veth", "seq": 0, "worker": 0, "ns": 1, "outcome": "fine"})

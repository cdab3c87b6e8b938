# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Prints what pyproject.toml asks for, dependencies and the dev extra, one a line, for pip."""

import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text())
wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
wanted += project["project"]["optional-dependencies"]["dev"]
print("\n".join(f"'{line}'" for line in wanted))

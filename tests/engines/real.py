"""Where the real engines lie: `SERVEDECK_TEST_ENGINES` names a folder that `provide.py` has filled.

A test that needs one is skipped where it is missing; where `SERVEDECK_REQUIRE` (names, comma between) asks for it, the
test fails.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.engines.demo_model import NAME
from core.engines.environments import command_in

FOLDER = "SERVEDECK_TEST_ENGINES"
REQUIRE = "SERVEDECK_REQUIRE"


def engine_folder(name: str) -> Path:
    """The environment of an engine (`vllm`, `transformers`)."""
    folder = _folder(name) / name
    if command_in(folder, name) is None:
        _missing(name, f"there is no {name} in {folder}")
    return folder


def model_folder(needed_by: str = "transformers") -> Path:
    """The 135 M chat model."""
    folder = _folder(needed_by) / "models" / NAME
    if not (folder / "config.json").is_file():
        _missing(needed_by, f"there is no model in {folder}")
    return folder


def _folder(name: str) -> Path:
    folder = os.environ.get(FOLDER, "")
    if not folder:
        _missing(name, f"{FOLDER} is not set: `python tests/engines/provide.py FOLDER` makes the engines")
    return Path(folder)


def _missing(name: str, why: str) -> None:
    if name in os.environ.get(REQUIRE, "").split(","):
        pytest.fail(f"{REQUIRE} asks for {name}, but {why}")
    pytest.skip(why)

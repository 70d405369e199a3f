"""Real engines and a real model: where `tests/engines/provide.py` put them, named by SERVEDECK_TEST_ENGINES."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gui.conftest import app, bridge, deck, hub_server, light, open_window, window

__all__ = ["app", "bridge", "deck", "hub_server", "light", "open_window", "window"]

FOLDER_VARIABLE = "SERVEDECK_TEST_ENGINES"
REQUIRE_VARIABLE = "SERVEDECK_REQUIRE"
MODEL = "SmolLM2-135M-Instruct"


@dataclass(frozen=True)
class RealEngines:
    """The folder that holds `vllm/`, `transformers/` (managed environments) and `models/`."""

    folder: Path

    def environment(self, engine: str) -> Path:
        """The environment of an engine; without it the test is skipped, or fails where it is required."""
        folder = self.folder / engine
        if not (folder / "bin" / engine).is_file():
            missing(engine, f"there is no {engine} in {self.folder}")
        return folder

    @property
    def model(self) -> Path:
        """The small chat model, a plain folder of safetensors."""
        folder = self.folder / "models" / MODEL
        if not (folder / "config.json").is_file():
            missing("transformers", f"there is no {MODEL} in {self.folder}")
        return folder


def missing(engine: str, reason: str) -> None:
    """Skip, or fail where SERVEDECK_REQUIRE names the engine."""
    if engine in os.environ.get(REQUIRE_VARIABLE, "").split(","):
        pytest.fail(f"{REQUIRE_VARIABLE} asks for {engine}, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def real_engines() -> RealEngines:
    """Real engines on this machine."""
    folder = os.environ.get(FOLDER_VARIABLE, "")
    if not folder:
        for engine in ("vllm", "transformers"):
            missing(engine, f"{FOLDER_VARIABLE} names no folder with real engines (see tests/engines/provide.py)")
    return RealEngines(Path(folder))

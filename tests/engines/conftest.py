"""Fixtures for tests with real engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines import real
from tests.gui.conftest import app, bridge, deck, garbage_of_all, hub_server, light, open_window, window

__all__ = ["app", "bridge", "deck", "garbage_of_all", "hub_server", "light", "open_window", "window"]


@pytest.fixture(scope="session")
def vllm_folder() -> Path:
    """A real vLLM's environment."""
    return real.engine_folder("vllm")


@pytest.fixture(scope="session")
def transformers_folder() -> Path:
    """A real Transformers' environment."""
    return real.engine_folder("transformers")


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """A real chat model of 135 M parameters."""
    return real.model_folder()

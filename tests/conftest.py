"""Shared by all tests: a home of their own, and the rule that an unexpected warning fails."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before anything imports huggingface_hub, which reads them at import: no test may ask the real Hub or the user's cache.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
    os.environ.pop(name, None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers (`-n 2 --dist loadgroup`) one of them has all tests of real engines: starts are shared."""
    for item in items:
        if item.get_closest_marker("engines"):
            item.add_marker(pytest.mark.xdist_group("engines"))


class _Watcher(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def no_unexpected_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """A warning or error in our own log fails the test; `@pytest.mark.expects_log("part of it")` allows one."""
    allowed = [text for mark in request.node.iter_markers("expects_log") for text in mark.args]
    watcher = _Watcher()
    logging.getLogger().addHandler(watcher)
    yield
    logging.getLogger().removeHandler(watcher)
    ours = [r for r in watcher.records if r.name.split(".")[0] in {"core", "gui", "asyncio", "qt"}]
    unexpected = [r.getMessage() for r in ours if not any(text in r.getMessage() for text in allowed)]
    assert not unexpected, f"unexpected log records: {unexpected}"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh SERVEDECK_HOME (and HF_HOME) for this test."""
    monkeypatch.setenv("SERVEDECK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "home"

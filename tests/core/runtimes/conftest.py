from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.engines.engine import StopStep
from core.runtimes.keeper import KEEPER_FILE, LOG_FOLDER, PROCESS_FILE
from core.runtimes.process import ProcessRuntime
from core.runtimes.processes import Identity, members_of
from core.runtimes.runtime import Observation, Plan, Step

GENTLE = (StopStep("TERM", "leader", 5.0), StopStep("KILL", "group", 2.0))


def wait_for(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Until the condition holds; its truth is looked at every few milliseconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


class KeptRun:
    """A real run under a real keeper."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = ProcessRuntime()
        self.mark = f"test-{os.getpid()}-{time.monotonic_ns()}"

    def start(self, code: str, *, env: dict[str, str] | None = None) -> None:
        self.start_argv((sys.executable, "-c", code), env=env)

    def start_argv(self, argv: tuple[str, ...], *, env: dict[str, str] | None = None) -> None:
        plan = Plan(self.mark, (Step("engine", argv),), {**os.environ, **(env or {})})
        self.runtime.start(self.folder, plan)

    def see(self) -> Observation:
        return self.runtime.observe(self.folder)

    def wait_for_exit(self, timeout: float = 20.0) -> Observation:
        wait_for(lambda: self.see().exit is not None, timeout)
        return self.see()

    def wait_for_output(self, text: bytes, timeout: float = 20.0) -> None:
        wait_for(lambda: text in self.output(), timeout)

    def stop(self, steps: tuple[StopStep, ...] = GENTLE) -> Observation:
        self.runtime.request_stop(self.folder, steps)
        return self.wait_for_exit()

    def output(self) -> bytes:
        """What the engine printed, without the keeper's own first line."""
        first = b"[servedeck] starting engine\n"
        written = self.written()
        assert first.startswith(written) or written.startswith(first)
        return written.removeprefix(first)

    def written(self) -> bytes:
        return b"".join(each.read_bytes() for each in sorted((self.folder / LOG_FOLDER).glob("*.log")))

    def keeper(self) -> Identity:
        import json

        found = Identity.from_json(json.loads((self.folder / KEEPER_FILE).read_text())["keeper"])
        assert found is not None
        return found

    def leader(self) -> Identity:
        import json

        wait_for((self.folder / PROCESS_FILE).exists)
        found = Identity.from_json(json.loads((self.folder / PROCESS_FILE).read_text())["leader"])
        assert found is not None
        return found

    def end(self) -> None:
        """Whatever the test did, nothing of it stays."""
        if (self.folder / KEEPER_FILE).exists():
            self.keeper().send(signal.SIGKILL)
        for member in members_of(self.mark):
            member.identity.send(signal.SIGKILL)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[KeptRun]:
    folder = tmp_path / "run"
    folder.mkdir()
    kept = KeptRun(folder)
    yield kept
    kept.end()

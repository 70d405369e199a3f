from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.app import App
from core.deployments.deployment import Deployment, State
from core.deployments.launch_spec import LaunchSpec
from core.errors import ServedeckError
from core.events import DeploymentChanged, DeploymentRemoved, Event
from core.paths import Paths
from tests.servers.environments import make_environment, make_model

TIMEOUT = 30.0


class Deck:
    """A real app without a window, with the fake vLLM and Transformers installed, and a model in a folder."""

    def __init__(self, tmp_path: Path, *, watch: bool = True) -> None:
        self.tmp_path = tmp_path
        self.model = tmp_path / "models" / "Tiny-Chat"
        if not self.model.exists():
            make_model(self.model)
        self.app = App(Paths.under(tmp_path / "home"), hub_endpoint="http://127.0.0.1:9", watch=watch)
        self._changed = threading.Condition()
        self.app.bus.subscribe(self._heard)
        self.app.__enter__()
        # Tests run beside each other: each looks for ports in a range of its own.
        self.app.settings.change(stop_grace_seconds=3.0, first_port=random.randrange(10_000, 30_000))

    def _heard(self, event: Event) -> None:
        if isinstance(event, DeploymentChanged | DeploymentRemoved):
            with self._changed:
                self._changed.notify_all()

    def install(self, engine: str = "vllm", modes: str = "") -> None:
        folder = self.tmp_path / f"env-{engine}-{modes.replace('=', '').replace(',', '-')}"
        make_environment(folder, engine, modes=modes)
        self.do(self.app.installations.add(engine, str(folder)))

    def do(self, work: Any) -> Any:
        return self.app.loop.spawn(work).result(TIMEOUT)

    def spec(self, name: str = "tiny", engine: str = "vllm", **values: Any) -> LaunchSpec:
        return LaunchSpec.build(name=name, model={"kind": "folder", "id": str(self.model)}, engine=engine, **values)

    def launch(self, name: str = "tiny", engine: str = "vllm", **values: Any) -> Deployment:
        return self.do(self.app.fleet.launch(self.spec(name, engine, **values)))

    def wait(self, condition: Callable[[], object], timeout: float = TIMEOUT) -> None:
        with self._changed:
            held = self._changed.wait_for(condition, timeout)
        assert held, [(each.name, each.state, each.run) for each in self.app.fleet.deployments()]

    def wait_for(self, name: str, *states: State, timeout: float = TIMEOUT) -> Deployment:
        self.wait(lambda: self.app.fleet.get(name).state in states, timeout)
        return self.app.fleet.get(name)

    def close(self) -> None:
        """End everything that a test left running, then the app."""
        for each in self.app.fleet.deployments():
            if each.state.is_active:
                try:
                    self.do(self.app.fleet.stop(each.id))
                except ServedeckError as error:
                    print(f"left by the test: {error.line}")
        self.app.__exit__(None, None, None)

    def leave(self) -> None:
        """Close the app and leave everything running, as a window does that keeps serving."""
        self.app.__exit__(None, None, None)


@pytest.fixture
def deck(tmp_path: Path) -> Iterator[Deck]:
    made = Deck(tmp_path)
    yield made
    made.close()

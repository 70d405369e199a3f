"""How long after an engine's health turns good the program says 'ready'.

A stand-in engine (tests/servers/fake_engine.py) is launched by the real fleet under a real keeper. A thread of this
script asks its /health as fast as it can, beside the fleet that does it at its own pace; the delay is from the first
good answer to the event that makes the window show 'ready'.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from report import Goal, arguments, finish, spread, use_repository

from core.app import App
from core.deployments.deployment import State
from core.deployments.launch_spec import LaunchSpec
from core.events import DeploymentChanged, Event
from core.paths import Paths

use_repository()

from tests.servers.environments import make_environment, make_model  # noqa: E402

POLL = 0.002
TIMEOUT = 30.0


class Moment:
    """When something happened first."""

    def __init__(self) -> None:
        self.at = 0.0
        self.event = threading.Event()

    def note(self) -> None:
        """It happened now, if it didn't before."""
        if not self.event.is_set():
            self.at = time.monotonic()
            self.event.set()


def watch_health(base_url: str, good: Moment) -> None:
    """Ask until the answer is 200."""
    deadline = time.monotonic() + TIMEOUT
    while not good.event.is_set() and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{base_url}/health") as reply:
            if reply.status == 200:
                good.note()
                return
        time.sleep(POLL)


def measure(app: App, model: Path, engine: str, number: int) -> float:
    """One launch; seconds from good health to the event."""
    good, ready = Moment(), Moment()
    name = f"{engine}-{number}"

    def heard(event: Event) -> None:
        if isinstance(event, DeploymentChanged) and app.fleet.get(event.deployment_id).state is State.READY:
            ready.note()

    spec = LaunchSpec.build(name=name, model={"kind": "folder", "id": str(model)}, engine=engine)
    deployment = app.loop.spawn(app.fleet.launch(spec)).result(TIMEOUT)
    assert deployment.run is not None
    unsubscribe = app.bus.subscribe(heard)
    watcher = threading.Thread(target=watch_health, args=(deployment.run.base_url, good))
    watcher.start()
    try:
        if not ready.event.wait(TIMEOUT) or not good.event.wait(TIMEOUT):
            raise SystemExit(f"{name} did not become ready: {app.fleet.get(name)}")
        return ready.at - good.at
    finally:
        unsubscribe()
        watcher.join()
        app.loop.spawn(app.fleet.remove(deployment.id)).result(TIMEOUT)


def main() -> int:
    """Some launches of each engine, with different times to load, so that no pace of asking is hit by luck."""
    given = arguments(__doc__ or "", 8)
    rows, everything = [], list[float]()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["HF_HOME"] = str(home / "hf")
        model = make_model(home / "model")
        with App(Paths.under(home / "home"), hub_endpoint="http://127.0.0.1:9") as app:
            for engine in ("vllm", "transformers"):
                make_environment(home / engine, engine)
                app.loop.spawn(app.installations.add(engine, str(home / engine))).result(TIMEOUT)
                delays = []
                for number in range(given.rounds):
                    os.environ["FAKE_ENGINE"] = f"slow={0.1 + 0.037 * number:.3f}"
                    delays.append(measure(app, model, engine, number))
                rows.append({"engine": engine, "launches": len(delays), **spread(delays)})
                everything += delays
    goals = [Goal("the longest delay, seconds", max(everything), 0.5, at_most=True)]
    return finish("ready after good health, seconds", rows, goals, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())

"""How long the window's event loop is blocked while an engine prints 100,000 lines.

A real window (offscreen) shows the page of a deployment whose engine, a child process under a real keeper, prints the
lines as fast as it can. A timer of 1 ms beats in the window; a gap between two beats is what a click would have to
wait. The same timer beats before, in the same window over a deployment that is quiet, and the gaps stand side by side.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QElapsedTimer, QEvent, QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication
from report import Goal, arguments, finish, use_repository

from core.app import App
from core.deployments.deployment import Deployment, State
from core.deployments.launch_spec import LaunchSpec
from core.paths import Paths
from gui import theme
from gui.garbage import Garbage
from gui.window import Window

use_repository()

from tests.servers.environments import make_environment, make_model  # noqa: E402

LINES = 100_000
QUIET_MS = 3_000
SETTLE_MS = 500
LONGEST_MS = 60_000
BOUND_MS = 50.0


class Heartbeat(QObject):
    """Beats every millisecond and notes how long each beat let wait."""

    def __init__(self) -> None:
        super().__init__()
        self._clock = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._beat)
        self.gaps: list[float] = []

    def start(self) -> None:
        """Begin anew."""
        self.gaps = []
        self._clock.start()
        self._timer.start()

    def stop(self) -> list[float]:
        """The gaps in milliseconds."""
        self._timer.stop()
        return self.gaps

    def _beat(self) -> None:
        self.gaps.append(self._clock.nsecsElapsed() / 1e6)
        self._clock.restart()


def run_until(condition: Any, timeout_ms: int) -> bool:
    """Let the event loop run until the condition holds; looked at every 20 ms."""
    loop = QEventLoop()
    look = QTimer()
    look.timeout.connect(lambda: loop.quit() if condition() else None)
    look.start(20)
    end = QTimer()
    end.setSingleShot(True)
    end.timeout.connect(loop.quit)
    end.start(timeout_ms)
    loop.exec()
    return bool(condition())


class Bench:
    """A core with two installations of the stand-in engine, and the window."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app = app
        self.model = make_model(folder / "models" / "Tiny-Chat")
        self.installations = {}
        for name, modes in (("quiet", "ready"), ("flood", f"slow=0.15,flood={LINES}")):
            environment = make_environment(folder / name, "vllm", modes=modes)
            self.installations[name] = self.do(app.installations.add("vllm", str(environment))).id
        self.window = Window(app)
        self.window.resize(1440, 900)
        self.window.show()

    def do(self, work: Any) -> Any:
        """Run a coroutine of the core to its end."""
        return self.app.loop.spawn(work).result(60)

    def open(self, name: str, kind: str) -> Deployment:
        """Launch a deployment and show its page."""
        reference = {"kind": "folder", "id": str(self.model)}
        spec = LaunchSpec.build(name=name, model=reference, engine="vllm", installation=self.installations[kind])
        deployment: Deployment = self.do(self.app.fleet.launch(spec))
        self.window.open_deployment(deployment.id)
        return deployment

    def close(self) -> None:
        """Stop what runs, and end the window before the core."""
        for each in self.app.fleet.deployments():
            if each.state.is_active:
                self.do(self.app.fleet.stop(each.id))
        self.window.leave()
        self.window.deleteLater()
        QApplication.sendPostedEvents(self.window, QEvent.Type.DeferredDelete)


def quiet(bench: Bench) -> dict[str, Any]:
    """The gaps over a deployment that prints nothing."""
    deployment = bench.open("quiet", "quiet")
    if not run_until(lambda: bench.app.fleet.get(deployment.id).state is State.READY, LONGEST_MS):
        raise SystemExit("the quiet deployment does not become ready")
    run_until(lambda: False, SETTLE_MS)
    heart = Heartbeat()
    heart.start()
    run_until(lambda: False, QUIET_MS)
    return figures("quiet", heart.stop(), 0, 0.0)


def flood(bench: Bench, number: int) -> dict[str, Any]:
    """The gaps from the launch until the last line of the flood is shown."""
    deployment = bench.open(f"flood-{number}", "flood")
    model = bench.window.pages["deployments"].details[deployment.id].logs.model  # type: ignore[attr-defined]
    run_until(lambda: False, SETTLE_MS)  # opening a page is another matter; the engine takes longer to start
    heart = Heartbeat()
    heart.start()
    begun = time.perf_counter()
    needle = f"line {LINES - 1} of {LINES}:"
    state = {"first": 0.0}

    def is_shown() -> bool:
        rows = model.rowCount()
        if not state["first"] and rows > 1000:
            state["first"] = time.perf_counter()
        return any(needle in model.line(row).text for row in range(max(0, rows - 40), rows))

    if not run_until(is_shown, LONGEST_MS):
        raise SystemExit("the last line of the flood was not shown")
    seconds = time.perf_counter() - (state["first"] or begun)
    gaps = heart.stop()
    row = figures("flood", gaps, model.rowCount(), seconds)
    bench.do(bench.app.fleet.stop(deployment.id))
    bench.do(bench.app.fleet.remove(deployment.id))
    run_until(lambda: False, 200)
    return row


def figures(what: str, gaps: list[float], lines: int, seconds: float) -> dict[str, Any]:
    """A row of the table."""
    ordered = sorted(gaps)
    return {
        "window": what,
        "beats": len(ordered),
        "median ms": ordered[len(ordered) // 2],
        "p99 ms": ordered[int(len(ordered) * 0.99)],
        "worst ms": ordered[-1],
        "lines shown": lines,
        "lines/s": lines / seconds if seconds else 0.0,
    }


def main() -> int:
    """Measure, print, judge."""
    options = arguments(__doc__ or "", rounds=3)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    application = QApplication(sys.argv[:1])
    theme.apply("dark")
    with tempfile.TemporaryDirectory(prefix="servedeck-flood-") as folder:
        home = Path(folder)
        os.environ.update(HOME=folder, HF_HOME=str(home / "hf"), PATH="/usr/bin:/bin")
        with App(Paths.under(home / "home"), hub_endpoint="http://127.0.0.1:9") as app:
            app.settings.change(first_port=20_000 + os.getpid() % 10_000)
            garbage = Garbage(application)
            bench = Bench(app, home)
            garbage.settle()
            rows = [quiet(bench)]
            rows += [flood(bench, number) for number in range(options.rounds)]
            bench.close()
            garbage.stop()
    worst = max(row["worst ms"] for row in rows[1:])
    goals = [Goal("longest time that the event loop was blocked, in ms", worst, BOUND_MS, at_most=True)]
    return finish("gui_flood", rows, goals, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())

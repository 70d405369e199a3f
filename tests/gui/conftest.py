"""Fixtures of the GUI's tests: a real core under a home of its own, a Hub stand-in, and real widgets over them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from core.app import App
from core.deployments.deployment import Deployment, State
from core.deployments.launch_spec import LaunchSpec
from core.engines.engine import Installation
from core.errors import ServedeckError
from core.hub.model_ref import ModelRef
from core.paths import Paths
from gui import theme
from gui.bridge import Bridge
from gui.garbage import Garbage
from gui.window import Window
from tests.servers.environments import first_port, make_environment, make_model
from tests.servers.hub_server import HubServer

T = TypeVar("T")
TIMEOUT = 30.0
WAIT_MS = 15_000


class Deck:
    """The core and short ways to bring it into a state; everything real, the engines being `fake_engine.py`."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app = app
        self.folder = folder

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the core to its end."""
        return self.app.loop.spawn(work).result(TIMEOUT)

    def install(self, engine: str = "vllm", *, modes: str = "", version: str = "") -> Installation:
        """Add an installation with the fake engine in it."""
        name = f"env-{engine}-{version}-{modes.replace('=', '').replace(',', '-')}"
        environment = make_environment(self.folder / name, engine, modes=modes, version=version)
        return self.do(self.app.installations.add(engine, str(environment)))

    def model(self, name: str = "Tiny-Chat", *, add: bool = True, **config: object) -> ModelRef:
        """Make a model folder and, with `add`, put it into the library."""
        folder = self.folder / "models" / name
        if not folder.exists():
            make_model(folder, **config)
        if add:
            self.do(self.app.library.add_folder(folder))
        return ModelRef.parse(str(folder))

    def launch(self, name: str = "tiny", engine: str = "vllm", **values: Any) -> Deployment:
        """Launch the model; an installation must be there."""
        ref = self.model(add=False)
        spec = LaunchSpec.build(name=name, model=ref.model_dump(), engine=engine, **values)
        return self.do(self.app.fleet.launch(spec))

    def state(self, name: str) -> State:
        """The present state of a deployment."""
        return self.app.fleet.get(name).state


@pytest.fixture(autouse=True, scope="session")
def garbage_of_all(qapp: QApplication) -> Iterator[None]:
    """As in the program: widgets that are garbage are destroyed in their own thread."""
    garbage = Garbage(qapp)
    garbage.settle()
    yield
    garbage.stop()


@pytest.fixture(autouse=True)
def light(qapp: QApplication) -> None:
    """Every test begins in the light theme."""
    theme.apply("light")


@pytest.fixture
def hub_server() -> Iterator[HubServer]:
    """The Hub that `app` asks; empty."""
    with HubServer() as server:
        yield server


@pytest.fixture
def app(home: Path, hub_server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The core, with nothing of this machine around it: no engine on PATH, no token, an empty cache."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)  # for the keeper's download, a process of its own
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    with App(Paths.under(home), hub_endpoint=hub_server.url) as core:
        core.settings.change(stop_grace_seconds=3.0, first_port=first_port())
        yield core
        core.loop.spawn(_end_all(core)).result(TIMEOUT)


async def _end_all(core: App) -> None:
    """Leave nothing running that a test started."""
    active = [each.id for each in core.fleet.deployments() if each.state.is_active]
    for result in await asyncio.gather(*(core.fleet.stop(each) for each in active), return_exceptions=True):
        if isinstance(result, ServedeckError):
            print(f"left by the test: {result.line}")
        elif isinstance(result, BaseException):
            raise result


@pytest.fixture
def deck(app: App, tmp_path: Path) -> Deck:
    """Short ways around `app`."""
    return Deck(app, tmp_path)


@pytest.fixture
def bridge(app: App, qapp: QApplication) -> Iterator[Bridge]:
    """A bridge of its own, for pages that are tested without the window."""
    made = Bridge(app)
    yield made
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(made, QEvent.Type.DeferredDelete)


@pytest.fixture
def open_window(app: App, qtbot: Any) -> Iterator[Callable[[Window], Window]]:
    """Shows a window, and closes it after the test whatever happens."""
    opened: list[Window] = []

    def show(window: Window) -> Window:
        opened.append(window)
        window.show()
        qtbot.waitExposed(window)
        return window

    yield show
    for window in opened:
        if isValid(window):
            destroy(window)


@pytest.fixture
def window(app: App, open_window: Callable[[Window], Window]) -> Window:
    """The whole window, shown."""
    made = Window(app)
    made.resize(1440, 900)
    return open_window(made)


def destroy(window: Window) -> None:
    """Close a window without a question, and its widgets with it."""
    window.leave()
    window.deleteLater()
    QApplication.sendPostedEvents(window, QEvent.Type.DeferredDelete)


class Recorder(QObject):
    """A navigator that only notes where it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith(("go_", "open_")) or name in ("serve", "say", "show_error"):
            return lambda *args, **kwargs: self.calls.append((name, *args, *kwargs.values()))
        raise AttributeError(name)


@pytest.fixture
def navigator() -> Recorder:
    """Notes where a page wants to go."""
    return Recorder()


@pytest.fixture
def show(qtbot: Any) -> Callable[[QWidget], QWidget]:
    """Show a widget in a window of a common size and close it after the test."""

    def shown(widget: QWidget, width: int = 1228, height: int = 860) -> QWidget:
        qtbot.addWidget(widget)
        widget.setProperty("surface", "bg")
        widget.resize(width, height)
        widget.show()
        qtbot.waitExposed(widget)
        if hasattr(widget, "shown"):
            widget.shown()
        return widget

    return shown

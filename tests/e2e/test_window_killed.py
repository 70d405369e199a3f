"""The window is killed with SIGKILL while it serves, and opened again: nothing of the work is lost."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt

from core.app import App
from core.deployments.deployment import State
from core.paths import Paths
from core.runtimes.processes import members_of
from gui.pages.deployments import DeploymentsPage
from gui.window import Window
from tests.gui.conftest import WAIT_MS, destroy, garbage_of_all
from tests.servers.environments import make_environment, make_model

__all__ = ["garbage_of_all"]

WINDOW = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from PySide6.QtWidgets import QApplication
    from core.app import App
    from core.deployments.deployment import State
    from core.deployments.launch_spec import LaunchSpec
    from core.hub.model_ref import ModelRef
    from core.paths import Paths
    from gui.garbage import Garbage
    from gui.window import Window
    from tests.servers.environments import first_port

    home, environment, model = map(Path, sys.argv[1:])
    program = QApplication([])
    garbage = Garbage()
    with App(Paths.under(home), hub_endpoint="http://127.0.0.1:9") as app:
        app.settings.change(stop_grace_seconds=3.0, first_port=first_port())
        window = Window(app)
        window.show()
        app.loop.spawn(app.installations.add("vllm", str(environment))).result(30)

        def changed(deployment_id):
            if app.fleet.get(deployment_id).state is State.READY:
                print("ready", flush=True)

        window.bridge.deployment_changed.connect(changed)
        spec = LaunchSpec.build(name="tiny", model=ModelRef.parse(str(model)).model_dump(), engine="vllm")
        window.bridge.run(app.fleet.launch(spec))
        program.exec()
    """
)


@pytest.fixture
def killed_home(tmp_path: Path) -> Path:
    """The home of a window that was killed while a deployment was ready."""
    home = tmp_path / "home"
    environment = make_environment(tmp_path / "env", "vllm")
    model = make_model(tmp_path / "Tiny-Chat")
    command = [sys.executable, "-c", WINDOW, str(home), str(environment), str(model)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as window:
        assert window.stdout is not None
        assert window.stdout.readline() == b"ready\n"
        window.kill()
    assert window.returncode == -9
    return home


@pytest.fixture
def window(killed_home: Path, qtbot: Any) -> Iterator[Window]:
    """The window, opened again."""
    with App(Paths.under(killed_home), hub_endpoint="http://127.0.0.1:9") as app:
        made = Window(app)
        made.resize(1440, 900)  # wide enough for the chat beside the log
        made.show()
        qtbot.waitExposed(made)
        yield made
        destroy(made)


def test_what_served_goes_on_and_is_found_with_its_log_from_the_first_line(qtbot: Any, window: Window) -> None:
    fleet = window.app.fleet
    found = fleet.get("tiny")
    assert found.state is State.READY
    window.open_deployment(found.id)
    page = window.pages["deployments"]
    assert isinstance(page, DeploymentsPage)
    detail = page.detail
    assert detail is not None
    qtbot.waitUntil(lambda: detail.header.state.text().startswith("Ready"), timeout=WAIT_MS)
    model = detail.logs.model
    qtbot.waitUntil(lambda: model.rowCount() > 10, timeout=WAIT_MS)
    assert "[servedeck] starting engine" in model.text_of([0])

    chat = detail.chat
    qtbot.waitUntil(chat.composer.field.isEnabled, timeout=WAIT_MS)
    qtbot.keyClicks(chat.composer.field, "!tokens=5")
    qtbot.keyClick(chat.composer.field, Qt.Key.Key_Return)
    said = lambda: chat.views[-1].answer.body.toPlainText() if chat.views else ""  # noqa: E731
    qtbot.waitUntil(lambda: "word4" in said(), timeout=WAIT_MS)

    qtbot.mouseClick(detail.header.stop_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: fleet.get("tiny").state is State.STOPPED, timeout=WAIT_MS)
    assert members_of(f"{found.id}-0001") == []

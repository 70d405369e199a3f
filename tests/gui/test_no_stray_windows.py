"""No widget ever shows as a window of its own by mistake.

`setVisible(True)` on a widget that has no parent yet opens a real window for a moment: it flashes, and it
takes the focus.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QWidget

from core.deployments.deployment import State
from tests.gui.conftest import WAIT_MS

OWN_WINDOWS = (Qt.WindowType.Popup, Qt.WindowType.ToolTip, Qt.WindowType.SplashScreen)


class Watch(QObject):
    """Notes every plain widget that shows without a parent, and who showed it."""

    def __init__(self) -> None:
        super().__init__()
        self.strays: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_window = isinstance(watched, QWidget) and watched.isWindow()
        is_meant = isinstance(watched, QDialog | QMainWindow) or (is_window and watched.windowType() in OWN_WINDOWS)
        if event.type() is QEvent.Type.Show and is_window and not is_meant:
            frames = [each for each in traceback.extract_stack() if "/gui/" in each.filename]
            shown_by = [f"{each.filename}:{each.lineno}" for each in frames if "/tests/" not in each.filename][-2:]
            self.strays.append(f"{type(watched).__name__} by {shown_by}")
        return False


@pytest.fixture
def watch(qapp: QApplication) -> Iterator[Watch]:
    made = Watch()
    qapp.installEventFilter(made)
    yield made
    qapp.removeEventFilter(made)


def test_pages_build_without_flashing(qtbot, watch: Watch, deck, open_window, app) -> None:
    from gui.window import Window

    deck.install()
    ref = deck.model()
    deployment = deck.launch()
    window = open_window(Window(app))
    qtbot.waitUntil(lambda: deck.state("tiny") is State.READY, timeout=WAIT_MS)
    for go in (
        window.go_home,
        window.go_library,
        lambda: window.go_discover("tiny"),
        lambda: window.open_model(ref),
        window.go_engines,
        window.go_settings,
        lambda: window.open_deployment(""),
        lambda: window.open_deployment(deployment.id),
    ):
        go()
        qtbot.waitUntil(lambda: not window.bridge._jobs, timeout=WAIT_MS)
    window.serve(ref)
    serve = window.pages["serve"]
    qtbot.waitUntil(lambda: serve.form is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not window.bridge._jobs, timeout=WAIT_MS)
    chat = window.pages["deployments"].detail.chat
    window.open_deployment(deployment.id)
    qtbot.waitUntil(chat.composer.field.isEnabled, timeout=WAIT_MS)
    qtbot.keyClicks(chat.composer.field, "!tokens=5")
    qtbot.keyClick(chat.composer.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(chat.views) and chat.views[-1].is_over, timeout=WAIT_MS)
    qtbot.mouseClick(window.pages["deployments"].detail.header.stop_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: deck.state("tiny") is State.STOPPED, timeout=WAIT_MS)
    window.say("done", tone="ok")
    found = sorted(set(watch.strays))
    assert not found, "\n".join(found)

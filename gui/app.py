"""Starts the window. It is painted first; the core is loaded beside it (see `gui.opening`)."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication

from core.errors import ServedeckError
from core.paths import Paths
from gui import theme
from gui.errors import CrashHook
from gui.garbage import Garbage
from gui.opening import Opening, theme_on_disk
from gui.window import Window

if TYPE_CHECKING:
    from core.app import App

QUIT_AFTER_START = "--quit-after-start"


class _Start(QObject):
    """What happens when: the first paint, then the core, then the first page.

    Args:
        window: shown by the caller.
        opening: the core on its way.
        quits: end the program once all of it is there, and print the times (`benchmarks/startup.py` reads them).
    """

    def __init__(self, window: Window, opening: Opening, *, quits: bool) -> None:
        super().__init__(window)
        self._window, self._opening, self._quits = window, opening, quits
        self.exit_code = 0
        opening.loaded.connect(self._on_loaded)
        opening.failed.connect(self._on_failed)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Wait for the first paint."""
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self, self._on_painted)
        return False

    def _on_painted(self) -> None:
        self._say("interactive")
        self._opening.start()

    def _on_loaded(self, core: App) -> None:
        self._window.attach(core)
        if self._quits:
            self._window.repaint()
            QTimer.singleShot(0, self, self._on_complete)

    def _on_complete(self) -> None:
        self._say("complete")
        self._window.leave()

    def _on_failed(self, error: Exception) -> None:
        self.exit_code = 1
        if not isinstance(error, ServedeckError):
            raise error
        print(error.line, file=sys.stderr)
        if self._quits:
            self._window.leave()
        else:
            _refuse(self._window, error)

    def _say(self, what: str) -> None:
        if self._quits:
            print(f"{what} at {time.monotonic():.6f}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Open the window and stay until it closes.

    Args:
        arguments: of the command line, without the program; `--quit-after-start` ends when all is loaded and shown.

    Returns:
        The exit code.
    """
    given = sys.argv[1:] if arguments is None else arguments
    application = QApplication(sys.argv[:1])
    garbage = Garbage(application)
    application.setApplicationName("Servedeck")
    application.setDesktopFileName("servedeck")
    paths = Paths.from_environment()
    hook = CrashHook(paths.logs / "servedeck.log", application)
    theme.apply(theme_on_disk(paths))
    window = Window(config=paths.config)
    hook.crashed.connect(window.show_crash)
    opening = Opening(paths, application)
    opening.loaded.connect(garbage.settle)
    start = _Start(window, opening, quits=QUIT_AFTER_START in given)
    window.show()
    code = application.exec() or start.exit_code
    core = opening.finish()
    # The widgets go while the core is still there: pages may hold on to parts of it.
    window.deleteLater()
    application.sendPostedEvents(window, QEvent.Type.DeferredDelete)
    if core is not None:
        core.__exit__(None, None, None)
    hook.remove()
    return code


def _refuse(window: Window, error: ServedeckError) -> None:
    """Without settings or folders there is nothing to do here: say why, then close."""
    from gui.widgets import CANCEL, Answer, ask

    text = f"{error.message} {error.remedy}".strip()
    ask(window, "Servedeck can't start", text, (Answer(CANCEL, "Close", "primary"),), lambda _answer: window.leave())


if __name__ == "__main__":
    sys.exit(main())

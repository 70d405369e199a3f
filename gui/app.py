"""Starts the window. Heavy parts are imported when they are needed: the window has to be there at once."""

from __future__ import annotations

import sys
import time

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication

from core.app import App
from core.errors import ServedeckError
from core.own_log import configure
from core.paths import Paths
from gui import theme
from gui.errors import CrashHook
from gui.window import Window

QUIT_AFTER_START = "--quit-after-start"


class _QuitAfterPaint(QObject):
    """The smoke test of an installed copy: ends the program once the window has been painted."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Wait for the first paint."""
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self, self._leave)
        return False

    def _leave(self) -> None:
        print(f"interactive at {time.monotonic():.6f}", flush=True)  # benchmarks/startup.py reads it
        self._window.leave()


def main(arguments: list[str] | None = None) -> int:
    """Open the window and stay until it closes.

    Args:
        arguments: of the command line, without the program; `--quit-after-start` ends after the first paint.

    Returns:
        The exit code.
    """
    given = sys.argv[1:] if arguments is None else arguments
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Servedeck")
    application.setDesktopFileName("servedeck")
    try:
        paths = Paths.from_environment()
        core = App(paths)
    except ServedeckError as error:
        return _refuse(application, error)
    configure(paths)
    hook = CrashHook(paths.logs / "servedeck.log", application)
    theme.apply(core.settings.current.theme)
    with core:
        window = Window(core)
        hook.crashed.connect(window.show_crash)
        if QUIT_AFTER_START in given:
            _QuitAfterPaint(window)
        window.show()
        code = application.exec()
        # The widgets go while the core is still there: pages may hold on to parts of it.
        window.deleteLater()
        application.sendPostedEvents(window, QEvent.Type.DeferredDelete)
    hook.remove()
    return code


def _refuse(application: QApplication, error: ServedeckError) -> int:
    """Without settings or folders there is no window: say why, on the screen and on stderr."""
    from PySide6.QtWidgets import QMessageBox

    print(error.line, file=sys.stderr)
    theme.apply("system")
    box = QMessageBox(QMessageBox.Icon.Critical, "Servedeck can't start", error.message)
    box.setInformativeText(error.remedy)
    box.finished.connect(application.quit)
    box.open()
    application.exec()
    return 1


if __name__ == "__main__":
    sys.exit(main())

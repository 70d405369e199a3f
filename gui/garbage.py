"""Python's garbage collector, kept to the GUI's thread.

By itself it runs in whatever thread happens to make the next object, which is mostly the core's, with all other threads
held up meanwhile. Widgets that are part of a cycle (a lambda that is connected to its own widget suffices) would be
destroyed there, which ends the program sooner or later.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

PAUSE_MS = 200
_YOUNG, _MIDDLE, _OLD = 700, 10, 10
"""As Python's own thresholds: new objects, collections of the young, collections of the middle-aged."""


class Garbage(QObject):
    """Collects by a timer in the thread that made it; the collector is off otherwise. `stop` puts things back."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_enabled = gc.isenabled()
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._collect_some)
        self._timer.start()

    def settle(self) -> None:
        """What is there now stays to the end (modules, mostly): never look at it again, which makes looking quick."""
        gc.freeze()

    def stop(self) -> None:
        """Let Python collect by itself again."""
        self._timer.stop()
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()

    def _collect_some(self) -> None:
        young, middle, old = gc.get_count()
        if young < _YOUNG:
            return
        gc.collect(0 if middle < _MIDDLE else 1 if old < _OLD else 2)

"""Loads the core beside the window that is already there.

Importing the core (pydantic, httpx) takes longer than Qt itself. So the window is painted first, and the core comes
from a thread; the GUI thread takes its turns meanwhile, because Python switches between the two every few milliseconds.
"""

from __future__ import annotations

import threading
import tomllib
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from core.paths import Paths
from gui.theme import Choice

if TYPE_CHECKING:
    from core.app import App


def theme_on_disk(paths: Paths) -> Choice:
    """The theme to paint the first picture in; what is wrong with the settings is told when the core reads them."""
    try:
        value = tomllib.loads(paths.settings_file.read_text(encoding="utf-8")).get("theme")
    except (OSError, ValueError):
        return "system"
    return value if value in ("light", "dark") else "system"


class Opening(QObject):
    """Builds and enters the core in a thread.

    Args:
        paths: where everything is kept.
    """

    loaded = Signal(object)
    """The entered `App`; arrives in the GUI thread."""
    failed = Signal(Exception)

    _ended = Signal()

    def __init__(self, paths: Paths, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._paths = paths
        self._result: App | Exception | None = None
        self._thread = threading.Thread(target=self._load, name="opening")
        self._ended.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> App | None:
        """Wait for the end, and give the core if it came to be: whoever leaves has to close it."""
        if self._thread.ident is not None:
            self._thread.join()
        return None if isinstance(self._result, Exception) else self._result

    def _load(self) -> None:
        try:
            from core.app import App
            from core.own_log import configure

            app = App(self._paths)
            configure(self._paths)
            self._result = app.__enter__()
        except Exception as error:
            self._result = error
        self._ended.emit()

    def _tell(self) -> None:
        if isinstance(self._result, Exception):
            self.failed.emit(self._result)
        else:
            self.loaded.emit(self._result)

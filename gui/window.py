"""The window: rail, pages, strip, and the way between the pages."""

from __future__ import annotations

import logging
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QByteArray, QEvent, QSettings, QTimer
from PySide6.QtGui import QCloseEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from core.deployments.launch_spec import LaunchSpec
from core.errors import ServedeckError
from core.hub.model_ref import ModelRef
from gui import shortcuts, theme
from gui.bridge import Bridge
from gui.errors import CrashDialog, describe
from gui.quitting import Quitting
from gui.rail import Entry, Rail
from gui.shortcuts import Shortcut
from gui.strip import Strip
from gui.widgets import Toast
from gui.widgets.notice import NoticeTone

if TYPE_CHECKING:
    from core.app import App
    from gui.pages.page import Page

logger = logging.getLogger(__name__)


class _PageSpec(NamedTuple):
    """Where a page's class is, and which rail entry is lit while it is shown."""

    module: str
    name: str
    entry: str


_PAGES = {
    "home": _PageSpec("gui.pages.home", "HomePage", "home"),
    "discover": _PageSpec("gui.pages.discover", "DiscoverPage", "discover"),
    "library": _PageSpec("gui.pages.library", "LibraryPage", "library"),
    "serve": _PageSpec("gui.pages.serve", "ServePage", "discover"),
    "deployments": _PageSpec("gui.pages.deployments", "DeploymentsPage", "deployments"),
    "engines": _PageSpec("gui.pages.engines", "EnginesPage", "engines"),
    "settings": _PageSpec("gui.pages.settings", "SettingsPage", "settings"),
}
_TOP = (
    Entry("home", "Home"),
    Entry("discover", "Discover"),
    Entry("library", "Library"),
    Entry("deployments", "Deployments"),
    Entry("engines", "Engines"),
)
_BOTTOM = (Entry("settings", "Settings"),)


class Window(QMainWindow):
    """The main window. It is the `Navigator` of its pages.

    Args:
        app: the core, entered; the window closes its bridge, not the core.
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        theme.apply(app.settings.current.theme)  # before any widget measures its font
        self.app = app
        self.bridge = Bridge(app, self)
        self.pages: dict[str, Page] = {}
        self.current = ""
        self.setWindowTitle("Servedeck")
        self.setMinimumSize(theme.em(50), theme.em(32))
        self._state = QSettings(str(app.paths.config / "window.ini"), QSettings.Format.IniFormat)
        self.rail = Rail(_TOP, _BOTTOM)
        self.strip = Strip(app, self.bridge)
        self._stack = QStackedWidget()
        self._build()
        self.toast = Toast(self)
        self._quitting = Quitting(app, self.bridge, self)
        self._quitting.agreed.connect(self._close_now)
        self._may_close = False
        self._has_started = False
        self._crash: CrashDialog | None = None
        self._shortcuts = self._make_shortcuts()
        shortcuts.install(self, self._shortcuts)
        self._connect()
        self._restore()
        self._show_deployments()
        self._show_library()
        self.show_page("home")

    # --- Navigator -----------------------------------------------------------------------------------------------

    def go_home(self) -> None:
        """Show what is here."""
        self.show_page("home")

    def go_discover(self, text: str = "") -> None:
        """Search the Hub, for `text` where it is given."""
        page = self.show_page("discover")
        if text:
            page.search(text)

    def open_model(self, ref: ModelRef) -> None:
        """Show one model's facts."""
        self.show_page("discover").open_model(ref)

    def serve(self, ref: ModelRef, spec: LaunchSpec | None = None, deployment_id: str | None = None) -> None:
        """Open the Serve form (see `Navigator.serve`)."""
        self.show_page("serve").open(ref, spec, deployment_id)

    def open_deployment(self, deployment_id: str = "") -> None:
        """Show a deployment, or the list of them."""
        page = self.show_page("deployments", deployment_id)
        page.open(deployment_id)

    def go_engines(self, engine_id: str = "") -> None:
        """Show the engines, scrolled to one where it is given."""
        page = self.show_page("engines")
        if engine_id:
            page.open(engine_id)

    def go_library(self) -> None:
        """Show the models on this machine."""
        self.show_page("library")

    def go_settings(self, field: str = "") -> None:
        """Show the settings, with the focus on one where it is given."""
        page = self.show_page("settings")
        if field:
            page.open(field)

    def say(self, text: str, *, title: str = "", tone: NoticeTone = "plain") -> None:
        """A short message over the window."""
        self.toast.say(text, title=title, tone=tone, stays=tone == "bad")

    def show_error(self, error: BaseException) -> None:
        """Tell what went wrong; what is a fault of ours goes to the log too."""
        said = describe(error)
        if not isinstance(error, ServedeckError):
            logger.error("an operation failed", exc_info=error)
        self.toast.say(said.text, title=said.title, tone="bad", stays=True)

    # --- pages ---------------------------------------------------------------------------------------------------

    def show_page(self, name: str, deployment_id: str = "") -> Any:
        """Bring a page to the front, making it if it is the first time."""
        page = self.pages.get(name) or self._make_page(name)
        before = self.pages.get(self.current)
        if before is not None and before is not page:
            before.hidden()
        self.current = name
        self._stack.setCurrentWidget(page)
        self.rail.set_current(_PAGES[name].entry, deployment_id)
        page.shown()
        return page

    def show_crash(self, text: str) -> None:
        """Show the report of a fault of ours; one at a time, the log has all."""
        if self._crash is None:
            self._crash = CrashDialog(self, text)
            self._crash.finished.connect(self._on_crash_closed)
            self._crash.open()

    def _make_page(self, name: str) -> Page:
        spec = _PAGES[name]
        page: Page = getattr(import_module(spec.module), spec.name)(self.app, self.bridge, self)
        self.pages[name] = page
        self._stack.addWidget(page)
        if name == "deployments":
            # The page tells which deployment it shows, so that the rail lights it.
            page.current_changed.connect(self._on_deployment_shown)  # type: ignore[attr-defined]
        return page

    def _on_deployment_shown(self, deployment_id: str) -> None:
        if self.current == "deployments":
            self.rail.set_current("deployments", deployment_id)

    def _choose_page(self, name: str) -> None:
        if name == "deployments":
            self.open_deployment()
        else:
            self.show_page(name)

    # --- building ------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        ground = QWidget()
        column = QVBoxLayout(ground)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(self._stack, 1)
        column.addLayout(row, 1)
        column.addWidget(self.strip)
        self.setCentralWidget(ground)

    def _make_shortcuts(self) -> tuple[Shortcut, ...]:
        pages = [
            Shortcut(f"Ctrl+{number}", entry.title, partial(self._choose_page, entry.page))
            for number, entry in enumerate((*_TOP, *_BOTTOM), 1)
        ]
        return (
            *pages,
            Shortcut("Ctrl+F", "Search in this page, or on the Hub", self._focus_search),
            Shortcut("Ctrl+Q", "Quit", self.close),
            Shortcut("F1", "This list", lambda: shortcuts.show(self, self._shortcuts)),
        )

    def _focus_search(self) -> None:
        if not self.pages[self.current].focus_search():
            self.show_page("discover").focus_search()

    def _connect(self) -> None:
        self.rail.page_chosen.connect(self._choose_page)
        self.rail.deployment_chosen.connect(self.open_deployment)
        self.bridge.deployment_changed.connect(self._show_deployments)
        self.bridge.deployment_removed.connect(self._show_deployments)
        self.bridge.library_changed.connect(self._show_library)
        self.bridge.settings_changed.connect(self._apply_settings)
        self.bridge.unhandled.connect(self.show_error)

    def _show_deployments(self) -> None:
        self.rail.set_deployments(self.app.fleet.deployments())

    def _show_library(self) -> None:
        self.rail.buttons["library"].set_count(len(self.app.library.entries))

    def _apply_settings(self) -> None:
        theme.apply(self.app.settings.current.theme)

    # --- life ----------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """At the first time, look around once the window is painted."""
        super().showEvent(event)
        QTimer.singleShot(0, self, self._start)

    def hideEvent(self, event: QHideEvent) -> None:
        """Sample nothing while nobody looks."""
        super().hideEvent(event)
        self.strip.stop()

    def changeEvent(self, event: QEvent) -> None:
        """Nor while it is minimised."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange and self._has_started:
            if self.isMinimized():
                self.strip.stop()
            else:
                self.strip.start()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask what happens to what runs; then keep the window's place and cut the line to the core."""
        if not self._may_close and not self._quitting.may_close():
            event.ignore()
            return
        self._save()
        self.strip.stop()
        page = self.pages.get(self.current)
        if page is not None:
            page.hidden()
        self.bridge.close()
        event.accept()

    def leave(self) -> None:
        """Close without a question; deployments go on."""
        self._close_now()

    def _start(self) -> None:
        self.strip.start()
        if self._has_started:
            return
        self._has_started = True
        self.bridge.run(self.app.installations.refresh())
        self.bridge.run(self.app.library.scan())
        self.bridge.ask_hub()

    def _close_now(self) -> None:
        self._may_close = True
        self.close()

    def _on_crash_closed(self) -> None:
        self._crash = None

    def _save(self) -> None:
        self._state.setValue("geometry", self.saveGeometry())
        self._state.setValue("page", "home" if self.current == "serve" else self.current)
        self._state.sync()

    def _restore(self) -> None:
        geometry = self._state.value("geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            available = self.screen().availableSize()
            self.resize(min(1440, available.width()), min(900, available.height()))

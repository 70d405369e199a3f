"""The window: rail, pages, strip, and the way between the pages."""

from __future__ import annotations

import logging
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QByteArray, QEvent, QSettings, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from core.errors import ServedeckError
from gui import shortcuts, theme
from gui.rail import Entry, Rail
from gui.shortcuts import Shortcut
from gui.strip import Strip
from gui.widgets import Label, Toast
from gui.widgets.notice import NoticeTone

if TYPE_CHECKING:
    from core.app import App
    from core.deployments.launch_spec import LaunchSpec
    from core.hub.model_ref import ModelRef
    from gui.bridge import Bridge
    from gui.errors import CrashDialog
    from gui.pages.page import Page
    from gui.quitting import Quitting

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

    It can be shown before the core is there: the rail is usable at once, and what is chosen opens with `attach`.

    Args:
        app: the core, entered; the window closes its bridge, not the core. None: `attach` brings it.
        config: folder for the window's own state; that of the core where it is given.
    """

    app: App
    bridge: Bridge
    _quitting: Quitting

    def __init__(self, app: App | None = None, *, config: Path | None = None) -> None:
        super().__init__()
        theme.apply(app.settings.current.theme if app is not None else theme.theme().choice)
        folder = app.paths.config if app is not None else config
        state = str((folder or Path()) / "window.ini")
        self._state = QSettings(state, QSettings.Format.IniFormat)
        self.pages: dict[str, Page] = {}
        self.current = ""
        self.is_attached = False
        self._may_close = False
        self._is_looking_around = False
        self._crash: CrashDialog | None = None
        self.setWindowTitle("Servedeck")
        self.setMinimumSize(theme.em(50), theme.em(32))
        self.rail = Rail(_TOP, _BOTTOM)
        self.strip = Strip()
        self._stack = QStackedWidget()
        self._build()
        self.toast = Toast(self)
        self._shortcuts = self._make_shortcuts()
        shortcuts.install(self, self._shortcuts)
        self.rail.page_chosen.connect(self._choose_page)
        self.rail.deployment_chosen.connect(self.open_deployment)
        self.rail.set_current("home")
        self._wanted = "home"
        self._restore()
        if app is not None:
            self.attach(app)

    def attach(self, app: App) -> None:
        """Take the core and show the page that was chosen so far, Home if none was."""
        from gui.bridge import Bridge
        from gui.quitting import Quitting

        self.app = app
        self.bridge = Bridge(app, self)
        self._quitting = Quitting(app, self.bridge, self)
        self._quitting.agreed.connect(self._close_now)
        self.strip.attach(app, self.bridge)
        self.bridge.deployment_changed.connect(self._show_deployments)
        self.bridge.deployment_removed.connect(self._show_deployments)
        self.bridge.library_changed.connect(self._show_library)
        self.bridge.settings_changed.connect(self._apply_settings)
        self.bridge.unhandled.connect(self.show_error)
        self.is_attached = True
        self._apply_settings()
        self._show_deployments()
        self._show_library()
        self._choose_page(self._wanted)
        if self.isVisible():
            QTimer.singleShot(0, self, self._look_around)

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
        self.show_page("deployments", deployment_id).open(deployment_id)

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
        from gui.errors import describe

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
        from gui.errors import CrashDialog

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
        if not self.is_attached:
            self._wanted = name
            self.rail.set_current(name)
        elif name == "deployments":
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
        opening = Label("Opening…", tone="dim")
        opening.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack.addWidget(opening)
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
        if self.is_attached and not self.pages[self.current].focus_search():
            self.show_page("discover").focus_search()

    def _show_deployments(self) -> None:
        self.rail.set_deployments(self.app.fleet.deployments())

    def _show_library(self) -> None:
        self.rail.buttons["library"].set_count(len(self.app.library.entries))

    def _apply_settings(self) -> None:
        theme.apply(self.app.settings.current.theme)

    # --- life ----------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Look around once the window is painted."""
        super().showEvent(event)
        QTimer.singleShot(0, self, self._look_around)

    def hideEvent(self, event: QHideEvent) -> None:
        """Sample nothing while nobody looks."""
        super().hideEvent(event)
        self.strip.stop()

    def changeEvent(self, event: QEvent) -> None:
        """Nor while it is minimised."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            if self.isMinimized():
                self.strip.stop()
            elif self.isVisible():
                self.strip.start()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask what happens to what runs; then keep the window's place and cut the line to the core."""
        if self.is_attached and not self._may_close and not self._quitting.may_close():
            event.ignore()
            return
        self._save()
        self.strip.stop()
        page = self.pages.get(self.current)
        if page is not None:
            page.hidden()
        if self.is_attached:
            self.bridge.close()
        event.accept()

    def leave(self) -> None:
        """Close without a question; deployments go on."""
        self._close_now()

    def _look_around(self) -> None:
        """Sample from now on, and find out once what is here."""
        self.strip.start()
        if self._is_looking_around or not self.is_attached:
            return
        self._is_looking_around = True
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
        self._state.sync()

    def _restore(self) -> None:
        geometry = self._state.value("geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            available = self.screen().availableSize()
            self.resize(min(1440, available.width()), min(900, available.height()))

"""The log of a run: pulled from its buffer while it is looked at, with the ways to copy it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from core.deployments.deployment import Deployment, Run
from core.errors import NotFoundError
from core.logs.buffer import LogBuffer
from core.runtimes.keeper import LOG_FOLDER
from gui.models.log_lines import LogLines
from gui.theme import em
from gui.widgets import Button, IconButton, Notice, copy_text
from gui.widgets.log_view import LogView
from gui.wording import plural

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge
    from gui.navigator import Navigator

PULL_MS = 50


class LogPanel(QWidget):
    """The log of the latest run, or of an earlier one that was chosen."""

    latest_wanted = Signal()
    """Back from an earlier run."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._app = app
        self._bridge = bridge
        self._navigator = navigator
        self._deployment: Deployment | None = None
        self._run: Run | None = None
        self._is_reading = False
        self._wanted_line: int | None = None
        self.model = LogLines(parent=self)
        self.view = LogView(self.model)
        self.banner = Notice()
        self.banner.setContentsMargins(em(0.5), em(0.5), em(0.5), 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banner)
        column.addWidget(self.view, 1)
        self.controls = self._make_controls()
        table = self.view.table
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(lambda at: self.menu().popup(table.viewport().mapToGlobal(at)))
        self._timer = QTimer(self)
        self._timer.setInterval(PULL_MS)
        self._timer.timeout.connect(self._pull)

    @property
    def run(self) -> Run | None:
        """The run whose log is shown."""
        return self._run

    def show_run(self, deployment: Deployment, run: Run | None, *, is_latest: bool) -> None:
        """Show the log of this run; the same run again only updates what is said of it."""
        is_new = run is None or self._run is None or run.number != self._run.number
        has_ended = run is not None and self._run is not None and self._run.state.is_active != run.state.is_active
        self._deployment, self._run = deployment, run
        self._say_which(run, is_latest)
        self.view.table.placeholder = (
            "Nothing printed yet." if run is None or run.state.is_active else "It said nothing."
        )
        if is_new:
            self._is_reading = False
            self._wanted_line = None
            self._open(run)
        elif has_ended and run is not None and not run.state.is_active:
            self._open(run, keep=True)
        self._mark()

    def go_to_line(self, number: int) -> None:
        """Show a line by its number (from 0) as soon as it is here."""
        self._wanted_line = number
        self._try_to_go()

    def showEvent(self, event: QShowEvent) -> None:
        """Take what came meanwhile, and follow."""
        super().showEvent(event)
        self._pull()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks: the buffer keeps what comes."""
        super().hideEvent(event)
        self._timer.stop()

    # --- reading -------------------------------------------------------------------------------------------------

    def _open(self, run: Run | None, *, keep: bool = False) -> None:
        """Read the log of a run: what runs is read by its supervisor, what has ended is read here once.

        Args:
            run: whose.
            keep: its buffer is shown already.
        """
        if run is None or self._deployment is None:
            self.model.set_buffer(None)
            return
        try:
            buffer = self._app.fleet.log(self._deployment.id, run.number)
        except NotFoundError:  # removed in this moment
            self.model.set_buffer(None)
            return
        if not keep:
            self.model.set_buffer(buffer)
        if run.state.is_active:
            self._pull()
            return
        self._is_reading = True
        self._bridge.run(self._app.fleet.read_log(self._deployment.id, run.number), self._on_read, self._on_unread)

    def _on_read(self, _buffer: LogBuffer) -> None:
        self._is_reading = False
        self._pull()

    def _on_unread(self, error: BaseException) -> None:
        self._is_reading = False
        if not isinstance(error, NotFoundError):
            self._navigator.show_error(error)

    def _pull(self) -> None:
        if not self.isVisible():
            return
        self.model.pull()
        self._mark()
        self._try_to_go()

    def _try_to_go(self) -> None:
        if self._wanted_line is None:
            return
        row = self.model.row_of(self._wanted_line)
        if row is not None:
            self._wanted_line = None
            self.view.go_to(row)
        elif not self._is_reading and not self.model.waiting and self.isVisible():
            self._wanted_line = None
            self._navigator.say("That line is no longer in memory; the whole log is in its folder.")

    def _mark(self) -> None:
        line = self._run.failure_line if self._run is not None else None
        self.view.mark(self.model.row_of(line) if line is not None else None)

    # --- controls ------------------------------------------------------------------------------------------------

    def _make_controls(self) -> QWidget:
        controls = QWidget()
        row = QHBoxLayout(controls)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(em(0.3))
        self.follow_button = Button("Follow ✓", kind="small")
        self.follow_button.setCheckable(True)
        self.follow_button.setChecked(True)
        self.follow_button.setToolTip("Stay at the end of the log")
        self.follow_button.clicked.connect(self.view.set_following)
        self.view.follow_changed.connect(self._on_follow)
        self.more_button = IconButton("more", "More about this log")
        self.more_button.clicked.connect(self._open_menu)
        row.addWidget(self.follow_button)
        row.addWidget(self.more_button)
        return controls

    def _on_follow(self, following: bool) -> None:
        self.follow_button.setChecked(following)
        self.follow_button.setText("Follow ✓" if following else "Follow")

    def menu(self) -> QMenu:
        """What else can be done with the log."""
        menu = QMenu(self)
        selected = len(self.view.table.selected_rows())
        copy = menu.addAction(f"Copy {plural(selected, 'selected line')}" if selected else "Copy selected lines")
        copy.setEnabled(bool(selected))
        copy.triggered.connect(self.copy_selected)
        every = menu.addAction("Copy all")
        every.setEnabled(self.model.rowCount() > 0)
        every.triggered.connect(self.copy_all)
        menu.addSeparator()
        raw = menu.addAction("Show lines as printed")
        raw.setCheckable(True)
        raw.setChecked(self.model.is_raw)
        raw.triggered.connect(self.model.set_raw)
        menu.addSeparator()
        folder = menu.addAction("Open the log folder")
        folder.setEnabled(self._run is not None)
        folder.triggered.connect(self.open_folder)
        menu.aboutToHide.connect(menu.deleteLater)
        return menu

    def copy_selected(self) -> None:
        """Copy the selected lines as they were printed."""
        count = self.view.table.copy_selected()
        if count:
            self._navigator.say(f"Copied {plural(count, 'line')}")

    def copy_all(self) -> None:
        """Copy every line that is in memory; joined off the GUI's thread, as there may be 200,000."""
        if self._deployment is None or self._run is None:
            return
        buffer = self._app.fleet.log(self._deployment.id, self._run.number)

        def join() -> tuple[str, int, int]:
            first, lines = buffer.since(0)
            return "\n".join(line.text for line in lines), len(lines), first

        self._bridge.in_thread(join, self._on_joined, owner=self)

    def open_folder(self) -> None:
        """Show the files of the log."""
        if self._run is not None:
            open_folder(self._run.folder / LOG_FOLDER, self._navigator)

    def _on_joined(self, result: tuple[str, int, int]) -> None:
        text, count, missing = result
        copy_text(text)
        more = f" The {missing:,} before them are only in the log folder." if missing else ""
        self._navigator.say(f"Copied {plural(count, 'line')}.{more}")

    def _open_menu(self) -> None:
        self.menu().popup(self.more_button.mapToGlobal(QPoint(0, self.more_button.height())))

    def _say_which(self, run: Run | None, is_latest: bool) -> None:
        if run is None or is_latest:
            self.banner.clear()
            return
        actions = (("Back to the latest run", self.latest_wanted.emit),)
        self.banner.show_text("", title=f"The log of run {run.number}", tone="accent", actions=actions)


def open_folder(folder: Path, navigator: Navigator) -> None:
    """Show a folder in the desktop's file manager; where there is none, its path is copied instead."""
    if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
        copy_text(str(folder))
        navigator.say(f"No file manager answered; the path is copied: {folder}")

"""The Library page: the models on this machine, and what can be done with each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from core.errors import StoreError
from core.hub.facts import LibraryEntry
from gui.errors import describe
from gui.models.library import LibraryModel
from gui.pages.library.details import Details
from gui.pages.library.table import LibraryTable
from gui.pages.page import Page
from gui.theme import em
from gui.widgets import Button, Card, EmptyState, Label, Notice, SearchField, announce, confirm, copy_text
from gui.wording import disk_size, plural

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge
    from gui.navigator import Navigator


class LibraryPage(Page):
    """Table of models, details of the chosen one; folders can be dragged in."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__(app, bridge, navigator)
        self.setAcceptDrops(True)
        self.model = LibraryModel(self)
        self.table = LibraryTable(self.model)
        self.search = SearchField(placeholder="Find in the library", delay_ms=100)
        self.summary = Label("", tone="dim")
        self.notice = Notice(closable=True)
        self.drop_hint = Notice(
            "Let go to add it to the library. It stays where it is.", title="A model folder", tone="accent"
        )
        self.drop_hint.hide()
        self.details = Details()
        self.empty = EmptyState("", icon="library", button="Discover models")
        self.empty.clicked.connect(navigator.go_discover)
        self.add = Button("Add folder…", icon="plus")
        self.add.clicked.connect(self._choose_folder)
        self.rescan = Button("Rescan", icon="refresh")
        self.rescan.clicked.connect(self._rescan)
        self._stack = QStackedWidget()
        self._build()
        self.search.searched.connect(self._on_search)
        self.table.entered.connect(self.serve_chosen)
        for button, act in (
            (self.details.remove, self.remove_chosen),
            (self.details.copy, self.copy_chosen),
            (self.details.open, self.open_chosen),
            (self.details.serve, self.serve_chosen),
        ):
            button.clicked.connect(act)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.selectionModel().currentRowChanged.connect(self._show_details)
        bridge.library_changed.connect(self._reload)
        self._reload()

    def focus_search(self) -> bool:
        """Ctrl+F goes into the filter."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()
        return True

    def chosen(self) -> LibraryEntry | None:
        """The entry of the current row."""
        return self.model.entry(self.table.currentIndex().row())

    def serve_chosen(self) -> None:
        """Open the Serve form with it."""
        entry = self.chosen()
        if entry is not None and self.details.serve.isEnabled():
            self.navigator.serve(entry.ref)

    def open_chosen(self) -> None:
        """Show its folder in the file manager."""
        entry = self.chosen()
        if entry is not None and not QDesktopServices.openUrl(QUrl.fromLocalFile(str(entry.path))):
            self.notice.show_text(str(entry.path), title="No file manager answered. The folder is:", tone="warn")

    def copy_chosen(self) -> None:
        """Its id on the clipboard."""
        entry = self.chosen()
        if entry is not None:
            copy_text(entry.ref.text)
            announce(self, "Copied")
            self.navigator.say(f"Copied {entry.ref.text}.")

    def remove_chosen(self) -> None:
        """Forget an added folder, after a question."""
        entry = self.chosen()
        if entry is None:
            return
        confirm(
            self.window(),
            f"Remove {entry.ref.label} from the list?",
            f"Nothing is deleted: the folder {entry.path} stays as it is.",
            action="Remove from the list",
            on_confirm=lambda: self._remove(entry),
        )

    # --- drag and drop -------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders only."""
        if _folders(event.mimeData().urls()):
            event.acceptProposedAction()
            self.drop_hint.show()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """It went away again."""
        self.drop_hint.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add each folder."""
        self.drop_hint.hide()
        event.acceptProposedAction()
        for folder in _folders(event.mimeData().urls()):
            self.add_folder(folder)

    def add_folder(self, folder: str) -> None:
        """Add a model folder; what is wrong with it is said in the page."""
        self.bridge.run(self.app.library.add_folder(folder), self._on_added, self._on_refused)

    # --- the rest ------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(em(1.5), em(1.25), em(1.5), em(1.25))
        layout.setSpacing(em(0.88))
        head = QHBoxLayout()
        head.setSpacing(em(0.62))
        head.addWidget(Label("Library", "title"))
        head.addWidget(self.summary)
        head.addStretch(1)
        self.search.setFixedWidth(em(15))
        head.addWidget(self.search)
        head.addWidget(self.rescan)
        head.addWidget(self.add)
        card = Card(tight=True)
        card.body.addWidget(self.table)
        full = QWidget()
        column = QVBoxLayout(full)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.88))
        column.addWidget(card, 1)
        column.addWidget(self.details)
        self._stack.addWidget(full)
        self._stack.addWidget(self.empty)
        layout.addLayout(head)
        layout.addWidget(self.drop_hint)
        layout.addWidget(self.notice)
        layout.addWidget(self._stack, 1)

    def _reload(self) -> None:
        library, before = self.app.library, self.chosen()
        self.model.set_entries(library.entries)
        self._choose(before)
        self._show_summary()
        if library.problem:
            self.notice.show_text(library.problem, title="Not everything could be read.", tone="warn")

    def _show_summary(self) -> None:
        library = self.app.library
        if library.entries:
            self.summary.setText(f"{plural(len(library.entries), 'model')}, {disk_size(library.total_size)}")
            if self.model.rowCount():
                self._stack.setCurrentIndex(0)
                return
            self.empty.set("Nothing matches", f"No model here has “{self.search.text()}” in its name.")
        elif not library.scanned:
            self.summary.setText("")
            self.empty.set("Looking…", f"The models in {library.cache_folder} are being listed.")
        else:
            self.summary.setText("")
            text = f"Nothing in {library.cache_folder} yet. Find a model on the Hub, or drag a model folder in here."
            self.empty.set("No models on this machine", text, button="Discover models")
        self._stack.setCurrentIndex(1)

    def _choose(self, entry: LibraryEntry | None) -> None:
        row = self.model.row_of(entry.ref.text) if entry is not None else -1
        if self.model.rowCount():
            self.table.selectRow(max(row, 0))
        self._show_details()

    def _show_details(self) -> None:
        entry = self.chosen()
        self.details.setVisible(entry is not None)
        if entry is not None:
            self.details.show_entry(entry, is_added=self._is_added(entry))

    def _is_added(self, entry: LibraryEntry) -> bool:
        try:
            return self.app.library.is_added(entry.ref)
        except StoreError as error:
            self.notice.show_text(error.remedy, title=error.message, tone="warn")
            return False

    def _on_search(self, text: str) -> None:
        before = self.chosen()
        self.model.set_filter(text)
        self._choose(before)
        self._show_summary()

    def _rescan(self) -> None:
        self.rescan.setEnabled(False)
        self.notice.clear()

        def done(_entries: object) -> None:
            self.rescan.setEnabled(True)
            self._reload()

        def failed(error: BaseException) -> None:
            self.rescan.setEnabled(True)
            self._on_refused(error)

        self.bridge.run(self.app.library.scan(), done, failed, owner=self)

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self.window(), "Add a model folder", str(Path.home()))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.add_folder)
        dialog.open()

    def _on_added(self, entry: LibraryEntry) -> None:
        self.notice.clear()
        self._reload()
        self._choose(entry)
        announce(self, f"Added {entry.ref.label}")

    def _on_refused(self, error: BaseException) -> None:
        said = describe(error)
        self.notice.show_text(said.text, title=said.title, tone="bad")

    def _remove(self, entry: LibraryEntry) -> None:
        self.bridge.run(self.app.library.remove_folder(entry.ref), None, self._on_refused)

    def _open_menu(self, place: QPoint) -> None:
        entry = self.chosen()
        if entry is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for button, act in (
            (self.details.serve, self.serve_chosen),
            (self.details.open, self.open_chosen),
            (self.details.copy, self.copy_chosen),
            (self.details.remove, self.remove_chosen),
        ):
            if not button.isHidden():
                action = menu.addAction(button.text(), act)
                action.setEnabled(button.isEnabled())
        menu.popup(self.table.viewport().mapToGlobal(place))


def _folders(urls: list[QUrl]) -> list[str]:
    return [url.toLocalFile() for url in urls if url.isLocalFile() and Path(url.toLocalFile()).is_dir()]

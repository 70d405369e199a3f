"""The lower part of a model's page: card, files, configuration, code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QSize, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from core.hub.facts import ModelDetails
from gui.models.files import ModelFiles
from gui.pages.discover.card_text import LIMIT
from gui.pages.discover.card_view import CardView
from gui.pages.hub_notice import HubNotice
from gui.theme import em
from gui.widgets import Card, CodeBox, EmptyState, Label, ProgressLine

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge, Job
    from gui.navigator import Navigator

_CARD, _FILES, _CONFIGURATION, _CODE = range(4)
_ROW_EM = 1.9


class FileTable(QTableView):
    """Files with their sizes; arrows and mouse choose one."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.files = ModelFiles(self)
        self.setModel(self.files)
        self.setAccessibleName(name)
        self.setProperty("surface", "list")
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(em(_ROW_EM))
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)


class _CardTab(QWidget):
    """The model card."""

    def __init__(self, app: App, navigator: Navigator) -> None:
        super().__init__()
        self.notice = HubNotice(app, navigator)
        self.said = Label("", tone="dim", wrap=True)
        self.view = CardView()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.notice, self.said, self.view):
            column.addWidget(widget)
        column.setStretch(2, 1)

    def show_text(self, card: str, page: str) -> None:
        """Show a card."""
        cut = len(card) > LIMIT
        self.say(f"The card is long: its first {LIMIT:,} characters. The rest is on its page." if cut else "")
        if not card.strip():
            self.say("This model has no card.")
        self.view.show_card(card, page=page)

    def say(self, text: str) -> None:
        """A line above the card, or none."""
        self.said.setText(text)
        self.said.setVisible(bool(text))


class _CodeTab(QSplitter):
    """The Python files of the repository and the source of one of them."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._app, self._bridge = app, bridge
        self._details: ModelDetails | None = None
        self._job: Job | None = None
        self.table = FileTable("Python files of the repository")
        self.table.setColumnHidden(2, True)
        self.source = _whole_code_box("Source")
        self.said = Label("", tone="dim", wrap=True)
        self.notice = HubNotice(app, navigator)
        self.progress = ProgressLine(name="Reading the file")
        self.progress.hide()
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(em(0.75), 0, 0, 0)
        for widget in (self.notice, self.said, self.progress, self.source):
            column.addWidget(widget)
        column.addStretch(0)
        self.addWidget(self.table)
        self.addWidget(right)
        self.setStretchFactor(0, 2)
        self.setStretchFactor(1, 5)
        self.setChildrenCollapsible(False)
        self.table.selectionModel().currentRowChanged.connect(self._on_row)

    def show_details(self, details: ModelDetails) -> None:
        """List the files; the first is read when it is chosen."""
        self._stop()
        self._details = details
        self.table.files.set_files(details.python_files)
        self.source.hide()
        self.notice.clear()
        self.said.setText("Choose a file to read it. Nothing of it runs.")
        self.said.show()

    def _on_row(self, index: QModelIndex) -> None:
        if index.isValid() and self._details is not None:
            self._read(self.table.files.file(index.row()).path)

    def _read(self, path: str) -> None:
        self._stop()
        assert self._details is not None
        self.notice.clear()
        self.progress.set_fraction(None)
        self.progress.show()
        self.said.setText(path)
        work = self._app.hub.file_text(self._details.ref, path)
        self._job = self._bridge.run(work, self._on_text, lambda error: self._on_failed(error, path), owner=self)

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self.progress.hide()

    def _on_text(self, text: str) -> None:
        self.progress.hide()
        self.source.set_text(text)
        self.source.show()

    def _on_failed(self, error: BaseException, path: str) -> None:
        self.progress.hide()
        self.source.hide()
        self.notice.show_error(error, lambda: self._read(path))


class ModelTabs(QWidget):
    """Four tabs over one model. The card is read at once, a source file when it is asked for."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__()
        self._app, self._bridge = app, bridge
        self._details: ModelDetails | None = None
        self._job: Job | None = None
        self.bar = QTabBar()
        self.bar.setAccessibleName("Parts of the model")
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        for title in ("Model card", "Files", "Configuration", "Repo code"):
            self.bar.addTab(title)
        self.card = _CardTab(app, navigator)
        self.files = FileTable("Files")
        self.configuration = _whole_code_box("Configuration")
        self.no_configuration = EmptyState("", icon="info")
        self.code = _CodeTab(app, bridge, navigator)
        self.no_code = EmptyState(
            "No code in this repository", "The engines bring all that is needed to run this model.", icon="check"
        )
        self._stack = QStackedWidget()
        frame = Card()
        frame.body.addWidget(self._stack)
        for widget in (self.card, self.files, self.configuration, self.no_configuration, self.code, self.no_code):
            self._stack.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.4))
        column.addWidget(self.bar)
        column.addWidget(frame, 1)
        self.bar.currentChanged.connect(lambda _index: self._show_tab())

    def hasHeightForWidth(self) -> bool:
        """Takes what room there is; its parts scroll."""
        return False

    def sizeHint(self) -> QSize:
        """Room to read something; more where there is more."""
        return QSize(em(30), em(20))

    def minimumSizeHint(self) -> QSize:
        """The page around it scrolls in a window that is lower."""
        return QSize(em(15), em(20))

    def show_details(self, details: ModelDetails) -> None:
        """Show a model; the tab stays."""
        self._details = details
        self.bar.setTabText(_FILES, f"Files {len(details.files)}" if details.files else "Files")
        count = len(details.python_files)
        self.bar.setTabText(_CODE, f"Repo code {count}" if count else "Repo code")
        self.files.files.set_files(details.files)
        if details.config is not None:
            self.configuration.set_text(json.dumps(dict(details.config.raw), indent=2, ensure_ascii=False))
        self.no_configuration.set("No configuration", details.config_problem)
        self.code.show_details(details)
        self._show_tab()
        self.read_card()

    def read_card(self) -> None:
        """Fetch the model card."""
        if self._job is not None:
            self._job.cancel()
        assert self._details is not None
        self.card.notice.clear()
        self.card.view.clear()
        self.card.say("Reading the model card…")
        self._job = self._bridge.run(self._app.hub.card(self._details.ref), self._on_card, self._on_card_failed)

    def _on_card(self, card: str) -> None:
        assert self._details is not None
        ref = self._details.ref
        self.card.show_text(card, self._app.hub.page_url(ref) if ref.kind == "hub" else "")

    def _on_card_failed(self, error: BaseException) -> None:
        self.card.say("")
        self.card.notice.show_error(error, self.read_card)

    def _show_tab(self) -> None:
        details = self._details
        if details is None:
            return
        has_config, has_code = details.config is not None, bool(details.python_files)
        self._stack.setCurrentWidget(
            {
                _CARD: self.card,
                _FILES: self.files,
                _CONFIGURATION: self.configuration if has_config else self.no_configuration,
                _CODE: self.code if has_code else self.no_code,
            }[self.bar.currentIndex()]
        )


def _whole_code_box(name: str) -> CodeBox:
    """A code box that fills what room there is."""
    box = CodeBox(name=name, max_lines=4)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    return box

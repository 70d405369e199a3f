"""The Discover page: find a model, see who can serve it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from core.hub.model_ref import ModelRef
from gui.pages.discover.model_pane import ModelPane
from gui.pages.discover.search_column import SearchColumn
from gui.pages.page import Page
from gui.theme import em
from gui.widgets import Separator

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge
    from gui.navigator import Navigator


class DiscoverPage(Page):
    """Search on the left, the chosen model on the right."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__(app, bridge, navigator)
        self.column = SearchColumn(app, bridge, navigator)
        self.pane = ModelPane(app, bridge, navigator)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        left = QWidget()
        row = QHBoxLayout(left)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.column, 1)
        row.addWidget(Separator(vertical=True))
        self._splitter.addWidget(left)
        self._splitter.addWidget(self.pane)
        self._splitter.setStretchFactor(0, 3)
        self._splitter.setStretchFactor(1, 5)
        self._splitter.setHandleWidth(em(0.25))
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setSizes([em(29), em(47)])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._splitter)
        self.column.model_chosen.connect(self.pane.show_model)
        self.column.found.connect(lambda: self.column.mark(self.pane.ref))
        self.column.activated.connect(self.pane.header.button.setFocus)

    def shown(self) -> None:
        """The first time: what is popular now."""
        self.column.ensure_searched()

    def search(self, text: str) -> None:
        """Search the Hub, or open the model that the text names."""
        self.column.search(text)

    def open_model(self, ref: ModelRef) -> None:
        """Show one model."""
        self.pane.show_model(ref)
        self.column.mark(ref)

    def focus_search(self) -> bool:
        """Put the focus into the search field, with its text selected."""
        self.column.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.column.field.selectAll()
        return True

"""The models that a search found, page after page."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from core.hub.facts import ModelSummary, SearchPage
from gui.model_words import summary_line, summary_marks

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
SUMMARY = Qt.ItemDataRole.UserRole
"""The `ModelSummary` of a row."""


class SearchResults(QAbstractListModel):
    """One row a model. When a view reaches the end and the Hub has more, it asks for the next page by `more_wanted`.

    The page is asked for once: only `add` or `allow_more` (after a failure) let it ask again.
    """

    more_wanted = Signal(str)
    """The address of the next page."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._models: list[ModelSummary] = []
        self._ids: set[str] = set()
        self._next_page: str | None = None
        self._is_waiting = False

    @property
    def next_page(self) -> str | None:
        """Where more results are, None if these are all."""
        return self._next_page

    def clear(self) -> None:
        """No rows, and no more to come."""
        self.beginResetModel()
        self._models.clear()
        self._ids.clear()
        self._next_page, self._is_waiting = None, False
        self.endResetModel()

    def add(self, page: SearchPage) -> None:
        """Append the rows of a page. Models that moved between two pages while they were read appear once."""
        new = [each for each in page.models if each.id not in self._ids]
        self._next_page, self._is_waiting = page.next_page, False
        if new:
            self.beginInsertRows(_NOWHERE, len(self._models), len(self._models) + len(new) - 1)
            self._models += new
            self._ids.update(each.id for each in new)
            self.endInsertRows()

    def allow_more(self) -> None:
        """The page that was asked for did not come; it may be asked for again."""
        self._is_waiting = False

    def summary(self, row: int) -> ModelSummary:
        """The model of a row."""
        return self._models[row]

    def row_of(self, model_id: str) -> int:
        """The row of a model, -1 if it is not among them."""
        return next((row for row, each in enumerate(self._models) if each.id == model_id), -1)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Number of models so far."""
        return 0 if parent.isValid() else len(self._models)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The id; all that the row shows, for screen readers; and the summary."""
        if not index.isValid() or not 0 <= index.row() < len(self._models):
            return None
        model = self._models[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return model.id
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (model.id, summary_line(model), *summary_marks(model)) if part)
        if role == SUMMARY:
            return model
        return None

    def canFetchMore(self, parent: Index) -> bool:
        """The Hub has more, and nobody is fetching it."""
        return not parent.isValid() and self._next_page is not None and not self._is_waiting

    def fetchMore(self, parent: Index) -> None:
        """Ask for the next page."""
        if self.canFetchMore(parent) and self._next_page is not None:
            self._is_waiting = True
            self.more_wanted.emit(self._next_page)

"""The models on this machine as a table."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from core.hub.facts import LibraryEntry
from gui.theme import font
from gui.wording import ago, disk_size

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
ENTRY_ROLE = Qt.ItemDataRole.UserRole
_EPOCH = datetime.fromtimestamp(0, UTC)


class Column(IntEnum):
    """The columns, left to right."""

    NAME = 0
    SIZE = 1
    WHERE = 2
    STATE = 3
    MODIFIED = 4


_TITLES = {
    Column.NAME: "Model",
    Column.SIZE: "Size",
    Column.WHERE: "Where",
    Column.STATE: "State",
    Column.MODIFIED: "Modified",
}


class LibraryModel(QAbstractTableModel):
    """Entries of the library, filtered by a text and sorted by a column."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: tuple[LibraryEntry, ...] = ()
        self._rows: list[LibraryEntry] = []
        self._filter = ""
        self._column = Column.NAME
        self._order = Qt.SortOrder.AscendingOrder

    def set_entries(self, entries: tuple[LibraryEntry, ...]) -> None:
        """Show these."""
        self._all = entries
        self._rebuild()

    def set_filter(self, text: str) -> None:
        """Show only those whose name or path holds all words of the text."""
        self._filter = text
        self._rebuild()

    def entry(self, row: int) -> LibraryEntry | None:
        """The entry of a row, None beyond the end."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of(self, entry_text: str) -> int:
        """The row of the model with that text (`ModelRef.text`), -1 if it isn't shown."""
        return next((row for row, entry in enumerate(self._rows) if entry.ref.text == entry_text), -1)

    def rowCount(self, parent: Index = ROOT) -> int:
        """Rows at the root only."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = ROOT) -> int:
        """Columns at the root only."""
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[Column(section)]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        if not index.isValid():
            return None
        entry, column = self._rows[index.row()], Column(index.column())
        if role == ENTRY_ROLE:
            return entry
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return _text(entry, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tooltip(entry, column)
        if role == Qt.ItemDataRole.FontRole and column is Column.NAME:
            return font("bold")
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        self._column, self._order = Column(max(column, 0)), order
        self._rebuild()

    def _rebuild(self) -> None:
        words = self._filter.lower().split()
        rows = [entry for entry in self._all if all(word in f"{entry.ref.text} {entry.path}".lower() for word in words)]
        rows.sort(key=lambda entry: entry.ref.text.lower())
        rows.sort(key=lambda entry: _key(entry, self._column), reverse=self._order == Qt.SortOrder.DescendingOrder)
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()


def _key(entry: LibraryEntry, column: Column) -> Any:
    match column:
        case Column.NAME:
            return entry.ref.label.lower()
        case Column.SIZE:
            return entry.size
        case Column.WHERE:
            return str(entry.path)
        case Column.STATE:
            return (entry.complete, entry.problem)
        case Column.MODIFIED:
            return (entry.modified or _EPOCH).timestamp()


def _text(entry: LibraryEntry, column: Column) -> str:
    match column:
        case Column.NAME:
            return entry.ref.text if entry.ref.kind == "hub" else entry.ref.label
        case Column.SIZE:
            return disk_size(entry.size)
        case Column.WHERE:
            return "Hugging Face cache" if entry.ref.kind == "hub" else str(entry.path)
        case Column.STATE:
            return "complete" if entry.complete else entry.problem or "not complete"
        case Column.MODIFIED:
            return ago(entry.modified) if entry.modified else "unknown"


def _tooltip(entry: LibraryEntry, column: Column) -> str:
    match column:
        case Column.SIZE:
            return f"{entry.size:,} bytes"
        case Column.WHERE:
            return str(entry.path)
        case Column.MODIFIED:
            return entry.modified.astimezone().strftime("%Y-%m-%d %H:%M") if entry.modified else ""
        case _:
            return _text(entry, column)

"""The files of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from core.hub.facts import ModelFile, serving_files
from gui.wording import disk_size

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_TITLES = ("File", "Size", "Needed to serve")


class ModelFiles(QAbstractTableModel):
    """One row a file: path, size, and whether serving needs it (else it is not downloaded)."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._files: tuple[ModelFile, ...] = ()
        self._needed: frozenset[str] = frozenset()

    def set_files(self, files: Sequence[ModelFile]) -> None:
        """Show these files, by path."""
        self.beginResetModel()
        self._files = tuple(sorted(files, key=lambda each: each.path.lower()))
        self._needed = frozenset(each.path for each in serving_files(tuple(files)))
        self.endResetModel()

    def file(self, row: int) -> ModelFile:
        """The file of a row."""
        return self._files[row]

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Number of files."""
        return 0 if parent.isValid() else len(self._files)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Path, size, needed."""
        return 0 if parent.isValid() else len(_TITLES)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, and sizes to the right."""
        if not index.isValid():
            return None
        file = self._files[index.row()]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == 1:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == 0:
            return file.path
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if index.column() == 0:
            return file.path
        if index.column() == 1:
            return disk_size(file.size) if file.size is not None else "unknown"
        return "yes" if file.path in self._needed else "no"

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles of the columns."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section == 1 else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

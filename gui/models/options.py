"""The options of an engine that fit some words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from core.engines.options import Option

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
OPTION = Qt.ItemDataRole.UserRole
"""The `Option` of a row."""
SHOWN = Qt.ItemDataRole.UserRole + 1
"""True where the form has it already."""


def find_options(options: Sequence[Option], text: str) -> tuple[Option, ...]:
    """Options with all the words in name, group or help; names that begin with the text first, then other names."""
    words = text.lower().replace("_", "-").split()
    if not words:
        return ()
    ranked = []
    for option in options:
        name = f"{option.name} {' '.join(option.flags)}".lower()
        everything = f"{name} {option.group} {option.help}".lower()
        if all(word.lstrip("-") in everything for word in words):
            first = words[0].lstrip("-")
            in_name = all(word.lstrip("-") in name for word in words)
            ranked.append((not option.name.startswith(first), not in_name, option.deprecated, option.name, option))
    return tuple(entry[-1] for entry in sorted(ranked, key=lambda entry: entry[:-1]))


class OptionMatches(QAbstractListModel):
    """What a search among the options found."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._options: tuple[Option, ...] = ()
        self._shown: frozenset[str] = frozenset()

    def set_options(self, options: Sequence[Option], shown: Collection[str]) -> None:
        """Show these; `shown` names those that the form has already."""
        self.beginResetModel()
        self._options, self._shown = tuple(options), frozenset(shown)
        self.endResetModel()

    def option(self, row: int) -> Option:
        """The option of a row."""
        return self._options[row]

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Number of options found."""
        return 0 if parent.isValid() else len(self._options)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Flag and help."""
        if not index.isValid() or not 0 <= index.row() < len(self._options):
            return None
        option = self._options[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return option.flag
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{option.flag}, {' '.join(option.help.split())}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return option.help.strip()
        if role == OPTION:
            return option
        if role == SHOWN:
            return option.name in self._shown
        return None

"""The lines of one run's log as a Qt model. It is pulled, never pushed: a flood can't fill Qt's event queue."""

from __future__ import annotations

import time
from operator import attrgetter
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from core.logs.buffer import LogBuffer, LogLine
from core.logs.levels import split_prefix

Index = QModelIndex | QPersistentModelIndex

NUMBER, TIME, LEVEL, TEXT = range(4)
COLUMNS = ("Line", "Time", "Level", "Text")
LINES_A_PULL = 10_000
"""At most so many at a time, so that a pull takes a few milliseconds; 20 pulls a second are faster than any engine."""
_TEXT = attrgetter("text")
LEVEL_WORDS = {"debug": "DEBUG", "info": "INFO", "warning": "WARN", "error": "ERROR", "critical": "FATAL"}


class ShownLine(NamedTuple):
    """A line in the parts that are shown."""

    number: str
    """From 1."""
    time: str
    """Local time of day, empty where it isn't known."""
    level: str
    """The level's name for colours, empty where the line doesn't say."""
    word: str
    """The level in five letters."""
    source: str
    """Which process wrote it, without its pid."""
    text: str


class LogLines(QAbstractTableModel):
    """The lines that a buffer holds, taken over by `pull`.

    Args:
        capacity: rows that are kept; the oldest go in slabs of an eighth.
    """

    shrunk = Signal(int)
    """So many rows were taken from the top: whoever shows them should scroll by as much."""

    def __init__(self, capacity: int = 200_000, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._capacity = capacity
        self._buffer: LogBuffer | None = None
        self._generation = 0
        self._lines: list[LogLine] = []
        self._first = 0
        self.is_raw = False
        """Show lines as they were printed, with the prefix that is otherwise shown as level and source."""
        self.longest = 0
        """Characters of the longest line."""

    def set_buffer(self, buffer: LogBuffer | None) -> None:
        """Show this buffer from its oldest line on."""
        self._buffer = buffer
        self._generation = buffer.generation if buffer is not None else 0
        self._restart(0, [])

    def pull(self) -> int:
        """Take over what is new, some thousand lines at most; returns how many came."""
        buffer = self._buffer
        if buffer is None:
            return 0
        if buffer.generation != self._generation:
            self._generation = buffer.generation
            self._restart(0, [])
        end = self._first + len(self._lines)
        first, lines = buffer.since(end, LINES_A_PULL)
        if not lines:
            return 0
        if first != end or not self._lines:
            # Older lines left the buffer before they were pulled, or these are the first: nothing here goes on.
            self._restart(first, lines)
        else:
            self._append(lines)
        return len(lines)

    @property
    def waiting(self) -> int:
        """Lines that the buffer holds and that were not pulled yet."""
        return max(0, self._buffer.end - self._first - len(self._lines)) if self._buffer is not None else 0

    def line(self, row: int) -> LogLine:
        """The line of a row."""
        return self._lines[row]

    def shown(self, row: int) -> ShownLine:
        """The line of a row in parts."""
        line = self._lines[row]
        at = time.strftime("%H:%M:%S", time.localtime(line.at)) if line.at is not None else ""
        word = LEVEL_WORDS.get(line.level, "")
        number = str(line.number + 1)
        if self.is_raw:
            return ShownLine(number, at, line.level, word, "", line.text)
        prefix = split_prefix(line.text)
        return ShownLine(number, at, line.level, word, prefix.source.partition(" pid=")[0], prefix.body)

    def row_of(self, number: int) -> int | None:
        """The row of a line by its number (from 0), None if it isn't here."""
        row = number - self._first
        return row if 0 <= row < len(self._lines) else None

    def text_of(self, rows: list[int]) -> str:
        """These lines as they were printed."""
        return "\n".join(self._lines[row].text for row in rows)

    def set_raw(self, raw: bool) -> None:
        """Show lines as printed, or in parts."""
        if raw != self.is_raw:
            self.is_raw = raw
            if self._lines:
                self.dataChanged.emit(self.index(0, TEXT), self.index(len(self._lines) - 1, TEXT))

    # --- QAbstractTableModel -------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own default)
        """Lines."""
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number, time, level, text."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole and section < len(COLUMNS):
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts, for screen readers and tests; the view paints from `shown`."""
        if not index.isValid() or not 0 <= index.row() < len(self._lines):
            return None
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        shown = self.shown(index.row())
        return (shown.number, shown.time, shown.word, shown.text)[index.column()]

    # --- inside --------------------------------------------------------------------------------------------------

    def _restart(self, first: int, lines: list[LogLine]) -> None:
        self.beginResetModel()
        self._first, self._lines = first, lines
        self.longest = _longest(lines)
        self.endResetModel()

    def _append(self, lines: list[LogLine]) -> None:
        count = len(self._lines)
        self.beginInsertRows(QModelIndex(), count, count + len(lines) - 1)
        self._lines += lines
        self.longest = max(self.longest, _longest(lines))
        self.endInsertRows()
        excess = len(self._lines) - self._capacity
        if excess >= self._capacity // 8:
            self.beginRemoveRows(QModelIndex(), 0, excess - 1)
            del self._lines[:excess]
            self._first += excess
            self.endRemoveRows()
            self.shrunk.emit(excess)


def _longest(lines: list[LogLine]) -> int:
    return max(map(len, map(_TEXT, lines)), default=0)

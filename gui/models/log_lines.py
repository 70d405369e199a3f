"""The lines of one run's log as a Qt model. It is pulled, never pushed: a flood can't fill Qt's event queue."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from core.logs.buffer import LogBuffer, LogLine
from core.logs.levels import split_prefix

Index = QModelIndex | QPersistentModelIndex

NUMBER, TIME, LEVEL, TEXT = range(4)
COLUMNS = ("Line", "Time", "Level", "Text")
LINES_A_PULL = 20_000
"""At most so many at a time, so that a pull takes a few milliseconds; 20 pulls a second are faster than any engine."""
PAGE = 200
"""Lines that are fetched at a time for showing."""
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
    """The lines that a buffer holds, as far as they were noticed by `pull`. The lines themselves stay in the buffer."""

    shrunk = Signal(int)
    """So many rows were taken from the top: whoever shows them should scroll by as much."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._buffer: LogBuffer | None = None
        self._generation = 0
        self._first = 0
        self._end = 0
        self._page: list[LogLine] = []
        self._page_start = 0
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
        """Notice what is new, some thousand lines at most; returns how many came."""
        buffer = self._buffer
        if buffer is None:
            return 0
        if buffer.generation != self._generation:
            self._generation = buffer.generation
            self._restart(0, [])
        first, texts = buffer.texts(self._end, LINES_A_PULL)
        if not texts:
            return 0
        if first != self._end or self._end == self._first:
            # Older lines left the buffer before they were pulled, or these are the first: nothing here goes on.
            self._restart(first, texts)
        else:
            self._append(texts)
            self._drop(buffer)
        return len(texts)

    @property
    def waiting(self) -> int:
        """Lines that the buffer holds and that were not pulled yet."""
        return max(0, self._buffer.end - self._end) if self._buffer is not None else 0

    def line(self, row: int) -> LogLine:
        """The line of a row."""
        number = self._first + row
        index = number - self._page_start
        if not 0 <= index < len(self._page):
            self._turn_page(number)
            index = number - self._page_start
        if 0 <= index < len(self._page):
            return self._page[index]
        return LogLine(number, None, "[servedeck] this line is no longer in memory", "", "servedeck")

    def shown(self, row: int) -> ShownLine:
        """The line of a row in parts."""
        line = self.line(row)
        at = time.strftime("%H:%M:%S", time.localtime(line.at)) if line.at is not None else ""
        word = LEVEL_WORDS.get(line.level, "")
        number = str(line.number + 1)
        if self.is_raw:
            return ShownLine(number, at, line.level, word, "", line.text)
        prefix = split_prefix(line.text)
        return ShownLine(number, at, line.level, word, prefix.source.partition(" pid=")[0], prefix.body)

    def row_of(self, number: int) -> int | None:
        """The row of a line by its number (from 0), None if it isn't here."""
        return number - self._first if self._first <= number < self._end else None

    def text_of(self, rows: list[int]) -> str:
        """These lines as they were printed."""
        return "\n".join(self.line(row).text for row in rows)

    def set_raw(self, raw: bool) -> None:
        """Show lines as printed, or in parts."""
        if raw != self.is_raw:
            self.is_raw = raw
            if self.rowCount():
                self.dataChanged.emit(self.index(0, TEXT), self.index(self.rowCount() - 1, TEXT))

    # --- QAbstractTableModel -------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own default)
        """Lines."""
        return 0 if parent.isValid() else self._end - self._first

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
        if not index.isValid() or not 0 <= index.row() < self.rowCount():
            return None
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        shown = self.shown(index.row())
        return (shown.number, shown.time, shown.word, shown.text)[index.column()]

    # --- inside --------------------------------------------------------------------------------------------------

    def _restart(self, first: int, texts: list[str]) -> None:
        self.beginResetModel()
        self._first, self._end = first, first + len(texts)
        self._page = []
        self.longest = max(map(len, texts), default=0)
        self.endResetModel()

    def _append(self, texts: list[str]) -> None:
        count = self.rowCount()
        self.beginInsertRows(QModelIndex(), count, count + len(texts) - 1)
        self._end += len(texts)
        self.longest = max(self.longest, max(map(len, texts)))
        self.endInsertRows()

    def _drop(self, buffer: LogBuffer) -> None:
        """Rows whose lines left the buffer go, many at a time."""
        gone = min(buffer.first, self._end) - self._first
        if gone >= max(1, buffer.capacity // 16):
            self.beginRemoveRows(QModelIndex(), 0, gone - 1)
            self._first += gone
            self.endRemoveRows()
            self.shrunk.emit(gone)

    def _turn_page(self, number: int) -> None:
        """Fetch the lines around one: a screenful is asked for line by line."""
        if self._buffer is None or self._buffer.generation != self._generation:
            self._page = []
            return
        self._page_start, self._page = self._buffer.since(max(self._first, number - PAGE // 4), PAGE)

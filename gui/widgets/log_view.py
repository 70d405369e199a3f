"""A view of very many lines that follows their end.

The table paints itself: a delegate would be called for every cell, and each call would have to wait for the
interpreter while another thread parses a flood. Painted at once, forty lines take a few milliseconds even then.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Protocol, cast

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPointF, QRect, Qt, Signal, SignalInstance
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from gui.theme import em, font, tokens
from gui.widgets.buttons import Button
from gui.widgets.codebox import copy_text

NUMBER, TIME, LEVEL, TEXT = range(4)
LONGEST_SHOWN = 4000
"""Characters of a line that can be scrolled to; copying gives all of it."""
_LEVEL_TOKENS = {"warning": "warn", "error": "bad", "critical": "bad", "debug": "dim"}


class Line(Protocol):
    """What is shown of a line."""

    @property
    def number(self) -> str: ...  # noqa: D102
    @property
    def time(self) -> str: ...  # noqa: D102
    @property
    def level(self) -> str: ...  # noqa: D102
    @property
    def word(self) -> str: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102


class LineModel(Protocol):
    """A table model that gives whole lines."""

    longest: int
    shrunk: SignalInstance

    def shown(self, row: int) -> Line:
        """The line of a row."""
        ...

    def text_of(self, rows: list[int]) -> str:
        """Lines as they were printed."""
        ...


class LogTable(QTableView):
    """The table: number, time, level and text, a fixed row height, whole rows selected.

    Args:
        model: a `QAbstractTableModel` that is a `LineModel`, too.
    """

    def __init__(self, model: QAbstractTableModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines = cast("LineModel", model)
        self.marked: int | None = None
        """Row with a coloured ground, None for none."""
        self.placeholder = ""
        """Said while there are no lines."""
        self.setProperty("surface", "log")
        self.setAccessibleName("Log")
        self.setFont(font("mono"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAutoScroll(False)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(1)
        rows.setDefaultSectionSize(round(self.fontMetrics().height() * 1.2))
        columns = self.horizontalHeader()
        columns.hide()
        columns.setMinimumSectionSize(1)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setModel(model)
        self._char = QFontMetricsF(self.font()).horizontalAdvance("0")
        self._digits = 3
        self.fit_columns()

    def fit_columns(self) -> None:
        """Make the columns as wide as what they hold, and the text at least as wide as the view."""
        char = self._char
        self._digits = max(3, len(self._last_number()))
        places = [0.0, em(0.6) + (self._digits + 2) * char]
        places += [places[1] + 10 * char, places[1] + 17 * char]
        widths = [round(end) - round(start) for start, end in pairwise(places)]
        rest = self.viewport().width() - sum(widths)
        longest = round((min(self.lines.longest, LONGEST_SHOWN) + 2) * char)
        for column, width in enumerate([*widths, max(rest, longest)]):
            if self.columnWidth(column) != width:
                self.setColumnWidth(column, width)

    def _last_number(self) -> str:
        rows = self.model().rowCount()
        return self.lines.shown(rows - 1).number if rows else ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The text takes the rest."""
        super().resizeEvent(event)
        self.fit_columns()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+C copies the selected lines as they were printed; Home and End go to the first and last line."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_selected()
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End) and not event.modifiers():
            bar = self.verticalScrollBar()
            to_end = event.key() == Qt.Key.Key_End
            self.setCurrentIndex(self.model().index(self.model().rowCount() - 1 if to_end else 0, TEXT))
            bar.setValue(bar.maximum() if to_end else bar.minimum())
        else:
            before = self.horizontalScrollBar().value()
            super().keyPressEvent(event)
            if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
                self.horizontalScrollBar().setValue(before)

    def selected_rows(self) -> list[int]:
        """Rows that are selected, ascending."""
        rows: set[int] = set()
        for part in self.selectionModel().selection().toList():
            rows.update(range(part.top(), part.bottom() + 1))
        return sorted(rows)

    def copy_selected(self) -> int:
        """Copy the selected lines; returns how many there are."""
        rows = self.selected_rows()
        if rows:
            copy_text(self.lines.text_of(rows))
        return len(rows)

    def paintEvent(self, event: QPaintEvent) -> None:
        """All visible lines in one go."""
        colours = tokens()
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), QColor(colours.log))
        high = self.verticalHeader().defaultSectionSize()
        rows = self.model().rowCount()
        if not rows:
            painter.setPen(QColor(colours.dim))
            painter.setFont(font())
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, self.placeholder)
            return
        top_row = self.verticalScrollBar().value()
        first = top_row + event.rect().top() // high
        last = min(rows, top_row + event.rect().bottom() // high + 1)
        selected = self._selected_in(first, last)
        current = self.currentIndex().row() if self.hasFocus() else -1
        wide = self.viewport().width()
        base = (high + self.fontMetrics().ascent() - self.fontMetrics().descent()) // 2
        left = em(0.6) + self.columnViewportPosition(NUMBER)
        for row in range(first, last):
            top = (row - top_row) * high
            if row == self.marked or row in selected:
                painter.fillRect(
                    0, top, wide, high, QColor(colours.badbg if row == self.marked else colours.accent_weak)
                )
            self._paint_line(painter, self.lines.shown(row), QPointF(left, top + base), is_marked=row == self.marked)
            if row == current:
                painter.setPen(QPen(QColor(colours.accent), 1))
                painter.drawRect(QRect(0, top, wide - 1, high - 1))

    def _paint_line(self, painter: QPainter, line: Line, at: QPointF, *, is_marked: bool) -> None:
        """One line in few calls: what is dim and stands together is one text."""
        colours, char = tokens(), self._char
        token = "bad" if is_marked else _LEVEL_TOKENS.get(line.level, "text")
        ink = QColor(getattr(colours, token))
        word = f"{line.word:5}"
        painter.setPen(QColor(colours.dim))
        painter.drawText(at, f"{line.number:>{self._digits}}  {line.time:8}  {word if token == 'text' else ''}")
        source = f"{line.source} " if line.source else ""
        start = self._digits + 19
        if source:
            painter.drawText(QPointF(at.x() + start * char, at.y()), source)
        painter.setPen(ink)
        if token != "text":
            painter.drawText(QPointF(at.x() + (start - 7) * char, at.y()), word)
        left = at.x() + (start + len(source)) * char
        text = line.text if len(line.text) <= LONGEST_SHOWN else f"{line.text[:LONGEST_SHOWN]}…"
        if text.isascii():
            # Without what is scrolled out of sight: a line can be 64 kB long.
            skipped = max(0, int(-left / char) - 1)
            count = int(self.viewport().width() / char) + 4
            text, left = text.replace("\t", " ")[skipped : skipped + count], left + skipped * char
        painter.drawText(QPointF(left, at.y()), text)

    def _selected_in(self, first: int, last: int) -> set[int]:
        found: set[int] = set()
        for part in self.selectionModel().selection().toList():
            found.update(range(max(first, part.top()), min(last, part.bottom() + 1)))
        return found


class LogView(QWidget):
    """The table with its follow button: it stays at the end until somebody scrolls up, and then says what is new.

    Args:
        model: see `LogTable`.
        placeholder: said while there are no lines.
    """

    follow_changed = Signal(bool)

    def __init__(
        self, model: QAbstractTableModel, *, placeholder: str = "Nothing printed yet.", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("surface", "log")
        self.table = LogTable(model, self)
        self._model = model
        self.table.placeholder = placeholder
        self.is_following = True
        self._missed = 0
        self._is_moving = False
        self.follow_button = Button("↓ Follow", kind="small", parent=self)
        self.follow_button.setAccessibleName("Follow the end of the log")
        self.follow_button.clicked.connect(lambda: self.set_following(True))
        self.follow_button.hide()
        bar = self.table.verticalScrollBar()
        bar.valueChanged.connect(self._on_scrolled)
        bar.rangeChanged.connect(self._on_range)
        model.rowsInserted.connect(self._on_inserted)
        model.modelReset.connect(self._on_reset)
        self.table.lines.shrunk.connect(self._on_shrunk)

    def set_following(self, following: bool) -> None:
        """Stay at the end, or where it is."""
        if following:
            self._missed = 0
            self._to_end()
        if following != self.is_following:
            self.is_following = following
            self.follow_changed.emit(following)
        self._update_button()

    def go_to(self, row: int) -> None:
        """Show a row in the middle, select it and give the table the focus; following ends."""
        self.set_following(False)
        index = self._model.index(row, TEXT)
        place = self.table.horizontalScrollBar().value()
        self.table.selectRow(row)
        self.table.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        self.table.horizontalScrollBar().setValue(place)
        self.table.setFocus()

    def mark(self, row: int | None) -> None:
        """Give one row a coloured ground."""
        if row != self.table.marked:
            self.table.marked = row
            self.table.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The table fills it; the button floats in its corner."""
        super().resizeEvent(event)
        self.table.setGeometry(self.rect())
        self._place_button()
        if self.is_following:
            self._to_end()

    def _on_inserted(self, parent: QModelIndex, first: int, last: int) -> None:
        self.table.fit_columns()
        if self.is_following:
            self._to_end()
        else:
            self._missed += last - first + 1
            self._update_button()

    def _on_reset(self) -> None:
        self.table.marked = None
        self._missed = 0
        self.table.fit_columns()
        self.set_following(True)

    def _on_shrunk(self, rows: int) -> None:
        """Lines left the top: keep showing the same ones."""
        if self.table.marked is not None:
            self.table.marked = self.table.marked - rows if self.table.marked >= rows else None
        if not self.is_following:
            bar = self.table.verticalScrollBar()
            bar.setValue(max(0, bar.value() - rows))

    def _on_range(self) -> None:
        if self.is_following:
            self._to_end()

    def _to_end(self) -> None:
        self._is_moving = True
        place = self.table.horizontalScrollBar().value()
        self.table.scrollToBottom()
        self.table.horizontalScrollBar().setValue(place)
        self._is_moving = False

    def _on_scrolled(self, value: int) -> None:
        """Only what the user does changes whether it follows."""
        if self._is_moving:
            return
        self.set_following_quietly(value >= self.table.verticalScrollBar().maximum())

    def set_following_quietly(self, following: bool) -> None:
        """As `set_following`, without moving."""
        if following:
            self._missed = 0
        if following != self.is_following:
            self.is_following = following
            self.follow_changed.emit(following)
        self._update_button()

    def _update_button(self) -> None:
        bar = self.table.verticalScrollBar()
        if self.is_following or (not self._missed and bar.value() >= bar.maximum()):
            self.follow_button.hide()
            return
        new = f"{self._missed:,} new {'line' if self._missed == 1 else 'lines'}  " if self._missed else ""
        self.follow_button.setText(f"{new}↓ Follow")
        self._place_button()
        self.follow_button.show()
        self.follow_button.raise_()

    def _place_button(self) -> None:
        size = self.follow_button.sizeHint()
        bar = self.table.verticalScrollBar()
        room = bar.width() if bar.isVisible() else 0
        across = self.table.horizontalScrollBar()
        below = across.height() if across.isVisible() else 0
        left = self.width() - size.width() - room - em(0.7)
        self.follow_button.setGeometry(
            left, self.height() - size.height() - below - em(0.7), size.width(), size.height()
        )

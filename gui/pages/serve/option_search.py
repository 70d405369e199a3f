"""Search among all options of an engine, to add one to the form."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from core.engines.options import Option
from gui.models.options import OPTION, SHOWN, OptionMatches, find_options
from gui.pages.serve.option_values import first_sentence
from gui.theme import color, em, font
from gui.widgets import Card, Label, SearchField, announce
from gui.wording import plural

Index = QModelIndex | QPersistentModelIndex
_MOST_ROWS = 6


class _Row(QStyledItemDelegate):
    """Flag, and its help behind it."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(em(10), QFontMetrics(font()).height() + em(0.7))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        found = index.data(OPTION)
        if not isinstance(found, Option):
            return
        rect: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, color("accent_weak"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, color("rail"))
        inner = rect.adjusted(em(0.6), 0, -em(0.6), 0)
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.setFont(font("mono"))
        painter.setPen(color("text"))
        painter.drawText(inner, middle, found.flag)
        inner.setLeft(inner.left() + QFontMetrics(font("mono")).horizontalAdvance(found.flag) + em(0.9))
        painter.setFont(font("small"))
        painter.setPen(color("dim"))
        marks = ("in the form · " if index.data(SHOWN) else "") + ("deprecated · " if found.deprecated else "")
        text = marks + (first_sentence(found.help) or found.group)
        text = QFontMetrics(font("small")).elidedText(text, Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, middle, text)
        painter.restore()


class OptionSearch(QObject):
    """A search field and the list of what it found; they stand in different places of the options card.

    Enter takes the first or the chosen one, Down goes into the list, Esc clears.
    """

    taken = Signal(str)
    """The name of an option that the user wants in the form."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._options: tuple[Option, ...] = ()
        self._shown: frozenset[str] = frozenset()
        self.matches = OptionMatches(self)
        self.field = SearchField(placeholder="Find an option", name="Find an option", delay_ms=100)
        self.said = Label("", "small", tone="dim", wrap=True)
        self.list = QListView()
        self.list.setModel(self.matches)
        self.list.setItemDelegate(_Row(self.list))
        self.list.setAccessibleName("Options found")
        self.list.setProperty("surface", "list")
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.panel = Card(tone="accent")
        self.panel.body.setContentsMargins(em(0.3), em(0.5), em(0.3), em(0.3))
        inner = QVBoxLayout()
        inner.setContentsMargins(em(0.6), 0, em(0.6), 0)
        inner.addWidget(self.said)
        self.panel.body.addLayout(inner)
        self.panel.body.addWidget(self.list)
        self.panel.hide()
        self.field.searched.connect(self._find)
        self.field.installEventFilter(self)
        self.list.clicked.connect(self._take)
        self.list.installEventFilter(self)

    def set_options(self, options: Sequence[Option], shown: Collection[str]) -> None:
        """What can be found, and what the form has already."""
        self._options, self._shown = tuple(options), frozenset(shown)
        self.field.setPlaceholderText(f"Find among {plural(len(options), 'option')}")
        self._find(self.field.text().strip())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter, Down and Esc."""
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._find(self.field.text().strip())
            current = self.list.currentIndex()
            self._take(current if current.isValid() and watched is self.list else self.matches.index(0))
            return True
        if watched is self.field and key == Qt.Key.Key_Down and self.matches.rowCount():
            self.list.setFocus()
            self.list.setCurrentIndex(self.matches.index(0))
            return True
        if watched is self.list and key == Qt.Key.Key_Escape:
            self.field.clear()
            self.field.setFocus()
            return True
        return False

    def _find(self, text: str) -> None:
        kept = self.list.currentIndex().row()
        found = find_options(self._options, text)
        self.matches.set_options(found, self._shown)
        if 0 <= kept < len(found):
            self.list.setCurrentIndex(self.matches.index(kept))
        self.panel.setVisible(bool(text))
        self.list.setVisible(bool(found))
        if found:
            said = f"{plural(len(found), 'option')}. Enter or a click adds one to the form."
        else:
            said = f"No option has “{text}” in its name or help. Arguments of your own go to “Extra arguments” below."
        self.said.setText(said)
        rows = min(len(found), _MOST_ROWS)
        self.list.setFixedHeight(max(1, self.list.sizeHintForRow(0)) * rows + 2 if rows else 0)
        if text:
            announce(self.field, said)

    def _take(self, index: QModelIndex) -> None:
        if index.isValid():
            name = self.matches.option(index.row()).name
            self.field.clear()
            self.taken.emit(name)

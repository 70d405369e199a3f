"""The table of the Library page."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from gui.models.library import ENTRY_ROLE, Column, LibraryModel
from gui.theme import em
from gui.widgets import paint_dot


class _StateDelegate(QStyledItemDelegate):
    """A dot before the words of the state."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        option.text = ""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        entry = index.data(ENTRY_ROLE)
        rect = option.rect.adjusted(em(0.4), 0, -em(0.3), 0)
        centre = QPointF(rect.left() + em(0.3), rect.center().y() + 0.5)
        paint_dot(painter, centre, "ok" if entry.complete else "warn", em(0.53))
        rect.setLeft(rect.left() + em(1))
        text = option.fontMetrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, rect.width())
        painter.setPen(option.palette.color(option.palette.ColorRole.Text))
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


class LibraryTable(QTableView):
    """The models; Enter and a double click choose one for good."""

    entered = Signal()

    def __init__(self, model: LibraryModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setAccessibleName("Models on this machine")
        self.setProperty("surface", "list")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)
        self.sortByColumn(Column.NAME, Qt.SortOrder.AscendingOrder)
        self.setItemDelegateForColumn(Column.STATE, _StateDelegate(self))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.doubleClicked.connect(self.entered)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(em(2.2))
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the width: the name gets what the others leave."""
        super().resizeEvent(event)
        whole = self.viewport().width()
        self.setColumnWidth(Column.SIZE, em(5))
        self.setColumnWidth(Column.WHERE, max(em(9.5), round(whole * 0.2)))
        self.setColumnWidth(Column.STATE, max(em(10.5), round(whole * 0.24)))
        self.setColumnWidth(Column.MODIFIED, em(6.6))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter serves the chosen model."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
            return
        super().keyPressEvent(event)

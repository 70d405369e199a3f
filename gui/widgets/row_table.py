"""A flat table of whole rows, for what isn't a log."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from gui.theme import em


class RowTable(QTableView):
    """Enter and a double click activate a row.

    Columns are as wide as what they hold; `wide` takes what is left. Where there is too little room, the columns of
    `shrinking` give some of theirs, in that order, and what they hold ends in an ellipsis.

    Args:
        name: for screen readers.
        wide: the column that takes what is left.
        shrinking: columns that may become narrower, with their least width in em.
    """

    row_activated = Signal(QModelIndex)

    def __init__(
        self, name: str, *, wide: int, shrinking: tuple[tuple[int, float], ...] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._wide = wide
        self._shrinking = shrinking
        self.setProperty("surface", "list")
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(em(2.2))
        self.horizontalHeader().setHighlightSections(False)
        self.doubleClicked.connect(self.row_activated)

    def setModel(self, model: QAbstractItemModel | None) -> None:
        """Follow what the model holds."""
        super().setModel(model)
        if model is not None:
            for changed in (model.rowsInserted, model.rowsRemoved, model.dataChanged, model.modelReset):
                changed.connect(self.fit)

    def fit(self) -> None:
        """Give the columns their widths."""
        model = self.model()
        if model is None or not self.isVisible():
            return
        header = self.horizontalHeader()
        widths = [
            max(self.sizeHintForColumn(column), header.sectionSizeHint(column)) + em(0.5)
            for column in range(model.columnCount())
        ]
        missing = sum(widths) - self.viewport().width()
        for column, least in self._shrinking:
            given = min(max(0, widths[column] - em(least)), max(0, missing))
            widths[column] -= given
            missing -= given
        if missing < 0:
            widths[self._wide] -= missing
        for column, width in enumerate(widths):
            if self.columnWidth(column) != width:
                self.setColumnWidth(column, width)

    def showEvent(self, event: QShowEvent) -> None:
        """Nobody looked until now."""
        super().showEvent(event)
        self.fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the room anew."""
        super().resizeEvent(event)
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter activates."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.row_activated.emit(self.currentIndex())
            return
        super().keyPressEvent(event)

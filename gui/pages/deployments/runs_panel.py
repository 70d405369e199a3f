"""The runs of a deployment; one can be chosen to read its log."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHBoxLayout, QHeaderView, QTableView, QVBoxLayout, QWidget

from core.deployments.deployment import Deployment
from gui.models.runs import RUN, Runs
from gui.theme import em
from gui.widgets import Button


class RowTable(QTableView):
    """A flat table of whole rows; Enter and a double click activate one.

    Args:
        name: for screen readers.
    """

    row_activated = Signal(QModelIndex)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
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
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        self.doubleClicked.connect(self.row_activated)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter activates."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.row_activated.emit(self.currentIndex())
            return
        super().keyPressEvent(event)


class RunsPanel(QWidget):
    """The table of runs, and a button for the log of the chosen one."""

    run_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = Runs(self)
        self.table = RowTable("Runs")
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setModel(self.model)
        self.table.row_activated.connect(self._choose)
        self.button = Button("Show its log")
        self.button.clicked.connect(lambda: self._choose(self.table.currentIndex()))
        self.table.selectionModel().currentRowChanged.connect(self._update)
        column = QVBoxLayout(self)
        column.setContentsMargins(em(0.62), em(0.4), em(0.62), em(0.62))
        column.addWidget(self.table, 1)
        row = QHBoxLayout()
        row.addWidget(self.button)
        row.addStretch(1)
        column.addLayout(row)
        self._update()

    def show_deployment(self, deployment: Deployment) -> None:
        """Show its runs as they are now."""
        chosen = self._number(self.table.currentIndex())
        first = self.model.rowCount() == 0
        self.model.show_deployment(deployment)
        if chosen and self._number(self.table.currentIndex()) != chosen and self.model.row_of(chosen) >= 0:
            self.table.selectRow(self.model.row_of(chosen))
        if first and self.model.rowCount():
            for column, width in enumerate((3.2, 10.5, 20, 6.5, 7.5)):
                self.table.setColumnWidth(column, em(width))
            self.table.selectRow(0)
        self._update()

    def _number(self, index: QModelIndex) -> int:
        return int(index.siblingAtColumn(0).data(RUN)) if index.isValid() else 0

    def _choose(self, index: QModelIndex) -> None:
        number = self._number(index)
        if number:
            self.run_chosen.emit(number)

    def _update(self) -> None:
        number = self._number(self.table.currentIndex())
        self.button.setEnabled(bool(number))
        self.button.setText(f"Show the log of run {number}" if number else "Show its log")

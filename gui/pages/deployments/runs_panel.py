"""The runs of a deployment; one can be chosen to read its log."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QVBoxLayout, QWidget

from core.deployments.deployment import Deployment
from gui.models.runs import RUN, Runs
from gui.theme import em
from gui.widgets import Button
from gui.widgets.row_table import RowTable


class RunsPanel(QWidget):
    """The table of runs, and a button for the log of the chosen one."""

    run_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = Runs(self)
        self.table = RowTable("Runs", wide=2, shrinking=((2, 9), (4, 5), (1, 7)))
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

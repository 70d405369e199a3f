"""The runs of a deployment, newest first."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from core.deployments.deployment import Deployment, Run, State
from gui.states import failed_words, stop_words, took_words
from gui.widgets.text import plain_tooltip

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Run", "Started", "State", "Ready after", "Engine", "Implementation")
RUN = Qt.ItemDataRole.UserRole
"""The number of the run of a row."""


class Runs(QAbstractTableModel):
    """One row a run."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs: list[Run] = []

    def show_deployment(self, deployment: Deployment) -> None:
        """Show its runs as they are now."""
        runs = list(reversed(deployment.runs))
        if [run.number for run in runs] != [run.number for run in self._runs]:
            self.beginResetModel()
            self._runs = runs
            self.endResetModel()
        elif runs != self._runs:
            self._runs = runs
            self.dataChanged.emit(self.index(0, 0), self.index(len(runs) - 1, len(COLUMNS) - 1))

    def row_of(self, number: int) -> int:
        """The row of a run, -1 if there is none."""
        return next((row for row, run in enumerate(self._runs) if run.number == number), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own default)
        """Runs."""
        return 0 if parent.isValid() else len(self._runs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """See `COLUMNS`."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole and section < len(COLUMNS):
            return COLUMNS[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Words, and the number of the run."""
        if not index.isValid() or not 0 <= index.row() < len(self._runs):
            return None
        run = self._runs[index.row()]
        if role == RUN:
            return run.number
        if role == Qt.ItemDataRole.DisplayRole:
            return _words(run)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == 2:
            return plain_tooltip(state_of_run(run))
        return None


def _words(run: Run) -> tuple[str, ...]:
    ready = run.seconds_to_ready
    return (
        str(run.number),
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started)),
        state_of_run(run),
        took_words(ready) if ready is not None else "",
        run.engine_version,
        run.implementation_loaded.value if run.implementation_loaded else "",
    )


def state_of_run(run: Run) -> str:
    """How a run went: `Ready`, `Stopped: no process left, …`, `Failed while loading weights: exit code 1`."""
    if run.state is State.FAILED:
        cause = stop_words(run) or (run.exit.text if run.exit is not None else "")
        return f"{failed_words(run)}: {cause}" if cause else failed_words(run)
    if run.state is State.STOPPED:
        found = stop_words(run)
        return f"Stopped: {found}" if found else "Stopped"
    return run.state.value.capitalize()

"""All deployments as a table."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from core.deployments.deployment import Deployment
from gui.serving import IMPLEMENTATION_NAMES
from gui.states import dot_tone, since_words, state_title
from gui.widgets.text import plain_tooltip

Index = QModelIndex | QPersistentModelIndex
NAME, STATE, ENGINE, IMPLEMENTATION, ENDPOINT, SINCE = range(6)
COLUMNS = ("Name", "State", "Engine", "Implementation", "Endpoint", "Since")
ID = Qt.ItemDataRole.UserRole
"""The id of the deployment of a row."""
TONE = Qt.ItemDataRole.UserRole + 1
"""The tone of its state's dot."""


class Deployments(QAbstractTableModel):
    """One row a deployment, in the order of the fleet.

    Args:
        engine_title: the name of an engine by its id.
    """

    def __init__(self, engine_title: Callable[[str], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine_title = engine_title
        self._rows: list[Deployment] = []

    def show(self, deployments: tuple[Deployment, ...]) -> None:
        """Show these as they are now; rows that stay keep their selection."""
        wanted = [each.id for each in deployments]
        for row in reversed(range(len(self._rows))):
            if self._rows[row].id not in wanted:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._rows[row]
                self.endRemoveRows()
        for row, deployment in enumerate(deployments):
            if row < len(self._rows) and self._rows[row].id == deployment.id:
                self._change(row, deployment)
            elif any(each.id == deployment.id for each in self._rows):
                self._replace_all(deployments)
                return
            else:
                self.beginInsertRows(QModelIndex(), row, row)
                self._rows.insert(row, deployment)
                self.endInsertRows()

    def tick(self) -> None:
        """Time has passed."""
        if self._rows:
            last = len(self._rows) - 1
            self.dataChanged.emit(self.index(0, STATE), self.index(last, STATE))
            self.dataChanged.emit(self.index(0, SINCE), self.index(last, SINCE))

    def row_of(self, deployment_id: str) -> int:
        """The row of a deployment, -1 if there is none."""
        return next((row for row, each in enumerate(self._rows) if each.id == deployment_id), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own default)
        """Deployments."""
        return 0 if parent.isValid() else len(self._rows)

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
        """Words, the id, and the tone of the state."""
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        deployment = self._rows[index.row()]
        if role == ID:
            return deployment.id
        if role == TONE:
            return "bad" if deployment.problem else dot_tone(deployment.state)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._words(deployment, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tooltip(deployment.problem or self._words(deployment, index.column()))
        return None

    def _words(self, deployment: Deployment, column: int) -> str:
        run, spec = deployment.run, deployment.spec
        match column:
            case 0:
                return deployment.name
            case 1:
                return state_title(deployment)
            case 2:
                title = self._engine_title(spec.engine)
                return f"{title} {run.engine_version}" if run is not None and run.engine_version else title
            case 3:
                if run is not None and run.implementation_loaded is not None:
                    asked = f", not {spec.implementation.value}" if deployment.differs else ""
                    return f"{IMPLEMENTATION_NAMES[run.implementation_loaded]}{asked}"
                return f"{IMPLEMENTATION_NAMES[spec.implementation]} asked"
            case 4:
                return run.endpoint if run is not None and run.port and run.state.is_active else ""
            case _:
                return since_words(max(0.0, time.time() - run.since)) if run is not None else ""

    def _change(self, row: int, deployment: Deployment) -> None:
        if self._rows[row] != deployment:
            self._rows[row] = deployment
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))

    def _replace_all(self, deployments: tuple[Deployment, ...]) -> None:
        self.beginResetModel()
        self._rows = list(deployments)
        self.endResetModel()

"""The list of all deployments, with what can be done with those that are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QPainter, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from core.errors import NotFoundError
from gui.models.deployments import ENDPOINT, ENGINE, ID, IMPLEMENTATION, NAME, STATE, TONE, Deployments
from gui.pages.deployments.actions import Actions, is_running
from gui.pages.deployments.header import engine_title
from gui.theme import em
from gui.widgets import Button, Card, EmptyState, IconButton, Label, PrimaryButton, paint_dot
from gui.widgets.row_table import RowTable
from gui.wording import plural

if TYPE_CHECKING:
    from core.app import App
    from core.deployments.deployment import Deployment
    from gui.navigator import Navigator

_TICK_MS = 1000
_SHRINKING = ((IMPLEMENTATION, 7), (NAME, 11), (STATE, 8), (ENGINE, 6), (ENDPOINT, 8))


class StateDelegate(QStyledItemDelegate):
    """A dot before the words of a state."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Leave room for the dot."""
        super().initStyleOption(option, index)
        option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration
        option.decorationSize = QSize(em(0.7), em(0.7))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """The dot stands where an icon would."""
        super().paint(painter, option, index)
        paint_dot(painter, QPointF(option.rect.left() + em(0.75), option.rect.center().y()), index.data(TONE), em(0.5))


class DeploymentList(QWidget):
    """A table of all deployments, or what to do when there is none."""

    opened = Signal(str)

    def __init__(self, app: App, navigator: Navigator, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._app = app
        self._actions = actions
        self.model = Deployments(lambda engine: engine_title(app, engine), self)
        self.table = RowTable("Deployments", wide=NAME, shrinking=_SHRINKING)
        self.table.setModel(self.model)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setItemDelegateForColumn(STATE, StateDelegate(self.table))
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._on_menu_asked)
        self.table.row_activated.connect(lambda index: self.opened.emit(index.data(ID)))
        self.table.selectionModel().selectionChanged.connect(self._update_buttons)
        self._buttons = self._make_buttons()
        self.empty = self._make_empty(navigator)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._make_full())
        around = QVBoxLayout(self)
        around.setContentsMargins(em(1.5), em(1.25), em(1.5), em(1.25))
        around.addWidget(self._stack)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.model.tick)
        actions.task_changed.connect(self._update_buttons)
        self.refresh()

    def refresh(self) -> None:
        """Show what the fleet has now."""
        self.model.show(self._app.fleet.deployments())
        self._stack.setCurrentIndex(1 if self.model.rowCount() else 0)
        self._update_buttons()

    def chosen(self) -> list[str]:
        """Ids of the selected deployments, from the top."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [str(self.model.index(row, 0).data(ID)) for row in rows]

    def select(self, deployment_id: str) -> None:
        """Select a row, if it is there."""
        row = self.model.row_of(deployment_id)
        if row >= 0:
            self.table.selectRow(row)

    def showEvent(self, event: QShowEvent) -> None:
        """Time passes; the keyboard can go on at once."""
        super().showEvent(event)
        self.refresh()
        self._timer.start()
        if self.model.rowCount() and not self.chosen():
            self.table.selectRow(0)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks."""
        super().hideEvent(event)
        self._timer.stop()

    # --- inside --------------------------------------------------------------------------------------------------

    def _make_buttons(self) -> dict[str, Button]:
        buttons: dict[str, Button] = {
            "open": PrimaryButton("Open"),
            "restart": Button("Restart"),
            "stop": Button("Stop"),
            "more": IconButton("more", "More"),
        }
        buttons["open"].clicked.connect(lambda: self.opened.emit(self.chosen()[0]))
        buttons["restart"].clicked.connect(self._restart_chosen)
        buttons["stop"].clicked.connect(self._stop_chosen)
        buttons["more"].clicked.connect(self._open_more)
        return buttons

    def _make_empty(self, navigator: Navigator) -> EmptyState:
        empty = EmptyState(
            "Nothing is served yet",
            "Choose a model, and an engine to serve it with. What runs is shown here, with its log and a chat.",
            button="Discover models",
            icon="server",
        )
        empty.clicked.connect(navigator.go_discover)
        library = Button("Models on this machine")
        library.clicked.connect(navigator.go_library)
        self.library_button = library
        layout = empty.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(layout.indexOf(empty.button) + 1, library, 0, Qt.AlignmentFlag.AlignHCenter)
        return empty

    def _make_full(self) -> QWidget:
        full = QWidget()
        head = QHBoxLayout()
        head.setSpacing(em(0.5))
        self.title = Label("Deployments", "title")
        head.addWidget(self.title)
        head.addStretch(1)
        for button in self._buttons.values():
            head.addWidget(button)
        card = Card(tight=True)
        card.body.setContentsMargins(em(0.5), em(0.25), em(0.5), em(0.5))
        card.body.addWidget(self.table)
        column = QVBoxLayout(full)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.88))
        column.addLayout(head)
        column.addWidget(card, 1)
        return full

    def _deployments(self) -> list[Deployment]:
        found = []
        for each in self.chosen():
            try:
                found.append(self._app.fleet.get(each))
            except NotFoundError:
                continue
        return found

    def _update_buttons(self) -> None:
        chosen = self._deployments()
        several = f" {plural(len(chosen), 'deployment')}" if len(chosen) > 1 else ""
        self._buttons["open"].setEnabled(len(chosen) == 1)
        self._buttons["restart"].setText(
            f"Restart{several}" if not chosen or any(map(is_running, chosen)) else f"Start{several} again"
        )
        self._buttons["restart"].setEnabled(bool(chosen) and all(map(self._actions.can_restart, chosen)))
        self._buttons["stop"].setText(f"Stop{several}")
        self._buttons["stop"].setEnabled(any(map(self._actions.can_stop, chosen)))
        self._buttons["more"].setEnabled(len(chosen) == 1)

    def _restart_chosen(self) -> None:
        for each in self.chosen():
            self._actions.restart(each)

    def _stop_chosen(self) -> None:
        for deployment in self._deployments():
            if self._actions.can_stop(deployment):
                self._actions.stop(deployment.id)

    def _open_more(self) -> None:
        button = self._buttons["more"]
        self._actions.open_menu(self.chosen()[0], button.mapToGlobal(QPoint(0, button.height())), complete=False)

    def _on_menu_asked(self, at: QPoint) -> None:
        index = self.table.indexAt(at)
        if index.isValid():
            self._actions.open_menu(index.data(ID), self.table.viewport().mapToGlobal(at), complete=True)

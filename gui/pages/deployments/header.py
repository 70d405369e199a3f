"""The head of a deployment: its name, its state, what really runs, where it answers, and what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QMouseEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from core.deployments.deployment import Deployment, State
from core.engines.support import Implementation
from core.errors import NotFoundError
from gui.pages.deployments.actions import Actions, is_running
from gui.states import chip_tone, state_sentence
from gui.theme import em, font
from gui.widgets import Button, Chip, CopyButton, ElidedLabel, IconButton, LinkLabel, announce
from gui.widgets.text import plain_tooltip

if TYPE_CHECKING:
    from core.app import App

_LOADED = {Implementation.NATIVE: "Native implementation", Implementation.TRANSFORMERS: "Transformers implementation"}
_TICK_MS = 1000


class NameLabel(ElidedLabel):
    """The name; a double click changes it."""

    double_clicked = Signal()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Rename."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.double_clicked.emit()


class Header(QWidget):
    """Follows the deployment it was given last; its buttons go to `Actions`."""

    def __init__(self, app: App, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._app = app
        self._actions = actions
        self._deployment: Deployment | None = None
        self._is_narrow: bool | None = None
        self.name = NameLabel("", "title")
        self.name.double_clicked.connect(lambda: self._do(actions.rename))
        self.state = Chip(dot=True)
        self.engine = Chip()
        self.implementation = Chip()
        for chip in (self.state, self.engine, self.implementation):
            chip.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)  # may be cut in a narrow window
        self.endpoint = LinkLabel("")
        self.endpoint.setFont(font("mono"))
        self.endpoint.setToolTip("Copy the endpoint")
        self.endpoint.clicked.connect(lambda: self._do(actions.copy_endpoint))
        self.copy_button = CopyButton("Copy the endpoint")
        self.code_button = Button("Use from code")
        self.edit_button = Button("Edit and relaunch…")
        self.restart_button = Button("Restart")
        self.stop_button = Button("Stop")
        self.remove_button = Button("Remove…")
        self.more_button = IconButton("more", "More")
        self._wire()
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._show_state)

    def _wire(self) -> None:
        actions = self._actions
        for button, act in (
            (self.code_button, actions.use_from_code),
            (self.edit_button, actions.edit),
            (self.restart_button, actions.restart),
            (self.stop_button, actions.stop),
            (self.remove_button, actions.remove),
        ):
            button.clicked.connect(lambda _checked=False, act=act: self._do(act))
        self.more_button.clicked.connect(self._open_menu)

    def _build(self) -> None:
        self._chips = QWidget()
        chips = QHBoxLayout(self._chips)
        chips.setContentsMargins(0, 0, 0, 0)
        chips.setSpacing(em(0.5))
        for chip in (self.state, self.engine, self.implementation):
            chips.addWidget(chip)
        self._buttons = QWidget()
        buttons = QHBoxLayout(self._buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(em(0.5))
        for button in (
            self.code_button,
            self.edit_button,
            self.restart_button,
            self.stop_button,
            self.remove_button,
            self.more_button,
        ):
            buttons.addWidget(button)
        self._first, self._second = QHBoxLayout(), QHBoxLayout()
        for row in (self._first, self._second):
            row.setSpacing(em(0.62))
        self._first.addWidget(self.name)
        self._first.addStretch(1)
        self._first.addWidget(self._buttons)
        self._second.addWidget(self.endpoint)
        self._second.addWidget(self.copy_button)
        self._second.addStretch(1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(em(0.5))
        self._column.addLayout(self._first)
        self._column.addLayout(self._second)
        self._arrange(is_narrow=False)

    def show_deployment(self, deployment: Deployment) -> None:
        """Show it as it is now."""
        before, self._deployment = self._deployment, deployment
        if before is not None and before.state is not deployment.state and self.isVisible():
            announce(self, f"{deployment.name}: {state_sentence(deployment)}")
        self.name.setText(deployment.name)
        self._show_state()
        self._show_engine(deployment)
        self._show_endpoint(deployment)
        self._show_buttons(deployment)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        """Time passes."""
        super().showEvent(event)
        self._show_state()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks."""
        super().hideEvent(event)
        self._timer.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The chips go where there is room."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self._buttons.sizeHint().width() + self._chips.sizeHint().width() + em(3)
        needed = room + min(self.name.sizeHint().width(), em(22))
        self._arrange(is_narrow=needed > self.width())

    def _arrange(self, *, is_narrow: bool) -> None:
        if is_narrow == self._is_narrow:
            return
        self._is_narrow = is_narrow
        for row in (self._first, self._second):
            row.removeWidget(self._chips)
        if is_narrow:
            self._second.insertWidget(0, self._chips)
        else:
            self._first.insertWidget(1, self._chips)
        for layout in (self._first, self._second, self._column):
            layout.invalidate()  # a row does not tell the column that it changed
        self.updateGeometry()

    def _show_state(self) -> None:
        deployment = self._deployment
        if deployment is None:
            return
        tone = "bad" if deployment.problem else chip_tone(deployment.state)
        words = state_sentence(deployment)
        if words != self.state.text() or tone != self.state.tone:
            self.state.set(words, tone)
            self.state.setAccessibleName(f"State: {words}")
            self._fit()
        run = deployment.run
        self.state.setToolTip(plain_tooltip(run.history[-1].evidence if run is not None and run.history else ""))

    def _show_engine(self, deployment: Deployment) -> None:
        run, spec = deployment.run, deployment.spec
        title = engine_title(self._app, spec.engine)
        version = run.engine_version if run is not None else ""
        self.engine.setText(f"{title} {version} · {spec.runtime.value}".replace("  ", " "))
        loaded = run.implementation_loaded if run is not None else None
        if loaded is not None and run is not None:
            self.implementation.set(_LOADED.get(loaded, loaded.value), "warn" if deployment.differs else "accent")
            self.implementation.setToolTip(plain_tooltip(f"Read from the log: {run.implementation_evidence}"))
        else:
            self.implementation.set(f"{spec.implementation.value} asked", "plain")
            self.implementation.setToolTip("Which one really loads is known once the engine's log says so.")

    def _show_endpoint(self, deployment: Deployment) -> None:
        run = deployment.run
        shown = run is not None and bool(run.port) and is_running(deployment)
        self.endpoint.setVisible(shown)
        self.copy_button.setVisible(shown)
        if run is not None and shown:
            self.endpoint.setText(run.endpoint)
            self.endpoint.setAccessibleName(f"Endpoint {run.endpoint}")
            self.copy_button.set_text(run.endpoint)

    def _show_buttons(self, deployment: Deployment) -> None:
        task, active = self._actions.task(deployment.id), is_running(deployment)
        run = deployment.run
        stopping = task == "stopping" or deployment.state is State.STOPPING
        self.code_button.setVisible(active)
        self.code_button.setEnabled(run is not None and bool(run.port))
        self.edit_button.setVisible(not active)
        self.edit_button.setEnabled(not task and not deployment.problem)
        again = {"starting": "Starting…", "restarting": "Restarting…"}.get(task, "")
        self.restart_button.setText(again or ("Restart" if active else "Start again"))
        self.restart_button.setEnabled(self._actions.can_restart(deployment))
        self.stop_button.setVisible(active)
        self.stop_button.setText("Stopping…" if stopping else "Stop")
        self.stop_button.setEnabled(self._actions.can_stop(deployment))
        self.remove_button.setVisible(not active)
        self.remove_button.setText("Removing…" if task == "removing" else "Remove…")
        self.remove_button.setEnabled(not task)

    def _do(self, act: object) -> None:
        if self._deployment is not None and callable(act):
            act(self._deployment.id)

    def _open_menu(self) -> None:
        if self._deployment is not None:
            at = self.more_button.mapToGlobal(QPoint(0, self.more_button.height()))
            self._actions.open_menu(self._deployment.id, at, complete=False)


def engine_title(app: App, engine_id: str) -> str:
    """The name of an engine; its id where we don't know it (a damaged or newer spec)."""
    try:
        return str(app.engines.get(engine_id).title)
    except NotFoundError:
        return engine_id

"""What can be done with a deployment: once, for the list, the detail and the menus."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QMenu, QWidget

from core.deployments.deployment import Deployment, State, StopReport
from core.errors import InputError, NotFoundError, ServedeckError
from gui.errors import describe
from gui.icons import icon
from gui.pages.deployments.from_code import FromCodeDialog
from gui.widgets import CANCEL, Answer, FormRow, Question, TextField, confirm, copy_text
from gui.wording import plural

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge
    from gui.navigator import Navigator

Task = Literal["", "starting", "restarting", "stopping", "removing"]


class Actions(QObject):
    """Runs the core's commands and remembers what is under way.

    Args:
        app: the core.
        bridge: runs the commands.
        navigator: the way to the Serve form, and for messages.
        parent: what dialogs stand on.
    """

    task_changed = Signal(str)
    """A command on this deployment began or ended."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator, parent: QWidget) -> None:
        super().__init__(parent)
        self._app = app
        self._bridge = bridge
        self._navigator = navigator
        self._widget = parent
        self._tasks: dict[str, Task] = {}

    def task(self, deployment_id: str) -> Task:
        """What is under way, empty if nothing."""
        return self._tasks.get(deployment_id, "")

    def can_stop(self, deployment: Deployment) -> bool:
        """It runs, and nothing else is being done with it."""
        return is_running(deployment) and deployment.state is not State.STOPPING and not self.task(deployment.id)

    def can_restart(self, deployment: Deployment) -> bool:
        """It can be started, or stopped and started again."""
        return deployment.state is not State.STOPPING and not self.task(deployment.id) and not deployment.problem

    def stop(self, deployment_id: str) -> None:
        """End its run; what was found afterwards is in the run."""
        self._run(deployment_id, "stopping", self._app.fleet.stop, self._on_stopped)

    def restart(self, deployment_id: str) -> None:
        """Begin a new run, after ending the present one if there is one."""
        deployment = self._find(deployment_id)
        if deployment is not None:
            self._run(deployment_id, "restarting" if is_running(deployment) else "starting", self._app.fleet.restart)

    def remove(self, deployment_id: str) -> None:
        """Delete it with its logs, after a question."""
        deployment = self._find(deployment_id)
        if deployment is None:
            return
        first = "It still runs and is stopped first. " if is_running(deployment) else ""
        logs = plural(len(deployment.runs), "run")
        confirm(
            self._widget.window(),
            f"Remove {deployment.name}?",
            f"{first}Its settings and the logs of {logs} are deleted. The model's files stay.",
            action="Remove",
            danger=True,
            on_confirm=lambda: self._run(deployment_id, "removing", self._app.fleet.remove),
        )

    def rename(self, deployment_id: str) -> None:
        """Ask for another name."""
        deployment = self._find(deployment_id)
        if deployment is not None and not deployment.problem:
            RenameDialog(self._app, self._bridge, deployment, self._widget.window()).open()

    def edit(self, deployment_id: str) -> None:
        """Open the form with its settings; launching relaunches it."""
        deployment = self._find(deployment_id)
        if deployment is not None:
            self._navigator.serve(deployment.spec.model, deployment.spec, deployment.id)

    def duplicate(self, deployment_id: str) -> None:
        """Open the form with the same settings, another name and another port."""
        deployment = self._find(deployment_id)
        if deployment is not None:
            name = self._app.fleet.unique_name(deployment.name)
            self._navigator.serve(deployment.spec.model, deployment.spec.changed(name=name, port=None))

    def use_from_code(self, deployment_id: str) -> None:
        """Show how to reach its endpoint."""
        deployment = self._find(deployment_id)
        if deployment is None or deployment.run is None:
            return
        self._bridge.in_thread(
            lambda: self._app.fleet.api_key(deployment_id),
            lambda key: FromCodeDialog(deployment, key, self._widget.window()).open(),
            owner=self._widget,
        )

    def copy_endpoint(self, deployment_id: str) -> None:
        """Put its address on the clipboard."""
        deployment = self._find(deployment_id)
        if deployment is not None and deployment.run is not None and deployment.run.port:
            copy_text(deployment.run.endpoint)
            self._navigator.say(f"Copied {deployment.run.endpoint}")

    def menu(self, deployment_id: str, *, complete: bool) -> QMenu:
        """The menu of a deployment; `complete` has what the detail shows as buttons, too."""
        deployment = self._app.fleet.get(deployment_id)
        menu = QMenu(self._widget)
        readable = not deployment.problem
        idle = not self.task(deployment_id)
        active = is_running(deployment)
        if complete:
            run = deployment.run
            entry(menu, "Use from code…", "code", self.use_from_code, deployment_id, bool(run and run.port) and active)
            again = "Restart" if active else "Start again"
            entry(menu, again, "restart", self.restart, deployment_id, self.can_restart(deployment))
            entry(menu, "Stop", "stop", self.stop, deployment_id, self.can_stop(deployment))
            menu.addSeparator()
        entry(menu, "Edit and relaunch…", "pencil", self.edit, deployment_id, readable and idle)
        entry(menu, "Duplicate…", "copy", self.duplicate, deployment_id, readable)
        entry(menu, "Rename…", "", self.rename, deployment_id, readable)
        menu.addSeparator()
        entry(menu, "Remove…", "trash", self.remove, deployment_id, idle)
        return menu

    def open_menu(self, deployment_id: str, at: QPoint, *, complete: bool) -> QMenu:
        """Show the menu at a place of the screen."""
        menu = self.menu(deployment_id, complete=complete)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)
        return menu

    # --- inside --------------------------------------------------------------------------------------------------

    def _find(self, deployment_id: str) -> Deployment | None:
        """The deployment; None, and the user is told, if another program removed it in this moment."""
        try:
            return self._app.fleet.get(deployment_id)
        except NotFoundError as error:
            self._navigator.show_error(error)
            return None

    def _run(
        self,
        deployment_id: str,
        task: Task,
        command: Callable[[str], Coroutine[Any, Any, Any]],
        done: Callable[[Deployment, Any], None] | None = None,
    ) -> None:
        deployment = self._find(deployment_id)
        if deployment is None:
            return
        self._set_task(deployment_id, task)

        def finished(result: Any) -> None:
            self._set_task(deployment_id, "")
            if done is not None:
                done(deployment, result)

        def failed(error: BaseException) -> None:
            self._set_task(deployment_id, "")
            # A start that fails is a failed run, and its page says why; gone is what was to be removed.
            is_told = task in ("starting", "restarting") and self._has_failed(deployment_id)
            if not is_told and not (task == "removing" and isinstance(error, NotFoundError)):
                self._navigator.show_error(error)

        self._bridge.run(command(deployment_id), finished, failed, owner=self)

    def _has_failed(self, deployment_id: str) -> bool:
        try:
            return self._app.fleet.get(deployment_id).state is State.FAILED
        except NotFoundError:
            return False

    def _set_task(self, deployment_id: str, task: Task) -> None:
        if task:
            self._tasks[deployment_id] = task
        else:
            self._tasks.pop(deployment_id, None)
        self.task_changed.emit(deployment_id)

    def _on_stopped(self, deployment: Deployment, report: StopReport) -> None:
        if not report.is_clean:
            left = ", ".join(report.processes_left) or f"its port is held by {report.port_holder or 'somebody'}"
            self._navigator.say(f"Still there: {left}.", title=f"{deployment.name} left something behind.", tone="bad")


def is_running(deployment: Deployment) -> bool:
    """It has a run that goes on; one that was never started has none."""
    return deployment.run is not None and deployment.state.is_active


def entry(
    menu: QMenu, text: str, sign: str, act: Callable[[str], None], deployment_id: str, enabled: bool = True
) -> None:
    """One line of a menu."""
    action = menu.addAction(text)
    if sign:
        action.setIcon(icon(sign, "dim"))
    action.setEnabled(enabled)
    action.triggered.connect(lambda: act(deployment_id))


class RenameDialog(Question):
    """Asks for a name; a name that can't be had is told at the field."""

    def __init__(self, app: App, bridge: Bridge, deployment: Deployment, parent: QWidget) -> None:
        answers = (Answer(CANCEL, "Cancel"), Answer("rename", "Rename", "primary"))
        super().__init__(parent, f"Rename {deployment.name}", "", answers)
        self._app = app
        self._bridge = bridge
        self._deployment = deployment
        self.field = TextField(deployment.name, name="New name")
        self.row = FormRow("Name", self.field)
        self.body.addWidget(self.row)
        self.field.selectAll()
        self.field.returnPressed.connect(lambda: self._give("rename"))
        self.field.textEdited.connect(lambda _text: self.row.set_problem(""))
        self.field.setFocus()

    def _give(self, value: str) -> None:
        name = self.field.text().strip()
        if value == CANCEL or name == self._deployment.name:
            super()._give(CANCEL)
            return
        self.buttons["rename"].setEnabled(False)
        self._bridge.run(self._app.fleet.rename(self._deployment.id, name), self._on_renamed, self._on_refused)

    def _on_renamed(self, _deployment: Deployment) -> None:
        super()._give("rename")

    def _on_refused(self, error: BaseException) -> None:
        self.buttons["rename"].setEnabled(True)
        if not isinstance(error, ServedeckError):
            self._bridge.unhandled.emit(error)
            return
        said = describe(error)
        self.row.set_problem(said.title if isinstance(error, InputError) else f"{said.title} {said.text}")
        self.field.setFocus()

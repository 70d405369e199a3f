"""From a filled form to a deployment: check, create, go there, start."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from core.deployments.deployment import Deployment, State
from core.deployments.launch_spec import LaunchSpec
from core.engines.options import FieldProblem
from core.errors import InputError, NotFoundError, PortTakenError, ServedeckError
from gui.errors import describe

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge
    from gui.navigator import Navigator
    from gui.pages.serve.form import ServeForm


class Launch(QObject):
    """Carries one form's launches out.

    Args:
        app: the core.
        bridge: runs its commands.
        navigator: shows the deployment, and errors of its start.
        form: says what to launch, and is told what stands in the way.
    """

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator, form: ServeForm) -> None:
        super().__init__(form)
        self._app, self._bridge, self._navigator, self._form = app, bridge, navigator, form

    def begin(self) -> None:
        """Check everything once more; then create or change the deployment, show it and start it."""
        spec, problems = self._form.build()
        if spec is None or problems:
            self._form.focus_problem(problems)
            return
        self._form.summary.set_busy(True)
        self._bridge.run(self._check(spec), lambda found: self._on_checked(spec, found), self._on_failed, owner=self)

    async def _check(self, spec: LaunchSpec) -> tuple[FieldProblem, ...]:
        config = self._form.details.config
        deployment = self._form.deployment
        deployment_id = deployment.id if deployment else ""
        return await asyncio.to_thread(lambda: self._app.fleet.check(spec, config, deployment_id=deployment_id))

    def _on_checked(self, spec: LaunchSpec, problems: tuple[FieldProblem, ...]) -> None:
        if not all(each.is_warning for each in problems):
            self._form.summary.set_busy(False)
            self._form.focus_problem(problems)
            return
        state = self._form.state
        if self._form.deployment is None:
            work = self._app.fleet.create(spec, api_key=state.api_key, secret_env=state.secret_values())
            self._bridge.run(work, self._on_created, self._on_failed)
            return
        deployment = self._form.deployment
        work = self._app.fleet.relaunch(
            deployment.id, spec, api_key=state.api_key or None, secret_env=state.secret_values()
        )
        self._start(deployment, work)

    def _on_created(self, deployment: Deployment) -> None:
        self._start(deployment, self._app.fleet.start(deployment.id))

    def _start(self, deployment: Deployment, work: Coroutine[Any, Any, Deployment]) -> None:
        app, navigator = self._app, self._navigator

        def failed(error: BaseException) -> None:
            """The deployment's own page tells a failed start; anything else is told here."""
            try:
                state = app.fleet.get(deployment.id).state
            except NotFoundError:
                return  # removed meanwhile, so nobody waits for it
            if not isinstance(error, ServedeckError) or state is not State.FAILED:
                navigator.show_error(error)

        # Without an owner: the form is gone by then, and the start goes on.
        self._bridge.run(work, None, failed)
        self._form.launched.emit(deployment.id)
        navigator.open_deployment(deployment.id)

    def _on_failed(self, error: BaseException) -> None:
        self._form.summary.set_busy(False)
        if isinstance(error, (InputError, PortTakenError)) and error.field:
            self._form.focus_problem([FieldProblem(error.field, error.message, error.remedy)])
            return
        if not isinstance(error, ServedeckError):
            self._navigator.show_error(error)
        said = describe(error)
        self._form.summary.notice.show_text(said.text, title=said.title, tone="bad")

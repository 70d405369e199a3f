"""The Serve page: reads the model, then shows its form."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from core.deployments.deployment import Deployment
from core.deployments.launch_spec import LaunchSpec
from core.errors import NotFoundError
from core.hub.facts import ModelDetails
from core.hub.model_ref import ModelRef
from gui.pages.hub_notice import HubNotice
from gui.pages.page import Page
from gui.pages.serve.form import ServeForm
from gui.pages.serve.form_state import FormState
from gui.serving import ServingAnswer, who_can_serve
from gui.theme import em
from gui.widgets import Button, EmptyState, Label, ProgressLine

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge, Job
    from gui.navigator import Navigator


class ServePage(Page):
    """One form at a time. Asked for the same model again, it keeps what was typed."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__(app, bridge, navigator)
        self.form: ServeForm | None = None
        self._ref: ModelRef | None = None
        self._spec: LaunchSpec | None = None
        self._deployment: Deployment | None = None
        self._job: Job | None = None
        self._stack = QStackedWidget()
        self._hint = EmptyState("Nothing to serve yet", "Choose a model first.", button="Find a model", icon="search")
        self._hint.clicked.connect(lambda: navigator.go_discover())
        self.waiting = QWidget()
        self.title = Label("", "title", wrap=True)
        self.said = Label("", tone="dim", wrap=True)
        self.progress = ProgressLine(name="Reading the model")
        self.notice = HubNotice(app, navigator)
        self._build_waiting()
        self._stack.addWidget(self._hint)
        self._stack.addWidget(self.waiting)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    def open(self, ref: ModelRef, spec: LaunchSpec | None = None, deployment_id: str | None = None) -> None:
        """Show the form of a model.

        Args:
            ref: the model.
            spec: what to fill the form with.
            deployment_id: the deployment that it will relaunch; None makes a new one.
        """
        same = self.form is not None and self.form.details.ref == ref and self.form.deployment is None
        if same and spec is None and deployment_id is None:
            assert self.form is not None
            self._stack.setCurrentWidget(self.form)
            self.form.check()
            return
        try:
            self._deployment = self.app.fleet.get(deployment_id) if deployment_id else None
        except NotFoundError as error:
            self.navigator.show_error(error)
            return
        self._ref, self._spec = ref, spec
        self._read()

    def _build_waiting(self) -> None:
        back = Button("Back to the model", kind="small")
        back.clicked.connect(self._go_back)
        row = QHBoxLayout()
        row.addWidget(back)
        row.addStretch(1)
        column = QVBoxLayout(self.waiting)
        column.setContentsMargins(em(1.5), em(1.25), em(1.5), em(1.25))
        column.setSpacing(em(0.9))
        for widget in (self.title, self.said, self.progress, self.notice):
            column.addWidget(widget)
        column.addLayout(row)
        column.addStretch(1)

    def _go_back(self) -> None:
        if self._deployment is not None:
            self.navigator.open_deployment(self._deployment.id)
        elif self._ref is not None:
            self.navigator.open_model(self._ref)

    # --- reading -------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        self._drop_form()
        if self._job is not None:
            self._job.cancel()
        assert self._ref is not None
        self.title.setText(f"Serve {self._ref.label}")
        self.said.setText("Reading the model and looking for engines…")
        self.notice.clear()
        self.progress.set_fraction(None)
        self.progress.show()
        self._stack.setCurrentWidget(self.waiting)
        self._job = self.bridge.run(self._gather(self._ref), self._on_gathered, self._on_failed)

    async def _gather(self, ref: ModelRef) -> tuple[ModelDetails, tuple[ServingAnswer, ...]]:
        """The model, and who can serve it with what is installed."""
        if not self.app.installations.scanned:
            await self.app.installations.refresh()
        details = await self.app.hub.details(ref)
        return details, await asyncio.to_thread(who_can_serve, self.app, details)

    def _on_failed(self, error: BaseException) -> None:
        self.progress.hide()
        self.said.setText("")
        self.notice.show_error(error, self._read)

    def _on_gathered(self, found: tuple[ModelDetails, tuple[ServingAnswer, ...]]) -> None:
        details, answers = found
        form = ServeForm(
            self.app, self.bridge, self.navigator, details, self._state(details), answers, self._deployment
        )
        form.back.connect(self._go_back)
        form.launched.connect(lambda _id: self._drop_form())
        self.form = form
        self._stack.addWidget(form)
        self._stack.setCurrentWidget(form)
        form.engines.cards[form.state.engine].setFocus()

    def _state(self, details: ModelDetails) -> FormState:
        if self._spec is None:
            return FormState(
                model=details.ref,
                name=self.app.fleet.unique_name(details.ref.label),
                host=self.app.settings.current.default_host,
            )
        state = FormState.from_spec(self._spec, keeps_secrets=self._deployment is not None)
        state.model = details.ref
        if self._deployment is None:
            state.name = self.app.fleet.unique_name(state.name)
        return state

    def _drop_form(self) -> None:
        if self.form is not None:
            self._stack.setCurrentWidget(self._hint)
            self._stack.removeWidget(self.form)
            self.form.deleteLater()
            self.form = None

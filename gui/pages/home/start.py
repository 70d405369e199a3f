"""'Start here' on the Home page: a model that is here already, and the demo that needs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from core.deployments.launch_spec import LaunchSpec
from core.errors import InputError
from core.events import DemoChanged
from gui.errors import describe
from gui.theme import em
from gui.widgets import Button, Card, ElidedLabel, Label, Notice, PrimaryButton, ProgressLine, announce
from gui.widgets.showing import set_shown

if TYPE_CHECKING:
    from core.app import App
    from core.deployments.deployment import Deployment
    from core.engines.engine import Engine, Installation
    from core.hub.facts import LibraryEntry
    from gui.bridge import Bridge
    from gui.navigator import Navigator


def suggestion(app: App) -> tuple[LibraryEntry, Engine, Installation] | None:
    """A complete chat model of the library that an installed engine can serve: the one that was changed last."""
    entries = [each for each in app.library.entries if each.complete and each.config is not None]
    entries.sort(key=lambda each: each.modified.timestamp() if each.modified else 0.0, reverse=True)
    for entry in entries:
        for engine in app.engines.all():
            usable = [each for each in app.installations.of(engine.id) if each.is_usable]
            if usable and engine.support(entry.config, usable[0]).auto is not None:
                return entry, engine, usable[0]
    return None


class ModelCard(Card):
    """The suggested model: 'Serve and chat' launches it as it is, 'Other models' leads to the library."""

    changed = Signal()
    """Another suggestion, or none."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__(tone="accent")
        self._app, self._bridge, self._navigator = app, bridge, navigator
        self._suggestion: tuple[LibraryEntry, Engine, Installation] | None = None
        row = QHBoxLayout()
        row.setSpacing(em(0.62))
        words = QVBoxLayout()
        words.setSpacing(em(0.15))
        self.name = ElidedLabel("", "strong")
        self.facts = Label("", tone="dim", wrap=True)
        words.addWidget(self.name)
        words.addWidget(self.facts)
        row.addLayout(words, 1)
        self.others = Button("Other models")
        self.others.clicked.connect(navigator.go_library)
        self.serve = PrimaryButton("Serve and chat")
        self.serve.clicked.connect(self._on_serve)
        row.addWidget(self.others)
        row.addWidget(self.serve)
        self.body.addLayout(row)
        bridge.library_changed.connect(self.refresh)
        bridge.installations_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the present suggestion; hidden without one."""
        self._suggestion = suggestion(self._app)
        set_shown(self, self._suggestion is not None)
        self.changed.emit()
        if self._suggestion is None:
            return
        entry, engine, installation = self._suggestion
        self.setAccessibleName(f"Start with {entry.ref.label}")
        self.name.setText(entry.ref.label)
        where = "in your cache" if entry.ref.kind == "hub" else "on this disk"
        support = engine.support(entry.config, installation)
        how = f" loads the {support.auto.value} implementation" if support.auto else ""
        self.facts.setText(f"{where} · {engine.title} {installation.version}{how}".strip())

    def _on_serve(self) -> None:
        if self._suggestion is None:
            return
        entry, engine, _ = self._suggestion
        try:
            spec = LaunchSpec.build(
                name=self._app.fleet.unique_name(entry.ref.label), model=entry.ref.model_dump(), engine=engine.id
            )
        except InputError as error:
            self._navigator.show_error(error)
            return
        self.serve.setEnabled(False)

        def launched(deployment: Deployment) -> None:
            self.serve.setEnabled(True)
            self._navigator.open_deployment(deployment.id)

        def failed(error: BaseException) -> None:
            self.serve.setEnabled(True)
            self._navigator.show_error(error)
            if isinstance(error, InputError):
                self._navigator.serve(entry.ref, spec)

        self._bridge.run(self._app.fleet.launch(spec), launched, failed, owner=self)


class DemoCard(Card):
    """The main job once through, by one button, with its steps."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__()
        self._app, self._bridge, self._navigator = app, bridge, navigator
        self.setAccessibleName("Demo")
        row = QHBoxLayout()
        row.setSpacing(em(0.62))
        words = QVBoxLayout()
        words.setSpacing(em(0.15))
        words.addWidget(Label("No GPU needed: SmolLM2-135M on the CPU", "bold"))
        self.facts = Label("", tone="dim", wrap=True)
        words.addWidget(self.facts)
        row.addLayout(words, 1)
        self.cancel = Button("Cancel")
        self.cancel.clicked.connect(self._on_cancel)
        self.start = Button("Try it")
        self.start.clicked.connect(self._on_start)
        row.addWidget(self.cancel)
        row.addWidget(self.start)
        self.step = Label("", tone="dim", wrap=True)
        self.line = ProgressLine(name="The demo's progress")
        self.line.set_fraction(None)
        self.problem = Notice(tone="bad", closable=True)
        self.body.addLayout(row)
        self.body.addWidget(self.line)
        self.body.addWidget(self.step)
        self.body.addWidget(self.problem)
        bridge.demo_changed.connect(self._on_changed)
        for change in (bridge.installations_changed, bridge.deployment_changed, bridge.deployment_removed):
            change.connect(self._show_facts)
        self._is_cancelled = False
        self._show_facts()
        self._show_running(app.demo.is_running, app.demo.step)

    def _serving(self) -> Deployment | None:
        """The demo's deployment, where it serves already."""
        from core.demo import NAME

        return next(
            (each for each in self._app.fleet.deployments() if each.name.startswith(NAME) and each.state.is_active),
            None,
        )

    def _show_facts(self) -> None:
        serving = self._serving()
        self.start.setText("Open it" if serving else "Try it")
        if serving is not None:
            self.facts.setText(f"{serving.name} serves it already")
            return
        usable = [
            each for engine in ("transformers", "vllm") for each in self._app.installations.of(engine) if each.is_usable
        ]
        if usable:
            title = self._app.engines.get(usable[0].engine).title
            self.facts.setText(f"takes the model (0.3 GB), serves it with the {title} that is here, then chat")
        else:
            self.facts.setText("installs Transformers and takes the model (0.3 GB), serves it, then chat")

    def _show_running(self, running: bool, step: str) -> None:
        self.start.setVisible(not running)
        self.cancel.setVisible(running)
        self.line.setVisible(running)
        self.step.setVisible(running)
        self.step.setText(f"{step[:1].upper()}{step[1:]}")
        self.set_tone("accent" if running else "plain")

    def _on_start(self) -> None:
        serving = self._serving()
        if serving is not None:
            self._navigator.open_deployment(serving.id)
            return
        self._is_cancelled = False
        self.problem.clear()
        self._show_running(True, "starting")
        self._bridge.run(self._app.demo.run(keep=True, ask=False), self._on_done, self._on_failed)

    def _on_cancel(self) -> None:
        self._is_cancelled = True
        self.cancel.setEnabled(False)
        self.step.setText("Cancelling…")
        self._bridge.run(self._app.demo.cancel(), self._on_cancelled)

    def _on_cancelled(self, _nothing: None) -> None:
        self.cancel.setEnabled(True)
        self._show_running(False, "")

    def _on_changed(self, event: DemoChanged) -> None:
        if not event.done and not self._is_cancelled:
            self._show_running(True, event.step)

    def _on_done(self, result: object) -> None:
        self._show_running(False, "")
        announce(self, "The demo serves")
        self._navigator.open_deployment(str(getattr(result, "deployment_id", "")))

    def _on_failed(self, error: BaseException) -> None:
        self._show_running(False, "")
        if self._is_cancelled:
            return
        said = describe(error)
        self.problem.show_text(said.text, title=said.title, tone="bad", actions=[("Try again", self._on_start)])

"""What a deployment was launched with: the exact command, the launch spec as facts, its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from core.deployments.deployment import Deployment, Run
from core.deployments.launch_spec import LaunchSpec
from core.deployments.launching import shell_text
from core.errors import ServedeckError
from core.files import write_text
from gui.errors import describe
from gui.pages.deployments.log_panel import open_folder
from gui.serving import IMPLEMENTATION_NAMES
from gui.theme import em
from gui.widgets import Button, CodeBox, ElidedLabel, Label, ScrollColumn

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge
    from gui.navigator import Navigator


class Fact(NamedTuple):
    """A line of the table."""

    name: str
    value: str


class ConfigurationPanel(QWidget):
    """The command of the latest run, the facts of the launch spec, and what can be done with them."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._app = app
        self._bridge = bridge
        self._navigator = navigator
        self._deployment: Deployment | None = None
        self._shown: tuple[object, ...] = ()
        scroll = ScrollColumn(margins=False)
        scroll.body.setContentsMargins(em(0.88), em(0.88), em(0.88), em(0.88))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self._command_title = Label("Command", "heading")
        self.command = CodeBox(name="Command", max_lines=40, wrap=True)
        self._command_note = Label("", "small", tone="dim", wrap=True)
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(em(1))
        self._facts.setVerticalSpacing(em(0.3))
        self._facts.setColumnStretch(1, 1)
        self.folder = ElidedLabel("", "mono", tone="dim", mode=Qt.TextElideMode.ElideMiddle)
        self.folder_button = Button("Open folder", icon="folder")
        self.folder_button.clicked.connect(self._open_folder)
        self.save_button = Button("Save launch spec…", icon="download")
        self.save_button.clicked.connect(self.save_spec)
        buttons = QHBoxLayout()
        buttons.setSpacing(em(0.6))
        buttons.addWidget(self.folder_button)
        buttons.addWidget(self.save_button)
        buttons.addStretch(1)
        body = scroll.body
        for part in (self._command_title, self.command, self._command_note, Label("Launch spec", "heading")):
            body.addWidget(part)
        body.addLayout(self._facts)
        body.addWidget(Label("Folder", "heading"))
        body.addWidget(self.folder)
        body.addLayout(buttons)
        body.addStretch(1)

    def show_deployment(self, deployment: Deployment) -> None:
        """Show it as it is now."""
        run = deployment.run
        shown = (deployment.spec, run and (run.number, run.argv, run.port), deployment.folder)
        self._deployment = deployment
        if shown == self._shown:
            return
        self._shown = shown
        self.folder.setText(str(deployment.folder))
        self.save_button.setEnabled(not deployment.problem)
        self._show_facts(facts(deployment, self._installation_words(deployment.spec)))
        if run is not None and run.argv:
            self._show_command(shell_text(run.argv, run.env, run.secret_env), _note(run))
        elif deployment.problem:
            self._show_command("", deployment.problem)
        else:
            self._show_command("", "It has not been started with this launch spec yet.")
            spec = deployment.spec
            self._bridge.in_thread(lambda: self._app.fleet.preview(spec), self._on_preview, self._on_no_preview)

    def save_spec(self) -> QFileDialog | None:
        """Ask for a file, and write the launch spec there."""
        if self._deployment is None:
            return None
        spec = self._deployment.spec
        dialog = QFileDialog(self.window(), "Save the launch spec")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["Launch spec (*.toml)", "All files (*)"])
        dialog.setDefaultSuffix("toml")
        dialog.selectFile(f"{spec.name}.toml")
        dialog.fileSelected.connect(lambda path: self._save(spec, Path(path)))
        dialog.open()
        return dialog

    def _save(self, spec: LaunchSpec, path: Path) -> None:
        self._bridge.in_thread(
            lambda: write_text(path, spec.to_toml(), mode=0o644),
            lambda _none: self._navigator.say(f"Saved {path}", tone="ok"),
            owner=self,
        )

    def _open_folder(self) -> None:
        if self._deployment is not None:
            open_folder(self._deployment.folder, self._navigator)

    def _on_preview(self, text: str) -> None:
        if not self.command.toPlainText():
            self._show_command(text, "What it would be started with now.")

    def _on_no_preview(self, error: BaseException) -> None:
        if not isinstance(error, ServedeckError):
            self._bridge.unhandled.emit(error)
            return
        said = describe(error)
        self._command_note.setText(f"{said.title} {said.text}")

    def _show_command(self, text: str, note: str) -> None:
        self.command.set_text(text)
        self.command.setVisible(bool(text))
        self._command_note.setText(note)
        self._command_note.setVisible(bool(note))

    def _show_facts(self, rows: list[Fact]) -> None:
        while self._facts.count():
            item = self._facts.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for row, fact in enumerate(rows):
            name = Label(fact.name, tone="dim")
            value = Label(fact.value, wrap=True, selectable=True)
            value.setAccessibleName(f"{fact.name}: {fact.value}")
            self._facts.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(value, row, 1)

    def _installation_words(self, spec: LaunchSpec) -> str:
        if spec.installation is None:
            return "the newest usable one at each launch"
        found = next((each for each in self._app.installations.all() if each.id == spec.installation), None)
        return f"{found.version or 'version unknown'} at {found.executable}" if found is not None else spec.installation


def facts(deployment: Deployment, installation: str) -> list[Fact]:
    """The launch spec in words, only what is set."""
    spec = deployment.spec
    code = "runs code of the repository" if spec.trust_remote_code else ""
    rows = [
        ("Model", spec.model.text),
        ("Commit", spec.model.commit or ""),
        ("Engine", spec.engine),
        ("Installation", installation),
        ("Implementation", f"{IMPLEMENTATION_NAMES[spec.implementation]} asked"),
        ("Runtime", spec.runtime.value),
        ("Address", f"{spec.host}, {f'port {spec.port}' if spec.port else 'a free port at each launch'}"),
        ("API key", "asked for" if spec.api_key else ""),
        ("Remote code", code),
        *((f"--{name}", _value(value)) for name, value in sorted(spec.options.items())),
        ("More arguments", " ".join(spec.extra_args)),
        ("Environment", "\n".join(f"{name}={value}" for name, value in sorted(spec.env.items()))),
        ("Secret variables", ", ".join(f"${name}" for name in sorted(spec.secret_env))),
    ]
    return [Fact(name, value) for name, value in rows if value]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    return str(value)


def _note(run: Run) -> str:
    """What the command leaves out."""
    if not run.secret_env:
        return ""
    return f"{', '.join(f'${name}' for name in run.secret_env)} must be set by who runs it elsewhere."

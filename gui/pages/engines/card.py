"""The card of one engine: what is installed, and what can be done about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from gui.errors import describe
from gui.pages.engines.job import JobPanel
from gui.states import INSTALLATION_KINDS
from gui.theme import em
from gui.widgets import (
    Button,
    Card,
    Chip,
    ElidedLabel,
    FlowLayout,
    Label,
    LinkLabel,
    Notice,
    Separator,
    StateDot,
    confirm,
)
from gui.widgets.showing import set_shown
from gui.wording import disk_size, plural

if TYPE_CHECKING:
    from core.app import App
    from core.engines.engine import Engine, Installation
    from core.engines.options import OptionTable
    from gui.bridge import Bridge


class InstallationRow(QWidget):
    """One installation: version, target, where it is and where from, and a button that takes it away."""

    def __init__(self, installation: Installation) -> None:
        super().__init__()
        self.installation = installation
        self.setAccessibleName(f"Installation {installation.version} {installation.executable}")
        self.dot = StateDot(
            "ok" if installation.is_usable else "bad", name="usable" if installation.is_usable else "not usable"
        )
        head = QHBoxLayout()
        head.setSpacing(em(0.6))
        head.addWidget(self.dot)
        head.addWidget(Label(installation.version or "version unknown", "bold"))
        chips = QWidget()
        flow = FlowLayout(chips)
        flow.addWidget(Chip(installation.target or "unknown target"))
        flow.addWidget(Chip(INSTALLATION_KINDS[installation.kind]))
        if installation.size is not None:
            flow.addWidget(Chip(f"{disk_size(installation.size)} on disk"))
        head.addWidget(chips, 1)
        self.remove = Button("Remove…" if installation.kind == "managed" else "Forget…", kind="small")
        self.remove.setAccessibleName(f"Remove {installation.version} at {installation.executable}")
        set_shown(self.remove, installation.kind in ("managed", "added"))
        head.addWidget(self.remove)
        path = ElidedLabel(str(installation.executable), "mono_small", tone="dim", mode=Qt.TextElideMode.ElideMiddle)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, em(0.2), 0, em(0.2))
        column.setSpacing(em(0.3))
        column.addLayout(head)
        below = QVBoxLayout()
        below.setContentsMargins(em(1.2), 0, 0, 0)
        below.addWidget(path)
        if installation.problem:
            below.addWidget(Label(installation.problem, tone="bad", wrap=True, selectable=True))
        column.addLayout(below)


class EngineCard(Card):
    """Title, state, installations, the install job and the state of the option table.

    Args:
        app: the core.
        bridge: runs its commands.
        engine: which engine.
    """

    def __init__(self, app: App, bridge: Bridge, engine: Engine) -> None:
        super().__init__(engine.title)
        self._app, self._bridge, self.engine = app, bridge, engine
        self._size = ""
        self.state = Chip()
        self.header.addWidget(self.state)
        self.header.addStretch(1)
        self.add = Button("Add by path…", icon="plus")
        self.add.setAccessibleName(f"Add {engine.title} by path")
        self.add.clicked.connect(self._choose_path)
        self.install = Button("Install", icon="download")
        self.install.clicked.connect(self._on_install)
        self.header.addWidget(self.add)
        self.header.addWidget(self.install)
        self.summary = Label(engine.summary, tone="dim", wrap=True)
        self.body.addWidget(self.summary)
        self.warning = Notice(engine.notice, tone="warn")
        self.body.addWidget(self.warning)
        self.problem = Notice(tone="bad", closable=True)
        self.body.addWidget(self.problem)
        self.panel = JobPanel(app, bridge)
        self.body.addWidget(self.panel)
        self._list = QVBoxLayout()
        self._list.setSpacing(em(0.3))
        self.body.addLayout(self._list)
        self.rows: list[InstallationRow] = []
        options = QHBoxLayout()
        self.options = Label("", "small", tone="dim", wrap=True)
        self.read = LinkLabel("Read them now")
        self.read.setAccessibleName(f"Read the options of {engine.title} now")
        self.read.clicked.connect(self._read_options)
        options.addWidget(self.options, 1)
        options.addWidget(self.read)
        self.body.addLayout(options)
        self.refresh()

    def show_size(self, *, has_nvidia: bool) -> None:
        """Say what installing it takes on this hardware, while it isn't."""
        recipe = self.engine.recipe(has_nvidia=has_nvidia)
        if recipe is not None:
            size = disk_size(recipe.size_estimate)
            hardware = "an NVIDIA GPU" if has_nvidia else "the CPU"
            self._size = f" Installing it for {hardware} takes about {size} of disk."
            self.refresh()

    def refresh(self) -> None:
        """Show installations and jobs as they are now."""
        found = self._app.installations.of(self.engine.id)
        self._show_state(found)
        self._show_rows(found)
        self._show_options()
        jobs = [job for job in self._app.installer.jobs() if job.engine == self.engine.id]
        if jobs:
            self.panel.show_job(max(jobs, key=lambda job: job.started))
        running = any(job.state == "running" for job in jobs)
        managed = any(each.kind == "managed" for each in found)
        can_install = bool(self.engine.executable)
        self.summary.setText(f"{self.engine.summary}{'' if managed else self._size}")
        self.install.setVisible(can_install and not running)
        self.install.setText("Install again" if managed else "Install")
        self.install.setAccessibleName(f"{self.install.text()} {self.engine.title}")
        self.install.set_primary(not found)
        self.add.setVisible(can_install)

    def _show_state(self, found: tuple[Installation, ...]) -> None:
        usable = [each for each in found if each.is_usable]
        if not self.engine.executable:
            self.state.set("needs a container engine", "plain")
        elif usable:
            self.state.set(f"{usable[0].version or 'installed'}", "ok")
        elif found:
            self.state.set("not usable", "bad")
        elif not self._app.installations.scanned:
            self.state.set("looking for it…", "plain")
        else:
            self.state.set("not installed", "plain")

    def _show_rows(self, found: tuple[Installation, ...]) -> None:
        if [row.installation for row in self.rows] == list(found):
            return
        while self._list.count():
            item = self._list.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.rows = []
        for installation in found:
            self._list.addWidget(Separator())
            row = InstallationRow(installation)
            row.remove.clicked.connect(lambda _checked=False, each=installation: self._ask_remove(each))
            self.rows.append(row)
            self._list.addWidget(row)

    def _show_options(self) -> None:
        usable = next((each for each in self._app.installations.of(self.engine.id) if each.is_usable), None)
        self.read.hide()
        if not self.engine.executable:
            self.options.setText("")
            self.options.hide()
            return
        table = self._app.options.table(self.engine.id, usable)
        number = plural(len(table.options), "option")
        if table.source == "installation":
            self.options.setText(f"{number}, read from the installed {table.version}.")
        elif usable is None:
            self.options.setText(f"{number}, those of {table.version}, which Servedeck knows without an installation.")
        else:
            self.options.setText(f"{number}, those of {table.version}; not read from the installed version yet.")
            self.read.show()

    def _on_install(self) -> None:
        self.problem.clear()
        self.panel.start(self.engine.id)

    def _ask_remove(self, installation: Installation) -> None:
        if installation.kind == "managed":
            size = f" {disk_size(installation.size)} are freed." if installation.size else ""
            title = f"Remove {self.engine.title} {installation.version}?"
            text = (
                f"The environment {_environment(installation)} is deleted.{size} Deployments that use it stop working."
            )
            action = "Remove"
        else:
            title = f"Forget {self.engine.title} at {installation.executable}?"
            text, action = "Nothing is deleted; it is only taken off the list.", "Forget"
        confirm(self.window(), title, text, action=action, on_confirm=lambda: self._remove(installation), danger=True)

    def _remove(self, installation: Installation) -> None:
        self._bridge.run(self._app.installations.remove(installation.id), None, self._on_failed)

    def _choose_path(self) -> None:
        dialog = QFileDialog(self.window(), f"Choose the {self.engine.executable} command", str(Path.home()))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.add_path)
        dialog.open()

    def add_path(self, path: str) -> None:
        """Add an installation of the user's; what is wrong with it is said in the card."""
        self.problem.clear()
        self._bridge.run(self._app.installations.add(self.engine.id, path), self._on_added, self._on_failed)

    def _on_added(self, _installation: Installation) -> None:
        self.refresh()

    def _read_options(self) -> None:
        usable = next((each for each in self._app.installations.of(self.engine.id) if each.is_usable), None)
        if usable is None:
            return
        self.read.hide()
        self.options.setText(f"Asking {self.engine.title} {usable.version} for its options…")
        self._bridge.run(self._app.options.read(self.engine.id, usable), self._on_read, self._on_read_failed)

    def _on_read(self, _table: OptionTable) -> None:
        self._show_options()

    def _on_read_failed(self, error: BaseException) -> None:
        self._show_options()
        self._on_failed(error)

    def _on_failed(self, error: BaseException) -> None:
        said = describe(error)
        self.problem.show_text(said.text, title=said.title, tone="bad")


def _environment(installation: Installation) -> Path:
    """The folder of the environment: where `bin/` is in."""
    return installation.executable.parent.parent

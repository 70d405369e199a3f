"""One deployment: head, findings, phases, and below them its log, configuration and runs beside the chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from core.deployments.deployment import Deployment, State
from core.errors import NotFoundError
from gui.pages.deployments.actions import Actions
from gui.pages.deployments.chat_panel import ChatPanel
from gui.pages.deployments.configuration_panel import ConfigurationPanel
from gui.pages.deployments.findings import Findings
from gui.pages.deployments.header import Header
from gui.pages.deployments.log_panel import LogPanel
from gui.pages.deployments.phases import PhaseStrip
from gui.pages.deployments.runs_panel import RunsPanel
from gui.theme import em
from gui.widgets import Card, Separator

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge
    from gui.navigator import Navigator

Tab = Literal["logs", "chat", "configuration", "runs"]
_NARROW_EM = 58
"""Below this width of the detail the chat is a tab; with the rail that is a window of about 1140 pixels."""


class DeploymentDetail(QWidget):
    """Made once a deployment, at its first showing, and kept: its conversation lives as long as the window."""

    def __init__(
        self, app: App, bridge: Bridge, navigator: Navigator, actions: Actions, deployment_id: str, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.deployment_id = deployment_id
        self._app = app
        self._chosen_run: int | None = None
        self._is_narrow: bool | None = None
        self._shows_chat: bool | None = None
        self.header = Header(app, actions)
        self.findings = Findings()
        self.phases = PhaseStrip()
        self.logs = LogPanel(app, bridge, navigator)
        self.configuration = ConfigurationPanel(app, bridge, navigator)
        self.runs = RunsPanel()
        self.chat = ChatPanel(app, bridge, navigator)
        self.findings.line_wanted.connect(self.go_to_line)
        self.logs.latest_wanted.connect(lambda: self.show_run(None))
        self.runs.run_chosen.connect(self.show_run)
        rename = QShortcut(QKeySequence("F2"), self)
        rename.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        rename.activated.connect(lambda: actions.rename(self.deployment_id))
        self._build()
        self.refresh()

    def _build(self) -> None:
        self.tabs = QTabBar()
        self.tabs.setAccessibleName("About this deployment")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self._stack = QStackedWidget()
        head = QHBoxLayout()
        head.setContentsMargins(em(0.62), em(0.4), em(0.62), em(0.4))
        head.addWidget(self.tabs)
        head.addStretch(1)
        head.addWidget(self.logs.controls)
        self._left = Card(tight=True)
        self._left.body.setSpacing(0)
        self._left.body.addLayout(head)
        self._left.body.addWidget(Separator())
        self._left.body.addWidget(self._stack, 1)
        self._panels: dict[Tab, QWidget] = {
            "logs": self.logs,
            "configuration": self.configuration,
            "runs": self.runs,
        }
        for name, title in (("logs", "Logs"), ("configuration", "Configuration"), ("runs", "Runs")):
            self.tabs.setTabData(self.tabs.addTab(title), name)
        for panel in self._panels.values():
            self._stack.addWidget(panel)
        self.tabs.currentChanged.connect(self._on_tab)
        self._right = Card(tight=True)
        self._right.body.addWidget(self.chat)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(em(0.88))
        self.splitter.addWidget(self._left)
        self.splitter.addWidget(self._right)
        self.splitter.setStretchFactor(0, 115)
        self.splitter.setStretchFactor(1, 100)
        self.splitter.setSizes([1150, 1000])
        column = QVBoxLayout(self)
        column.setContentsMargins(em(1.5), em(1.25), em(1.5), em(1.25))
        column.setSpacing(em(0.88))
        for part in (self.header, self.findings, self.phases):
            column.addWidget(part)
        column.addWidget(self.splitter, 1)

    @property
    def tab(self) -> Tab:
        """Which tab is shown."""
        name: Tab = self.tabs.tabData(self.tabs.currentIndex())
        return name

    def show_tab(self, name: Tab) -> None:
        """Bring a tab to the front; one that isn't there leaves all as it is."""
        for index in range(self.tabs.count()):
            if self.tabs.tabData(index) == name:
                self.tabs.setCurrentIndex(index)

    def refresh(self) -> None:
        """Show the deployment as the fleet has it now."""
        try:
            deployment = self._app.fleet.get(self.deployment_id)
        except NotFoundError:
            return
        self.header.show_deployment(deployment)
        self.findings.show_deployment(deployment)
        self._show_phases(deployment)
        self._show_log(deployment)
        self.configuration.show_deployment(deployment)
        self.runs.show_deployment(deployment)
        self.chat.show_deployment(deployment)
        self._set_tab_text("runs", f"Runs {len(deployment.runs)}" if deployment.runs else "Runs")
        self._arrange(deployment)

    def show_run(self, number: int | None) -> None:
        """Show the log of a run; None: of the latest."""
        self._chosen_run = number
        self.show_tab("logs")
        self.refresh()

    def go_to_line(self, number: int) -> None:
        """Show a line of the latest run's log."""
        self.show_run(None)
        self.logs.go_to_line(number)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is no room for two columns, the chat becomes a tab."""
        super().resizeEvent(event)
        try:
            self._arrange(self._app.fleet.get(self.deployment_id))
        except NotFoundError:
            return

    def _show_phases(self, deployment: Deployment) -> None:
        self.phases.show_run(deployment)
        run = deployment.run
        only_ready = len(self.phases.cells) <= 1
        self.phases.setVisible(run is not None and (not only_ready or deployment.state.is_active))

    def _show_log(self, deployment: Deployment) -> None:
        latest = deployment.run
        chosen = next((run for run in deployment.runs if run.number == self._chosen_run), None)
        if chosen is None or latest is None or chosen.number == latest.number:
            self._chosen_run, chosen = None, latest
        self.logs.show_run(deployment, chosen, is_latest=chosen is latest)

    def _arrange(self, deployment: Deployment) -> None:
        narrow = self.width() < em(_NARROW_EM)
        # A failed one has nobody to talk to; its log gets the room, unless there is a conversation to read.
        chat = deployment.state is not State.FAILED or self.chat.has_messages
        if (narrow, chat) == (self._is_narrow, self._shows_chat):
            return
        self._is_narrow, self._shows_chat = narrow, chat
        self._remove_tab("chat")
        if chat and narrow:
            self._stack.addWidget(self.chat)
            self._panels["chat"] = self.chat
            self.tabs.insertTab(1, "Chat")
            self.tabs.setTabData(1, "chat")
        else:
            self._right.body.addWidget(self.chat)
            self.chat.setVisible(chat)
        self.chat.title.setVisible(not narrow)
        self._right.setVisible(chat and not narrow)
        self._on_tab()

    def _remove_tab(self, name: Tab) -> None:
        panel = self._panels.pop(name, None)
        if panel is not None:
            self._stack.removeWidget(panel)
        for index in range(self.tabs.count()):
            if self.tabs.tabData(index) == name:
                self.tabs.removeTab(index)
                return

    def _set_tab_text(self, name: Tab, text: str) -> None:
        for index in range(self.tabs.count()):
            if self.tabs.tabData(index) == name and self.tabs.tabText(index) != text:
                self.tabs.setTabText(index, text)

    def _on_tab(self) -> None:
        panel = self._panels.get(self.tab)
        if panel is not None:
            self._stack.setCurrentWidget(panel)
        self.logs.controls.setVisible(self.tab == "logs")

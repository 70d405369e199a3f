"""The Deployments page: the list, and a detail for each deployment that was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout

from core.errors import NotFoundError
from gui.pages.deployments.actions import Actions
from gui.pages.deployments.detail import DeploymentDetail
from gui.pages.deployments.list_view import DeploymentList
from gui.pages.page import Page

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge
    from gui.navigator import Navigator


class DeploymentsPage(Page):
    """Shows one deployment, or all."""

    current_changed = Signal(str)
    """The deployment that is shown, empty for the list."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__(app, bridge, navigator)
        self.commands = Actions(app, bridge, navigator, self)
        self.list = DeploymentList(app, navigator, self.commands)
        self.list.opened.connect(self.open)
        self.details: dict[str, DeploymentDetail] = {}
        self.current = ""
        self._stack = QStackedWidget()
        self._stack.addWidget(self.list)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)
        bridge.deployment_changed.connect(self._on_changed)
        bridge.deployment_removed.connect(self._on_removed)
        self.commands.task_changed.connect(self._on_changed)

    def open(self, deployment_id: str = "") -> None:
        """Show a deployment; empty, or one that is gone: the list."""
        if deployment_id:
            try:
                deployment_id = self.app.fleet.get(deployment_id).id
            except NotFoundError as error:
                self.navigator.show_error(error)
                deployment_id = ""
        if deployment_id:
            detail = self.details.get(deployment_id) or self._make_detail(deployment_id)
            detail.refresh()
            self._stack.setCurrentWidget(detail)
        else:
            self.list.refresh()
            if self.current:
                self.list.select(self.current)
            self._stack.setCurrentWidget(self.list)
        if deployment_id != self.current:
            self.current = deployment_id
        self.current_changed.emit(deployment_id)

    @property
    def detail(self) -> DeploymentDetail | None:
        """What is shown of one deployment, None while the list is shown."""
        return self.details.get(self.current)

    def shown(self) -> None:
        """Look again."""
        self.list.refresh()
        if self.detail is not None:
            self.detail.refresh()

    def _make_detail(self, deployment_id: str) -> DeploymentDetail:
        detail = DeploymentDetail(self.app, self.bridge, self.navigator, self.commands, deployment_id, self)
        self.details[deployment_id] = detail
        self._stack.addWidget(detail)
        return detail

    def _on_changed(self, deployment_id: str) -> None:
        """What nobody looks at is refreshed when it is opened."""
        if self.list.isVisible():
            self.list.refresh()
        detail = self.details.get(deployment_id)
        if detail is not None and detail.isVisible():
            detail.refresh()

    def _on_removed(self, deployment_id: str) -> None:
        detail = self.details.pop(deployment_id, None)
        if detail is not None:
            detail.chat.stop()
            self._stack.removeWidget(detail)
            detail.deleteLater()
        if self.current == deployment_id:
            self.open()
        self.list.refresh()

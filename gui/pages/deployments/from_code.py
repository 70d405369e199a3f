"""'Use from code': how to reach the endpoint of a deployment from elsewhere."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedWidget, QTabBar, QWidget

from core.chat.snippets import KEY_VARIABLE, snippets
from core.deployments.deployment import Deployment
from gui.theme import em
from gui.widgets import CANCEL, Answer, CodeBox, Label, Question, announce, copy_text

_LINES = 16


class FromCodeDialog(Question):
    """A tab a way, each to be copied whole. The key is named, never shown; a button copies it.

    Args:
        deployment: has a run with a port.
        api_key: empty where the endpoint wants none.
        parent: the window.
    """

    def __init__(self, deployment: Deployment, api_key: str, parent: QWidget) -> None:
        run = deployment.run
        assert run is not None
        copies = (Answer("copy-key", "Copy API key"),) if api_key else ()
        super().__init__(parent, f"Use {deployment.name} from code", "", (*copies, Answer(CANCEL, "Close", "primary")))
        self._key = api_key
        self.setMinimumWidth(em(44))
        if not deployment.state.is_active:
            self.body.addWidget(Label("It does not run now; its port may be another one next time.", tone="warn"))
        ways = snippets(run.endpoint, run.served_name, has_key=bool(api_key))
        self.tabs = QTabBar()
        self.tabs.setAccessibleName("Ways")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.boxes = QStackedWidget()
        for way in ways:
            self.tabs.addTab(way.title)
            self.boxes.addWidget(CodeBox(way.text.rstrip("\n"), name=way.title, max_lines=_LINES, wrap=True))
        self.tabs.currentChanged.connect(self.boxes.setCurrentIndex)
        self.body.addWidget(self.tabs, 0, Qt.AlignmentFlag.AlignLeft)
        self.body.addWidget(self.boxes)
        if api_key:
            words = f"Set ${KEY_VARIABLE} to the API key first: it is not part of the code."
            self.body.addWidget(Label(words, "small", tone="dim", wrap=True))
        self.tabs.setFocus()

    def _give(self, value: str) -> None:
        if value != "copy-key":
            super()._give(value)
            return
        copy_text(self._key)
        self.buttons["copy-key"].setText("API key copied")
        announce(self, "API key copied")

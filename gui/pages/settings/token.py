"""The access token of the Hugging Face Hub: which one is in use, setting another one, forgetting it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout

from core.errors import HubTokenError
from gui.errors import describe
from gui.theme import em
from gui.widgets import Button, Card, Label, LinkLabel, Notice, StateDot, TextField, Toggle, confirm

if TYPE_CHECKING:
    from core.app import App
    from core.hub.account import TokenStatus
    from gui.bridge import Bridge
    from gui.navigator import Navigator

OURS = ("keyring", "this session")


class TokenCard(Card):
    """Status, input, remember or not, forget.

    Args:
        app: the core.
        bridge: asks the keyring and the Hub.
        navigator: messages.
    """

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__("Hugging Face account")
        self._app, self._bridge, self._navigator = app, bridge, navigator
        self.status = StateDot("dim", name="no token")
        self.words = Label("Looking for a token…", wrap=True)
        self.forget = Button("Forget it…", kind="small")
        self.forget.clicked.connect(self._ask_forget)
        self.forget.hide()
        row = QHBoxLayout()
        row.setSpacing(em(0.6))
        row.addWidget(self.status)
        row.addWidget(self.words, 1)
        row.addWidget(self.forget)
        self.field = TextField(placeholder="hf_…", name="Access token", secret=True)
        self.remember = Toggle("Remember it in the keyring")
        self.use = Button("Use this token", icon="key")
        self.use.clicked.connect(self._on_use)
        self.field.returnPressed.connect(self._on_use)
        entry = QHBoxLayout()
        entry.setSpacing(em(0.8))
        entry.addWidget(self.field, 1)
        entry.addWidget(self.remember)
        entry.addWidget(self.use)
        self.keyring = Label("", "small", tone="dim", wrap=True)
        self.keyring.hide()
        self.notice = Notice(closable=True)
        more = LinkLabel("Where to get one")
        more.clicked.connect(self._open_token_page)
        hint = QHBoxLayout()
        hint.addWidget(Label("Gated models (Llama, Gemma) and private ones need one; reading is enough.", tone="dim"))
        hint.addWidget(more)
        hint.addStretch(1)
        for layout in (row, hint, entry):
            self.body.addLayout(layout)
        self.body.addWidget(self.keyring)
        self.body.addWidget(self.notice)

    def refresh(self) -> None:
        """Ask (elsewhere: a keyring may take its time) which token is in use."""

        def look() -> tuple[TokenStatus, bool, str]:
            secrets = self._app.secrets
            return self._app.hub.token_status(), secrets.has_keyring, secrets.keyring_problem

        self._bridge.in_thread(look, self._on_status)

    def _on_status(self, seen: tuple[TokenStatus, bool, str]) -> None:
        status, has_keyring, problem = seen
        self.forget.setVisible(status.source in OURS)
        self.remember.setEnabled(has_keyring)
        if not has_keyring:
            self.remember.setChecked(False)
        self.keyring.setText(problem)
        self.keyring.setVisible(bool(problem))
        if not status.masked:
            self.status.set("dim", name="no token")
            self.words.setText("No token is in use.")
            return
        self.status.set("ok", name="a token is in use")
        self.words.setText(f"{status.masked}, from {status.source}.")
        self._bridge.run(self._app.hub.account_name(), lambda name: self._on_name(status, name), self._on_name_failed)

    def _on_name(self, status: TokenStatus, name: str) -> None:
        if name:
            self.words.setText(f"{name}: {status.masked}, from {status.source}.")

    def _on_name_failed(self, error: BaseException) -> None:
        said = describe(error)
        if isinstance(error, HubTokenError):
            self.status.set("bad", name="the token is refused")
            self.words.setText(f"{self.words.text()} {said.title}")
        else:
            self.words.setText(f"{self.words.text()} Not checked: {said.title}")

    def _on_use(self) -> None:
        token = self.field.text().strip()
        if not token:
            self.field.setFocus()
            return
        self.use.setEnabled(False)
        self.notice.show_text("Asking the Hub about it…", tone="plain")
        work = self._app.hub.set_token(token, remember=self.remember.isChecked())
        self._bridge.run(work, self._on_set, self._on_refused)

    def _on_set(self, name: str) -> None:
        self.use.setEnabled(True)
        self.field.clear()
        self.notice.show_text(f"You are {name} on the Hub now.", tone="ok")
        self.refresh()

    def _on_refused(self, error: BaseException) -> None:
        self.use.setEnabled(True)
        said = describe(error)
        self.notice.show_text(said.text, title=said.title, tone="bad")

    def _ask_forget(self) -> None:
        confirm(
            self.window(),
            "Forget the token?",
            "It is removed here and from the keyring. On the Hub it stays valid until you revoke it there.",
            action="Forget it",
            on_confirm=self._forget,
            danger=True,
        )

    def _forget(self) -> None:
        self._bridge.run(self._app.hub.forget_token(), self._on_forgotten, self._on_refused)

    def _on_forgotten(self, _nothing: None) -> None:
        self.notice.show_text("The token is forgotten.", tone="ok")
        self.refresh()

    def _open_token_page(self) -> None:
        address = f"{self._app.hub.endpoint}/settings/tokens"
        if not QDesktopServices.openUrl(QUrl(address)):
            self.notice.show_text(address, title="No browser answered. The page is:", tone="warn")

"""The table of what was found: engines, models, account, Hub. A row says how it stands and offers the next step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from PySide6.QtWidgets import QHBoxLayout, QWidget

from core.errors import HubTokenError
from gui.errors import describe
from gui.states import INSTALLATION_KINDS
from gui.theme import em
from gui.widgets import Button, Card, Label, Separator, StateDot
from gui.wording import disk_size, plural

if TYPE_CHECKING:
    from core.app import App
    from core.engines.engine import Engine, Installation
    from core.hub.account import TokenStatus
    from gui.bridge import Bridge
    from gui.navigator import Navigator

Tone = Literal["ok", "warn", "bad", "dim"]
_TONE_WORDS = {"ok": "there", "warn": "needs attention", "bad": "does not work", "dim": "not there"}


class FoundRow(QWidget):
    """Dot, name, words, button."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setAccessibleName(title)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, em(0.2), 0, em(0.2))
        row.setSpacing(em(0.8))
        self.dot = StateDot("dim", name="looking")
        name = Label(title, "bold")
        name.setFixedWidth(em(11.2))
        self.words = Label("looking…", tone="dim", wrap=True)
        self.button = Button("")
        self._act: Callable[[], None] | None = None
        self.button.clicked.connect(self._on_clicked)
        policy = self.button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.button.setSizePolicy(policy)
        self.button.hide()
        row.addWidget(self.dot)
        row.addWidget(name)
        row.addWidget(self.words, 1)
        row.addWidget(self.button)

    def set(self, tone: Tone, words: str, button: str = "", act: Callable[[], None] | None = None) -> None:
        """Show how it stands and what can be done."""
        self.dot.set(tone, name=_TONE_WORDS[tone])
        self.words.setText(words)
        self._act = act
        self.button.setText(button or "–")
        self.button.setVisible(bool(button))
        self.button.setAccessibleName(f"{button}: {self.accessibleName()}" if button else "")

    def _on_clicked(self) -> None:
        if self._act is not None:
            self._act()


class FoundCard(Card):
    """All rows; follows the bridge's signals.

    Args:
        app: the core.
        bridge: signals and results.
        navigator: where the buttons lead.
    """

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__()
        self.setAccessibleName("What was found")
        self._app, self._bridge, self._navigator = app, bridge, navigator
        self.body.setContentsMargins(em(1), em(0.4), em(1), em(0.4))
        self.body.setSpacing(0)
        self._has_nvidia: bool | None = None
        self.rows: dict[str, FoundRow] = {}
        for engine in app.engines.all():
            self._add(engine.id, engine.title)
        self._add("models", "Models")
        self._add("account", "Hugging Face account")
        self._add("hub", "Hugging Face Hub")
        bridge.installations_changed.connect(self.show_engines)
        bridge.install_changed.connect(self.show_engines)
        bridge.library_changed.connect(self.show_models)
        bridge.hub_status_changed.connect(self.show_hub)
        self.refresh()

    def refresh(self) -> None:
        """Show everything as it is now."""
        self.show_engines()
        self.show_models()
        self.show_hub(self._app.hub.problem)
        self.show_account()

    def show_engines(self) -> None:
        """The rows of the engines."""
        for engine in self._app.engines.all():
            self._show_engine(engine)

    def set_has_nvidia(self, has_nvidia: bool) -> None:
        """What an installation takes depends on it."""
        if has_nvidia != self._has_nvidia:
            self._has_nvidia = has_nvidia
            self.show_engines()

    def show_models(self) -> None:
        """The row of the library."""
        library, row = self._app.library, self.rows["models"]
        if not library.scanned:
            row.set("dim", "looking into the Hugging Face cache…")
        elif library.problem:
            row.set("warn", library.problem, "Library", self._navigator.go_library)
        elif library.entries:
            words = f"{plural(len(library.entries), 'model')} on this machine, {disk_size(library.total_size)}"
            row.set("ok", words, "Library", self._navigator.go_library)
        else:
            row.set("dim", "none on this machine yet", "Discover", self._navigator.go_discover)

    def show_hub(self, problem: str) -> None:
        """The row of the Hub."""
        row, endpoint = self.rows["hub"], self._app.hub.endpoint.removeprefix("https://")
        if problem:
            row.set("bad", problem, "Try again", self._ask_again)
        elif self._bridge.hub_was_asked:
            row.set("ok", f"{endpoint} answers", "Discover", self._navigator.go_discover)
        else:
            row.set("dim", f"asking {endpoint}…")

    def show_account(self) -> None:
        """The row of the account; asking the keyring may take a while, so it is done elsewhere."""
        self._bridge.in_thread(self._app.hub.token_status, self._on_token_status)

    def _add(self, key: str, title: str) -> None:
        if self.rows:
            self.body.addWidget(Separator())
        self.rows[key] = FoundRow(title)
        self.body.addWidget(self.rows[key])

    def _show_engine(self, engine: Engine) -> None:
        row, installations = self.rows[engine.id], self._app.installations
        found = installations.of(engine.id)
        usable = [each for each in found if each.is_usable]
        running = any(job.engine == engine.id and job.state == "running" for job in self._app.installer.jobs())

        def details() -> None:
            self._navigator.go_engines(engine.id)

        if running:
            row.set("warn", "is being installed", "Show", details)
        elif usable:
            row.set("ok", " · ".join(map(_installation_words, usable)), "Serve with it", self._serve_with_it)
        elif found:
            row.set("bad", " · ".join(each.problem for each in found), "Details", details)
        elif engine.executable and not installations.scanned:
            row.set("dim", "looking for it…")
        elif engine.executable:
            words = ["not installed", _lower_first(engine.summary).rstrip("."), self._size(engine)]
            row.set("dim", " · ".join(filter(None, words)), "Install…", details)
        else:
            words = ["needs a container engine", *([_lower_first(engine.notice)] if engine.notice else [])]
            row.set("dim", " · ".join(dict.fromkeys(word.rstrip(".") for word in words)), "Details", details)

    def _size(self, engine: Engine) -> str:
        """What installing it takes, once it is known for which hardware."""
        recipe = engine.recipe(has_nvidia=self._has_nvidia) if self._has_nvidia is not None else None
        return f"about {disk_size(recipe.size_estimate)}".replace(" ", "\N{NO-BREAK SPACE}") if recipe else ""

    def _serve_with_it(self) -> None:
        if self._app.library.entries:
            self._navigator.go_library()
        else:
            self._navigator.go_discover()

    def _ask_again(self) -> None:
        self.rows["hub"].set("dim", "asking…")
        self._bridge.ask_hub()

    def _on_token_status(self, status: TokenStatus) -> None:
        row = self.rows["account"]

        def settings() -> None:
            self._navigator.go_settings("hf_token")

        if not status.masked:
            row.set("warn", "no token · gated models (Llama, Gemma) need one", "Sign in…", settings)
            return
        words = f"token {status.masked} from {status.source}"
        row.set("dim", f"{words} · asking whose it is…", "Settings", settings)

        def known(name: str) -> None:
            row.set("ok", f"{name} · {words}", "Settings", settings)

        def failed(error: BaseException) -> None:
            if isinstance(error, HubTokenError):
                row.set("bad", f"{words} · {describe(error).title}", "Sign in…", settings)
            else:
                row.set("dim", f"{words} · not checked: {describe(error).title}", "Settings", settings)

        self._bridge.run(self._app.hub.account_name(), known, failed, owner=self)


def _installation_words(installation: Installation) -> str:
    target = f" for {installation.target}" if installation.target not in ("", "unknown") else ""
    return f"{installation.version or 'version unknown'}{target}, {INSTALLATION_KINDS[installation.kind]}"


def _lower_first(text: str) -> str:
    """As the second half of a sentence; names keep their capitals."""
    word = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if word[1:].islower() or len(word) == 1 else text

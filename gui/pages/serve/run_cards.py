"""How the engine is run: the implementation, the installation and runtime, and the address."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from core.engines.engine import Engine, Installation
from core.engines.support import EngineSupport, Implementation, Verdict
from gui.pages.serve.form_state import FormState
from gui.pages.serve.option_editors import SuggestEntry, TextEntry
from gui.serving import IMPLEMENTATION_NAMES
from gui.states import INSTALLATION_KINDS
from gui.theme import em
from gui.widgets import Button, Card, CopyButton, ElidedLabel, FormRow, Label, Segmented, Select, TurningRow

_NARROW_EM = 34
_CONTAINERS_LATER = "comes with container support"


def _line(*widgets: QWidget) -> QWidget:
    """Widgets side by side, at their size."""
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(em(0.65))
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return made


class ImplementationCard(Card):
    """Auto, native or Transformers: what the engine has and the model allows, with the reason in words."""

    changed = Signal()

    def __init__(self, state: FormState) -> None:
        super().__init__()
        self._state = state
        self._support: EngineSupport | None = None
        self.choice = Segmented(
            [(each.value, IMPLEMENTATION_NAMES[each]) for each in Implementation], name="Implementation"
        )
        self.reason = Label("", tone="dim", wrap=True)
        self.setAccessibleName("Implementation")
        row = TurningRow(narrow_below=_NARROW_EM)
        row.add(_line(Label("Implementation", "heading"), self.choice))
        row.add(self.reason, 1)
        self.body.addWidget(row)
        self._problem = Label("", "small", tone="bad", wrap=True)
        self._problem.hide()
        self.body.addWidget(self._problem)
        self.choice.chosen.connect(self._on_chosen)

    def set_problem(self, text: str) -> None:
        """Say why the choice can't be used; empty takes it away."""
        self._problem.setText(text)
        self._problem.setVisible(bool(text))

    def set_engine(self, engine: Engine, support: EngineSupport) -> None:
        """Enable what can be asked for. A choice that isn't possible any more falls back to the engine's first."""
        self._support = support
        possible = [each for each in Implementation if not _why_not(engine, support, each)]
        for each in Implementation:
            self.choice.set_enabled(each.value, each in possible, _why_not(engine, support, each))
        if possible and self._state.implementation not in possible:
            self._state.implementation = possible[0]
        self.choice.set_value(self._state.implementation.value)
        self._say()

    def _on_chosen(self, value: str) -> None:
        self._state.implementation = Implementation(value)
        self._say()
        self.changed.emit()

    def _say(self) -> None:
        support = self._support
        assert support is not None
        asked = self._state.implementation
        answer = support.of(asked)
        if asked is Implementation.AUTO or answer is None:
            said, can = support.auto_reason, support.auto is not None
        else:
            said, can = answer.reason, answer.verdict is not Verdict.NO
        self.reason.setText(said)
        self.reason.set_tone("dim" if can else "warn")
        self.choice.setAccessibleDescription(self.reason.text())


def _why_not(engine: Engine, support: EngineSupport, implementation: Implementation) -> str:
    """Why an implementation can't be asked for, empty if it can."""
    if implementation not in engine.implementations:
        return f"{engine.title} has no such choice"
    answer = support.of(implementation)
    if answer is not None and answer.verdict is Verdict.NO:
        return answer.reason
    return ""


class RunAsCard(Card):
    """Process or container, and which installation."""

    changed = Signal()

    def __init__(self, state: FormState) -> None:
        super().__init__()
        self._state = state
        self.setAccessibleName("Run as")
        self.runtime = Segmented([("process", "Process"), ("docker", "Container")], name="Run as")
        self.runtime.set_enabled("docker", False, _CONTAINERS_LATER)
        self.installation = Select(name="Installation")
        self.words = ElidedLabel("", tone="dim")
        self.hint = Label(f"Container {_CONTAINERS_LATER}", "small", tone="dim")
        row = TurningRow(narrow_below=_NARROW_EM)
        row.add(_line(Label("Run as", "heading"), self.runtime))
        row.add(self.installation)
        row.add(self.words, 1)
        row.add(self.hint)
        self.body.addWidget(row)
        self.installation.chosen.connect(self._on_chosen)

    def set_installations(self, engine: Engine, usable: Sequence[Installation], newest: Installation | None) -> None:
        """Show what the engine can be run from; with one there is nothing to choose."""
        ids = {each.id for each in usable}
        if self._state.installation and self._state.installation not in ids and not usable:
            self.installation.hide()
            self.words.setText(f"{engine.title} is not installed")
            return
        choices = [("", f"Newest: {_installation_words(newest)}" if newest else "Newest")]
        choices += [(each.id, _installation_words(each)) for each in usable]
        if self._state.installation and self._state.installation not in ids:
            choices.append((self._state.installation, f"{self._state.installation} (gone)"))
        self.installation.set_choices(choices)
        self.installation.set_value(self._state.installation)
        several = len(usable) > 1 or bool(self._state.installation)
        self.installation.setVisible(several)
        if newest is None:
            self.words.setText(f"{engine.title} is not installed")
        else:
            self.words.setText("" if several else f"{_installation_words(newest)} · {newest.executable}")

    def _on_chosen(self, value: str) -> None:
        self._state.installation = value
        self.changed.emit()


def _host_words(host: str) -> str:
    return f"{host} · this machine only" if host in ("127.0.0.1", "::1") else host


def _installation_words(installation: Installation | None) -> str:
    if installation is None:
        return ""
    version = installation.version or "version unknown"
    target = "" if installation.target == "unknown" else f" · {installation.target}"
    return f"{version} · {INSTALLATION_KINDS[installation.kind]}{target}"


class AddressCard(Card):
    """Name, port, address and, where others can reach it, the API key."""

    changed = Signal()

    def __init__(self, state: FormState, *, default_host: str, generate_key: str) -> None:
        super().__init__()
        self._state = state
        self._fresh_key = generate_key
        self.name = TextEntry()
        self.port = TextEntry(placeholder="a free one")
        self.host = SuggestEntry(("127.0.0.1", "0.0.0.0"), placeholder=_host_words(default_host))
        self.key = TextEntry(secret=True, placeholder="kept, type to replace" if state.has_kept_key else "")
        self.rows = {
            "name": FormRow("Name", self.name, name="name", is_stacked=True),
            "port": FormRow("Port", self.port, name="port", is_stacked=True),
            "host": FormRow("Bind to", self.host, name="host", is_stacked=True),
        }
        row = QHBoxLayout()
        row.setSpacing(em(1))
        for each, stretch in zip(self.rows.values(), (5, 3, 4), strict=True):
            row.addWidget(each, stretch)
        self.body.addLayout(row)
        self._key_box = self._make_key_row()
        self.body.addWidget(self._key_box)
        self.name.set_entry(state.name)
        self.port.set_entry(state.port)
        self.host.set_entry(state.host if state.host != default_host else "")
        self._default_host = default_host
        self.key.set_entry(state.api_key)
        for editor in (self.name, self.port, self.host, self.key):
            editor.edited.connect(self._on_edited)
        self._show_key()

    def set_free_port(self, port: int) -> None:
        """The port that an empty field would take now."""
        self.port.setPlaceholderText(f"{port}, the next free one")

    def _make_key_row(self) -> QWidget:
        self.generate = Button("Generate")
        self.generate.setAccessibleName("Generate an API key")
        self.show_key = Button("Show")
        self.show_key.setCheckable(True)
        self.show_key.setAccessibleName("Show the API key")
        self.copy = CopyButton("Copy the API key")
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (self.key, self.generate, self.show_key, self.copy):
            row.addWidget(widget)
        holder.setFocusProxy(self.key)
        self.rows["api_key"] = FormRow("API key", holder, name="api_key", is_stacked=True)
        self.key.setAccessibleName("API key")
        self.rows["api_key"].set_hint(
            "Other machines can reach this address, so clients must show a key. It is kept in a file that only you "
            "can read, and never appears in the command or the log."
        )
        self.generate.clicked.connect(self._on_generate)
        self.show_key.toggled.connect(self._on_show)
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, em(0.3), 0, 0)
        column.addWidget(self.rows["api_key"])
        return box

    def _on_generate(self) -> None:
        self.key.set_entry(self._fresh_key)
        self.show_key.setChecked(True)
        self._on_edited()

    def _on_show(self, on: bool) -> None:
        modes = TextEntry.EchoMode
        self.key.setEchoMode(modes.Normal if on else modes.Password)

    def _on_edited(self) -> None:
        state = self._state
        state.name, state.port = self.name.entry(), self.port.entry()
        state.host = self.host.entry().strip() or self._default_host
        state.api_key = self.key.entry().strip()
        self._show_key()
        self.changed.emit()

    def _show_key(self) -> None:
        self._key_box.setVisible(self._state.needs_key or self._state.has_key)
        self.copy.set_text(self.key.entry().strip())
        self.copy.setEnabled(bool(self.key.entry().strip()))

"""The form of the settings, made from the model's own titles, descriptions and limits. A change is saved at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from PySide6.QtWidgets import QWidget

from core.errors import StoreError
from core.settings import Settings
from gui.errors import describe
from gui.widgets import FormRow, Segmented, TextField, announce

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from core.app import App
    from gui.bridge import Bridge

_LABELS = {
    "theme": {"system": "As the desktop", "light": "Light", "dark": "Dark"},
    "on_quit": {"ask": "Ask", "keep": "Keep serving", "stop": "Stop them"},
}


class SettingRow(FormRow):
    """One setting.

    Args:
        app: the core.
        bridge: saves off the GUI thread.
        name: the field of `Settings`.
    """

    def __init__(self, app: App, bridge: Bridge, name: str) -> None:
        info = Settings.model_fields[name]
        self._app, self._bridge = app, bridge
        self._default = info.default
        self._shown = ""
        field = self._make_field(name, info)
        super().__init__(info.title or name, field, hint=info.description or "", name=name)
        self.refresh()

    def refresh(self) -> None:
        """Show the value as it is saved, unless the user is typing another one."""
        value = getattr(self._app.settings.current, self.name)
        self.set_differs(value != self._default)
        text = _text(value)
        if isinstance(self.field, Segmented):
            self.field.set_value(text)
        elif isinstance(self.field, TextField) and (not self.field.isModified() or self.field.text() == text):
            self.field.setText(text)
        self._shown = text

    def _make_field(self, name: str, info: FieldInfo) -> QWidget:
        if get_origin(info.annotation) is Literal:
            labels = _LABELS.get(name, {})
            values = [str(value) for value in get_args(info.annotation)]
            choice = Segmented([(value, labels.get(value, value)) for value in values], name=info.title or name)
            choice.chosen.connect(self._save)
            return choice
        field = TextField(name=info.title or name)
        field.editingFinished.connect(lambda: self._save(field.text().strip()))
        return field

    def _save(self, text: str) -> None:
        """Save it if it is another value; a refusal stands under the field and changes nothing."""
        if text == self._shown:
            self.set_problem("")
            return
        change = partial(self._app.settings.change, **{self.name: text})
        self._bridge.in_thread(change, self._on_saved, self._on_refused)

    def _on_saved(self, _settings: Settings) -> None:
        if isinstance(self.field, TextField):
            self.field.setModified(False)
        self.set_problem("")
        self.refresh()
        announce(self, "Saved")

    def _on_refused(self, error: BaseException) -> None:
        said = describe(error)
        self.set_problem(_short(error) if isinstance(error, StoreError) and said.field == self.name else said.title)
        if isinstance(self.field, Segmented):
            self.refresh()
        announce(self, self.problem)


def _text(value: Any) -> str:
    """As the user writes it: `10` rather than `10.0`."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _short(error: StoreError) -> str:
    """The reason alone: what stands before it names the field and the file, which the user sees."""
    reason = error.message.rpartition(".toml: ")[2]
    cause = reason.rpartition(" (got ")[0] or reason
    return f"{cause}."

"""How the model is asked: temperature, most tokens, system prompt."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from core.chat.answer import ChatParams
from gui.theme import em, font
from gui.widgets import Button, FormRow, Label, TextField
from gui.wording import grouped

_HOTTEST = 2.0


class ParametersPopover(QFrame):
    """Opens under its button; what is valid counts at once, what is not is told at its field."""

    changed = Signal()

    def __init__(self, params: ChatParams, system: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("card", "plain")
        self.setAccessibleName("Chat settings")
        self.params = params
        self.system = system
        self.temperature = TextField(_text(params.temperature), placeholder="as the engine has it", name="Temperature")
        self.max_tokens = TextField(_text(params.max_tokens), placeholder="no limit of ours", name="Most tokens")
        self.system_field = QPlainTextEdit(system)
        self.system_field.setAccessibleName("System prompt")
        self.system_field.setFont(font())
        self.system_field.setTabChangesFocus(True)
        self.system_field.setPlaceholderText("None")
        self.system_field.setFixedHeight(em(6))
        self.temperature_row = FormRow("Temperature", self.temperature, hint=f"0 to {_HOTTEST:g}; empty: the engine's")
        self.max_tokens_row = FormRow("Most tokens", self.max_tokens, hint="of an answer; empty: no limit")
        close = Button("Done")
        close.clicked.connect(self.hide)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(em(1), em(0.88), em(1), em(0.88))
        column.setSpacing(em(0.6))
        column.addWidget(Label("Chat settings", "heading"))
        column.addWidget(self.temperature_row)
        column.addWidget(self.max_tokens_row)
        column.addWidget(Label("System prompt"))
        column.addWidget(self.system_field)
        column.addLayout(foot)
        self.setFixedWidth(em(26))
        for field in (self.temperature, self.max_tokens):
            field.textChanged.connect(self._take)
            field.returnPressed.connect(self.hide)
        self.system_field.textChanged.connect(self._take)

    def open_under(self, button: QWidget) -> None:
        """Show it with its right edge at the button's, inside the screen."""
        self.adjustSize()
        at = button.mapToGlobal(QPoint(button.width() - self.width(), button.height() + em(0.25)))
        screen = button.screen().availableGeometry()
        at.setX(max(screen.left(), min(at.x(), screen.right() - self.width())))
        at.setY(max(screen.top(), min(at.y(), screen.bottom() - self.height())))
        self.move(at)
        self.show()
        self.temperature.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        """What could not be used goes back to what counts."""
        super().hideEvent(event)
        if self.temperature_row.problem:
            self.temperature.setText(_text(self.params.temperature))
        if self.max_tokens_row.problem:
            self.max_tokens.setText(_text(self.params.max_tokens))

    def _take(self) -> None:
        temperature, problem = read_temperature(self.temperature.text())
        self._say(self.temperature_row, problem)
        most, other_problem = read_max_tokens(self.max_tokens.text())
        self._say(self.max_tokens_row, other_problem)
        self.params = ChatParams(
            temperature=self.params.temperature if problem else temperature,
            max_tokens=self.params.max_tokens if other_problem else most,
            top_p=self.params.top_p,
        )
        self.system = self.system_field.toPlainText()
        self.changed.emit()

    def _say(self, row: FormRow, problem: str) -> None:
        if row.problem != problem:
            row.set_problem(problem)
            self.adjustSize()


def read_temperature(text: str) -> tuple[float | None, str]:
    """The temperature (None: the engine's), and why the text is none."""
    if not text.strip():
        return None, ""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None, "Give a number, such as 0.7."
    if not 0 <= value <= _HOTTEST:
        return None, f"Give a number from 0 to {_HOTTEST:g}."
    return value, ""


def read_max_tokens(text: str) -> tuple[int | None, str]:
    """The most tokens of an answer (None: no limit), and why the text is none."""
    plain = text.strip().replace(",", "").replace(" ", "")
    if not plain:
        return None, ""
    if not (plain.isascii() and plain.isdigit()) or not 1 <= int(plain[:12]) <= 10_000_000:
        return None, "Give a whole number, such as 1024."
    return int(plain), ""


def params_words(params: ChatParams, system: str) -> str:
    """`temperature 0.7 · max 1,024 · system prompt`."""
    parts = [f"temperature {params.temperature:g}"] if params.temperature is not None else []
    parts += [f"max {grouped(params.max_tokens)}"] if params.max_tokens is not None else []
    parts += ["system prompt"] if system.strip() else []
    return " · ".join(parts)


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

"""The input for one option, by what it takes: a toggle, a list to choose from, a number, text, lines, JSON.

Each has a signal `edited` (the user changed it), `entry()` (the text that a `FormState` keeps; empty for the default)
and `set_entry(text)` (shows a text, without a signal).
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCompleter, QMenu, QPlainTextEdit, QSizePolicy

from core.engines.options import Option, OptionKind, ValueType
from core.hub.facts import ModelConfig
from gui.icons import icon
from gui.pages.serve.option_values import OFF, ON, default_words, is_boolean, is_switch
from gui.theme import em, font
from gui.widgets import Select, TextField, Toggle
from gui.widgets.text import plain_tooltip

_MOST_LINES = 6


class TextEntry(TextField):
    """One line of text."""

    edited = Signal()

    def __init__(self, *, placeholder: str = "", name: str = "", secret: bool = False) -> None:
        super().__init__(placeholder=placeholder, name=name, secret=secret)
        self.textEdited.connect(lambda _text: self.edited.emit())

    def entry(self) -> str:
        """What is typed."""
        return self.text()

    def set_entry(self, text: str) -> None:
        """Show a text, without a signal."""
        if text != self.text():
            self.setText(text)


class NumberEntry(TextEntry):
    """A number: arrow keys count up and down. What can't be a number may be typed and is told; nothing is swallowed."""

    def __init__(self, *, step: float, start: float | None, placeholder: str = "") -> None:
        super().__init__(placeholder=placeholder)
        self._step = step
        self._start = start
        self.setInputMethodHints(Qt.InputMethodHint.ImhPreferNumbers)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down change the number by one step."""
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and event.modifiers() == Qt.KeyboardModifier.NoModifier:
            self._count(self._step if event.key() == Qt.Key.Key_Up else -self._step)
            return
        super().keyPressEvent(event)

    def _count(self, change: float) -> None:
        try:
            now = float(self.text().replace(",", "")) if self.text().strip() else self._start
        except ValueError:
            return
        if now is None:
            return
        digits = 0 if self._step >= 1 else 2
        self.setText(f"{max(0.0, now + change):.{digits}f}")
        self.edited.emit()


class SuggestEntry(TextEntry):
    """Any text, with known good ones in a menu and while typing."""

    def __init__(self, suggestions: tuple[str, ...], *, placeholder: str = "", name: str = "") -> None:
        super().__init__(placeholder=placeholder, name=name)
        self.suggestions = suggestions
        completer = QCompleter(list(suggestions), self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.activated.connect(lambda _text: self.edited.emit())
        self.setCompleter(completer)
        self._menu: QMenu | None = None
        action = self.addAction(icon("chevron-down", "dim"), TextField.ActionPosition.TrailingPosition)
        action.setToolTip("Known values")
        action.triggered.connect(self._show_menu)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Down in an empty field opens the menu; Alt+Down does in any."""
        wanted = not self.text() or event.modifiers() & Qt.KeyboardModifier.AltModifier
        if event.key() == Qt.Key.Key_Down and wanted:
            self._show_menu()
            return
        super().keyPressEvent(event)

    def _show_menu(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text in self.suggestions:
            action = menu.addAction(text)
            action.triggered.connect(lambda _checked=False, text=text: self._choose(text))
        menu.setMinimumWidth(self.width())
        menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def _choose(self, text: str) -> None:
        self.setText(text)
        self.edited.emit()


class ChoiceEntry(Select):
    """One of a few values; the first stands for the default."""

    edited = Signal()

    def __init__(self, choices: tuple[tuple[str, str], ...]) -> None:
        super().__init__(choices)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.chosen.connect(lambda _value: self.edited.emit())

    def entry(self) -> str:
        """The chosen value."""
        return self.value()

    def set_entry(self, text: str) -> None:
        """Choose; a value that this version doesn't know is added, so that it is shown and told, not lost."""
        if self.findData(text) < 0:
            self.addItem(text, text)
        self.set_value(text)


class SwitchEntry(Toggle):
    """On or off."""

    edited = Signal()

    def __init__(self, *, default: bool) -> None:
        super().__init__()
        self._default = default
        self.setChecked(default)
        self.clicked.connect(lambda _on: self.edited.emit())

    def entry(self) -> str:
        """`true` or `false`."""
        return ON if self.isChecked() else OFF

    def set_entry(self, text: str) -> None:
        """Switch without a signal."""
        self.setChecked(self._default if not text.strip() else text.strip() == ON)


class LinesEntry(QPlainTextEdit):
    """Several lines: entries of a list, or JSON. As high as its text, within bounds."""

    edited = Signal()

    def __init__(self, *, placeholder: str = "", mono: bool = False) -> None:
        super().__init__()
        self.setPlaceholderText(placeholder)
        self.setFont(font("mono" if mono else "body"))
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._is_quiet = False
        self.textChanged.connect(self._on_changed)

    def entry(self) -> str:
        """What is typed."""
        return self.toPlainText()

    def set_entry(self, text: str) -> None:
        """Show a text, without a signal."""
        if text != self.toPlainText():
            self._is_quiet = True
            self.setPlainText(text)
            self._is_quiet = False

    def sizeHint(self) -> QSize:
        """As high as its lines."""
        lines = min(max(1, self.blockCount()), _MOST_LINES)
        margins = self.contentsMargins()
        room = margins.top() + margins.bottom() + round(2 * self.document().documentMargin())
        return QSize(em(10), self.fontMetrics().lineSpacing() * lines + room + 2)

    def minimumSizeHint(self) -> QSize:
        """Narrow, and as high."""
        return QSize(em(6), self.sizeHint().height())

    def _on_changed(self) -> None:
        self.updateGeometry()
        if not self._is_quiet:
            self.edited.emit()


OptionEditor = TextEntry | ChoiceEntry | SwitchEntry | LinesEntry


def make_editor(option: Option, config: ModelConfig | None) -> OptionEditor:
    """The right input for an option; its placeholder says what happens without a value."""
    if is_switch(option):
        return SwitchEntry(default=option.default is True)
    words = default_words(option, config)
    editor = _editor(option, words)
    editor.setToolTip(plain_tooltip(f"Without a value: {words}"))  # the placeholder may be cut
    return editor


def _editor(option: Option, words: str) -> OptionEditor:
    if is_boolean(option):
        return ChoiceEntry((("", words), (ON, "on"), (OFF, "off")))
    if option.kind is OptionKind.LIST:
        return LinesEntry(placeholder=f"{words}, one a line")
    if option.choices:
        return ChoiceEntry(_choices(option, words))
    if option.kind is OptionKind.JSON or option.type is ValueType.JSON:
        return LinesEntry(placeholder=words, mono=True)
    if option.type is ValueType.INTEGER:
        return NumberEntry(step=1, start=_start(option), placeholder=words)
    if option.type is ValueType.NUMBER:
        return NumberEntry(step=0.01, start=_start(option), placeholder=words)
    if option.suggestions:
        return SuggestEntry(option.suggestions, placeholder=words)
    return TextEntry(placeholder=words)


def _choices(option: Option, words: str) -> tuple[tuple[str, str], ...]:
    """The default first, under its own words."""
    others = tuple((each, each) for each in option.choices if each != str(option.default))
    return (("", words), *others)


def _start(option: Option) -> float | None:
    default = option.default
    return float(default) if isinstance(default, (int, float)) and not isinstance(default, bool) else None

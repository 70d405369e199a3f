"""Input fields, and the row of a form: label, field, hint, problem."""

from __future__ import annotations

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QWidget

from gui.icons import icon, pixmap
from gui.theme import em, font, theme
from gui.widgets.text import Label, Tone, plain_tooltip, repolish

DEBOUNCE_MS = 300
_NARROW_EM = 40
_FILL = Qt.AlignmentFlag(0)


class TextField(QLineEdit):
    """One line to type.

    Args:
        text: the present value.
        placeholder: what it is for, seen while it is empty.
        name: for screen readers, where no label is its buddy.
        secret: show dots.
    """

    def __init__(
        self,
        text: str = "",
        *,
        placeholder: str = "",
        name: str = "",
        secret: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.setPlaceholderText(placeholder)
        if name or placeholder:
            self.setAccessibleName(name or placeholder)
        if secret:
            self.setEchoMode(QLineEdit.EchoMode.Password)
            self.setInputMethodHints(Qt.InputMethodHint.ImhSensitiveData | Qt.InputMethodHint.ImhNoPredictiveText)


class SearchField(TextField):
    """Text to search by. `searched` comes once typing pauses, at once on Enter and when it is cleared; never twice."""

    searched = Signal(str)

    def __init__(
        self,
        *,
        placeholder: str = "Search",
        name: str = "",
        delay_ms: int = DEBOUNCE_MS,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(placeholder=placeholder, name=name, parent=parent)
        self.addAction(icon("search", "dim"), QLineEdit.ActionPosition.LeadingPosition)
        self.setClearButtonEnabled(True)
        self._said = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(delay_ms)
        self._timer.timeout.connect(self._say)
        self.textEdited.connect(self._on_edited)
        self.textChanged.connect(self._on_changed)
        self.returnPressed.connect(self._say)

    def set_text(self, text: str) -> None:
        """Put a text in and search for it at once."""
        self.setText(text)
        self._say()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc clears."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            return
        super().keyPressEvent(event)

    def _on_edited(self) -> None:
        if self.text():
            self._timer.start()

    def _on_changed(self, text: str) -> None:
        if not text:
            self._say()

    def _say(self) -> None:
        self._timer.stop()
        text = self.text().strip()
        if text != self._said:
            self._said = text
            self.searched.emit(text)


class FormRow(QWidget):
    """A labelled field with a hint beside it (below it where the row is narrow) and its problem under it.

    Args:
        label: what the field is; becomes bold when the value differs from the default.
        field: the input, or a layout's container; it gets the label as accessible name and the focus of the label.
        hint: dim words beside the field.
        name: the option or field name that problems speak of.
        help_text: a longer text for the tooltip of label and hint.
        is_stacked: label above the field and hint below it, at any width: for several rows side by side.
    """

    def __init__(
        self,
        label: str,
        field: QWidget,
        *,
        hint: str = "",
        name: str = "",
        help_text: str = "",
        is_stacked: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._is_stacked = is_stacked
        self.name = name
        self.field = field
        self._text = label
        self._is_narrow: bool | None = None
        self.label = Label(label, wrap=True)
        self.label.setBuddy(field)
        self.label.setToolTip(plain_tooltip(help_text))
        if not field.accessibleName():
            field.setAccessibleName(label)
        self.hint = Label(hint, "small", tone="dim", wrap=True)
        self.hint.setToolTip(plain_tooltip(help_text))
        self._sign = QLabel()
        self._problem = Label("", "small", tone="bad", wrap=True, selectable=True)
        self._problem_row = QWidget()
        row = QHBoxLayout(self._problem_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(em(0.4))
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._problem, 1)
        self._problem_row.hide()
        theme().changed.connect(self._draw_sign)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(em(1))
        self._grid.setVerticalSpacing(em(0.25))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        if is_stacked:
            self._stack()
        else:
            self.label.setFixedWidth(em(11))
            self._arrange(is_narrow=False)

    @property
    def problem(self) -> str:
        """The problem shown, or empty."""
        return self._problem.text()

    def set_problem(self, text: str, *, is_warning: bool = False) -> None:
        """Say under the field why its value can't be used (or, as a warning, shouldn't be); empty takes it away."""
        tone: Tone = "warn" if is_warning else "bad"
        self._problem.set_tone(tone)
        self._draw_sign()
        self._problem.setText(text)
        self._problem_row.setVisible(bool(text))
        self.field.setAccessibleDescription(text or self.hint.text())
        self.field.setProperty("problem", "true" if text and not is_warning else "false")
        repolish(self.field)

    def _draw_sign(self) -> None:
        tone = str(self._problem.property("tone"))
        self._sign.setPixmap(pixmap("warning", em(0.9), tone, self.devicePixelRatio()))

    def set_differs(self, differs: bool) -> None:
        """Mark that the value is not the default: bold, and said in the tooltip's first line."""
        self.label.setFont(font("bold" if differs else "body"))
        self.label.setAccessibleName(f"{self._text}, changed" if differs else self._text)

    def set_hint(self, text: str) -> None:
        """Change the words beside the field."""
        self.hint.setText(text)
        self.hint.setVisible(bool(text) or not self._is_stacked)

    def minimumSizeHint(self) -> QSize:
        """As narrow as with the hint below the field, so that whoever lays it out may make it so."""
        hint = super().minimumSizeHint()
        if self._is_stacked:
            return hint
        wide = max(self.field.minimumSizeHint().width(), self.hint.minimumSizeHint().width())
        return QSize(min(hint.width(), self.label.width() + em(1) + wide), hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the hint below the field where there is no room beside it."""
        super().resizeEvent(event)
        is_narrow = self.width() < em(_NARROW_EM)
        if is_narrow != self._is_narrow and not self._is_stacked:
            self._arrange(is_narrow=is_narrow)

    def _stack(self) -> None:
        for row, widget in enumerate((self.label, self.field, self._problem_row, self.hint)):
            self._grid.addWidget(widget, row, 0)
        self.hint.setVisible(bool(self.hint.text()))
        self._grid.setRowStretch(4, 1)

    def _arrange(self, *, is_narrow: bool) -> None:
        self._is_narrow = is_narrow
        for widget in (self.label, self.field, self.hint, self._problem_row):
            self._grid.removeWidget(widget)
        middle = Qt.AlignmentFlag.AlignVCenter
        self._grid.addWidget(self.label, 0, 0, middle)
        # Aligned, a field of fixed width does not narrow its column, and hints stand under one another.
        is_fixed = self.field.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Fixed
        self._grid.addWidget(self.field, 0, 1, middle | Qt.AlignmentFlag.AlignLeft if is_fixed else _FILL)
        self._grid.setColumnStretch(1, 10)
        if is_narrow:
            self._grid.setColumnStretch(2, 0)
            self._grid.addWidget(self._problem_row, 1, 1)
            self._grid.addWidget(self.hint, 2, 1)
        else:
            self._grid.setColumnStretch(2, 12)
            self._grid.addWidget(self.hint, 0, 2, middle)
            self._grid.addWidget(self._problem_row, 1, 1, 1, 2)

"""Where a message is written: Enter sends, Shift+Enter makes a new line, Esc stops the answer."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from gui.theme import em, font
from gui.widgets import Button, Label, PrimaryButton

_FEWEST_LINES, _MOST_LINES = 2, 8


class MessageField(QPlainTextEdit):
    """Grows with its text, up to some lines."""

    submitted = Signal()
    escaped = Signal()
    page_wanted = Signal(int)
    """PageUp (-1) or PageDown (1) was pressed: the conversation should scroll."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Message")
        self.setFont(font())
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().documentLayout().documentSizeChanged.connect(lambda _size: self.updateGeometry())

    def sizeHint(self) -> QSize:
        """As high as its lines."""
        lines = min(max(_FEWEST_LINES, round(self.document().size().height())), _MOST_LINES)
        return QSize(em(14), self.fontMetrics().lineSpacing() * lines + em(1.4))

    def minimumSizeHint(self) -> QSize:
        """Narrow, and as high."""
        return QSize(em(8), self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter, Esc and the page keys mean something else here."""
        key, modifiers = event.key(), event.modifiers()
        is_plain = not modifiers & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier)
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and is_plain:
            self.submitted.emit()
        elif key == Qt.Key.Key_Escape:
            self.escaped.emit()
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown) and not modifiers:
            self.page_wanted.emit(-1 if key == Qt.Key.Key_PageUp else 1)
        else:
            super().keyPressEvent(event)


class Composer(QWidget):
    """The field, what can be done, and why it can't be used while it can't."""

    sent = Signal(str)
    stop_wanted = Signal()
    edit_cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = MessageField()
        self.hint = Label("", "small", tone="dim", wrap=True)
        self.cancel_button = Button("Cancel edit")
        self.cancel_button.clicked.connect(self._cancel_edit)
        self.stop_button = Button("Stop", icon="stop")
        self.stop_button.setToolTip("Stop the answer (Esc)")
        self.stop_button.clicked.connect(self.stop_wanted)
        self.send_button = PrimaryButton("Send ⏎")
        self.send_button.setAccessibleName("Send")
        self.send_button.clicked.connect(self._submit)
        self.field.submitted.connect(self._submit)
        self.field.escaped.connect(self._on_escape)
        self.field.textChanged.connect(self._update)
        self._is_busy = False
        self._is_editing = False
        self._why_not = ""
        row = QHBoxLayout()
        row.setSpacing(em(0.5))
        row.addWidget(self.hint, 1)
        for button in (self.cancel_button, self.stop_button, self.send_button):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(em(0.88), em(0.75), em(0.88), em(0.75))
        column.setSpacing(em(0.5))
        column.addWidget(self.field)
        column.addLayout(row)
        self._update()

    @property
    def is_editing(self) -> bool:
        """What is sent replaces the last question."""
        return self._is_editing

    def set_name(self, name: str) -> None:
        """Whom the message goes to."""
        self.field.setPlaceholderText(f"Message {name}…")

    def set_enabled(self, why_not: str) -> None:
        """Say why nothing can be sent now; empty: it can. What was typed stays."""
        self._why_not = why_not
        self._update()

    def set_busy(self, busy: bool) -> None:
        """An answer is being given."""
        self._is_busy = busy
        self._update()

    def edit(self, text: str) -> None:
        """Change a question that was asked before."""
        self._is_editing = True
        self.field.setPlainText(text)
        self.field.selectAll()
        self.field.setFocus()
        self._update()

    def _submit(self) -> None:
        text = self.field.toPlainText()
        if self._why_not or self._is_busy or not text.strip():
            return
        self.sent.emit(text)
        self._is_editing = False
        self.field.clear()
        self._update()

    def _on_escape(self) -> None:
        if self._is_busy:
            self.stop_wanted.emit()
        elif self._is_editing:
            self._cancel_edit()

    def _cancel_edit(self) -> None:
        self._is_editing = False
        self.field.clear()
        self._update()
        self.edit_cancelled.emit()

    def _update(self) -> None:
        can_send = not self._why_not and not self._is_busy
        self.field.setEnabled(not self._why_not)
        self.stop_button.setVisible(self._is_busy)
        self.send_button.setVisible(not self._is_busy)
        self.send_button.setEnabled(can_send and bool(self.field.toPlainText().strip()))
        self.cancel_button.setVisible(self._is_editing and not self._is_busy)
        if self._why_not:
            hint = self._why_not
        elif self._is_busy:
            hint = "Esc stops the answer"
        elif self._is_editing:
            hint = "Sending replaces your last message and its answer"
        else:
            hint = "Shift+Enter for a new line"
        if self.hint.text() != hint:
            self.hint.setText(hint)
            self.field.setAccessibleDescription(hint)

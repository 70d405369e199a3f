"""Questions. They open beside the event loop (`open()`, never `exec()`), so nothing stands still meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from gui.theme import em
from gui.widgets.buttons import Button, Kind
from gui.widgets.text import Label

CANCEL = "cancel"


class Answer(NamedTuple):
    """A button of a question: what the callback gets, what the button says, how it looks."""

    value: str
    label: str
    kind: Kind = "plain"


class Question(QDialog):
    """A title, a text, perhaps more widgets in `body`, and answers. Esc and closing it answer `cancel`."""

    def __init__(self, parent: QWidget, title: str, text: str, answers: Sequence[Answer]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.answer = CANCEL
        column = QVBoxLayout(self)
        column.setContentsMargins(em(1.4), em(1.2), em(1.4), em(1.1))
        column.setSpacing(em(0.7))
        column.addWidget(Label(title, "strong", wrap=True))
        self.body = QVBoxLayout()
        self.body.setSpacing(em(0.6))
        column.addLayout(self.body)
        if text:
            words = Label(text, wrap=True, selectable=True)
            words.setMinimumWidth(em(26))
            self.body.addWidget(words)
        row = QHBoxLayout()
        row.setSpacing(em(0.6))
        row.addStretch(1)
        self.buttons: dict[str, Button] = {}
        for answer in answers:
            button = Button(answer.label, kind=answer.kind)
            button.clicked.connect(lambda _checked=False, value=answer.value: self._give(value))
            self.buttons[answer.value] = button
            row.addWidget(button)
        column.addSpacing(em(0.4))
        column.addLayout(row)
        self.setMinimumWidth(em(28))

    def _give(self, value: str) -> None:
        self.answer = value
        if value == CANCEL:
            self.reject()
        else:
            self.accept()


def ask(
    parent: QWidget, title: str, text: str, answers: Sequence[Answer], on_answer: Callable[[str], None]
) -> Question:
    """Open a question; `on_answer` gets the chosen value, or `cancel`. The first answer has the focus."""
    question = Question(parent, title, text, answers)
    question.finished.connect(lambda _code: on_answer(question.answer))
    question.open()
    if answers:
        question.buttons[answers[0].value].setFocus()
    return question


def confirm(
    parent: QWidget, title: str, text: str, *, action: str, on_confirm: Callable[[], None], danger: bool = False
) -> Question:
    """Ask before doing `action` (a verb); the focus is on Cancel."""

    def answered(value: str) -> None:
        if value == "confirm":
            on_confirm()

    answers = (Answer(CANCEL, "Cancel"), Answer("confirm", action, "danger" if danger else "primary"))
    return ask(parent, title, text, answers, answered)

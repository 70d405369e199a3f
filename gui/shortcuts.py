"""The keys of the window, and the list of them that F1 shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QGridLayout, QWidget

from gui.theme import em
from gui.widgets import CANCEL, Answer, Label, Question


class Shortcut(NamedTuple):
    """A key, what it does in words, and what it does."""

    keys: str
    title: str
    act: Callable[[], object]


MORE = (
    ("Tab, Shift+Tab", "Next or previous control"),
    ("Arrows", "Choose in a list, a table or a row of choices"),
    ("Space, Enter", "Press the button that has the focus"),
    ("Esc", "Close a question, clear a search"),
)


def install(window: QWidget, shortcuts: tuple[Shortcut, ...]) -> None:
    """Give the window these keys."""
    for shortcut in shortcuts:
        action = QAction(shortcut.title, window)
        action.setShortcut(QKeySequence(shortcut.keys))
        action.triggered.connect(lambda _checked=False, act=shortcut.act: act())
        window.addAction(action)


def show(window: QWidget, shortcuts: tuple[Shortcut, ...]) -> Question:
    """Open the list."""
    dialog = Question(window, "Keyboard", "", (Answer(CANCEL, "Close", "primary"),))
    grid = QGridLayout()
    grid.setHorizontalSpacing(em(1.6))
    grid.setVerticalSpacing(em(0.4))
    rows = [
        (QKeySequence(each.keys).toString(QKeySequence.SequenceFormat.NativeText), each.title) for each in shortcuts
    ]
    for row, (keys, title) in enumerate([*rows, *MORE]):
        grid.addWidget(Label(keys, "mono"), row, 0)
        grid.addWidget(Label(title), row, 1)
    dialog.body.addLayout(grid)
    dialog.open()
    return dialog

"""Reusable widgets. They know the theme and nothing of the application."""

from gui.widgets.bars import Bar, ProgressLine, Segment
from gui.widgets.buttons import Button, IconButton, PrimaryButton
from gui.widgets.card import Card, Separator
from gui.widgets.chip import Chip, StateDot, paint_dot
from gui.widgets.choices import Segmented, Select, Toggle
from gui.widgets.codebox import CodeBox, CopyButton, copy_text
from gui.widgets.dialogs import CANCEL, Answer, Question, ask, confirm
from gui.widgets.fields import FormRow, SearchField, TextField
from gui.widgets.flow import FlowLayout
from gui.widgets.notice import Notice, Toast, announce
from gui.widgets.surfaces import EmptyState, ScrollColumn
from gui.widgets.text import ElidedLabel, Label, LinkLabel, repolish
from gui.widgets.turning import TurningRow

__all__ = [
    "CANCEL",
    "Answer",
    "Bar",
    "Button",
    "Card",
    "Chip",
    "CodeBox",
    "CopyButton",
    "ElidedLabel",
    "EmptyState",
    "FlowLayout",
    "FormRow",
    "IconButton",
    "Label",
    "LinkLabel",
    "Notice",
    "PrimaryButton",
    "ProgressLine",
    "Question",
    "ScrollColumn",
    "SearchField",
    "Segment",
    "Segmented",
    "Select",
    "Separator",
    "StateDot",
    "TextField",
    "Toast",
    "Toggle",
    "TurningRow",
    "announce",
    "ask",
    "confirm",
    "copy_text",
    "paint_dot",
    "repolish",
]

"""The way of the Tab key, for forms whose rows are made late: Qt would visit those last."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def tab_stops(widget: QWidget) -> list[QWidget]:
    """The widget and those in it that Tab can reach, in the order of their making."""
    return [
        each
        for each in (widget, *widget.findChildren(QWidget))
        if each.focusPolicy() & Qt.FocusPolicy.TabFocus
        and each.focusProxy() is None
        and each.window() is widget.window()  # not the pop-ups of lists
    ]


def chain_tabs(after: QWidget, widgets: Iterable[QWidget]) -> None:
    """Let Tab go from `after` through these widgets, in their order."""
    previous = after
    for widget in widgets:
        for stop in tab_stops(widget):
            QWidget.setTabOrder(previous, stop)
            previous = stop

"""Showing a widget that may not be in its window yet."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def set_shown(widget: QWidget, shown: bool) -> None:
    """`setVisible`, except that a widget without a parent waits for one.

    Qt would open a window for it on the spot, which flashes and takes the focus. Without a parent it is only no longer
    hidden: it appears with the layout that it is put into.
    """
    if shown and widget.parentWidget() is None:
        widget.setAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide, False)
    else:
        widget.setVisible(shown)

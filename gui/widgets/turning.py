"""A row of widgets that becomes a column where there is no room for a row."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

from gui.theme import em


class TurningRow(QWidget):
    """Lays widgets out side by side when it is wide, one above the other when it is narrow.

    Args:
        narrow_below: the width in em under which it turns.
        spacing: between the widgets, in em.
    """

    def __init__(self, *, narrow_below: float, spacing: float = 0.65, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._narrow_below = narrow_below
        self.box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self.box.setContentsMargins(0, 0, 0, 0)
        self.box.setSpacing(em(spacing))

    @property
    def is_narrow(self) -> bool:
        """It is a column now."""
        return self.box.direction() == QBoxLayout.Direction.TopToBottom

    def add(self, widget: QWidget, stretch: int = 0) -> None:
        """Append a widget; `stretch` is its share of a row."""
        self.box.addWidget(widget, stretch)

    def minimumSizeHint(self) -> QSize:
        """As narrow as its widest widget, so that whoever lays it out may make it turn."""
        hints = [item.minimumSize() for index in range(self.box.count()) if (item := self.box.itemAt(index))]
        wide = max((hint.width() for hint in hints), default=0)
        return QSize(wide, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Turn if need be."""
        super().resizeEvent(event)
        directions = QBoxLayout.Direction
        wanted = directions.TopToBottom if self.width() < em(self._narrow_below) else directions.LeftToRight
        if self.box.direction() != wanted:
            self.box.setDirection(wanted)

"""A layout that breaks its widgets into rows, as words in a paragraph: for chips and buttons."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

from gui.theme import em


class FlowLayout(QLayout):
    """Rows of widgets at their preferred size.

    Args:
        parent: the widget that it lays out.
        spacing: between widgets, both ways, in em.
    """

    def __init__(self, parent: QWidget | None = None, *, spacing: float = 0.4) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(em(spacing))

    def addItem(self, item: QLayoutItem) -> None:
        """Append."""
        self._items.append(item)

    def count(self) -> int:
        """Number of items."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """The item, or None where there is none."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Take the item out, or None where there is none."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def clear(self) -> None:
        """Remove all widgets."""
        while self._items:
            widget = self._items.pop().widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.invalidate()

    def expandingDirections(self) -> Qt.Orientation:
        """Wants no more than it needs."""
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        """Narrower is higher."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Height of all rows at that width."""
        return self._arrange(QRect(0, 0, width, 0), only_measure=True)

    def setGeometry(self, rect: QRect) -> None:
        """Place the widgets."""
        super().setGeometry(rect)
        self._arrange(rect, only_measure=False)

    def sizeHint(self) -> QSize:
        """All in one row."""
        shown = [item for item in self._items if not item.isEmpty()]
        wide = sum(item.sizeHint().width() for item in shown) + self.spacing() * max(0, len(shown) - 1)
        return QSize(wide, max((item.sizeHint().height() for item in shown), default=0))

    def minimumSize(self) -> QSize:
        """The least that the largest widget can do with; chips may be cut."""
        size = QSize()
        for item in self._items:
            size = size.expandedTo(_least(item))
        return size

    def _arrange(self, rect: QRect, *, only_measure: bool) -> int:
        x, y, row = rect.x(), rect.y(), 0
        line: list[tuple[QLayoutItem, int, QSize]] = []
        for item in self._items:
            if item.isEmpty():
                continue
            size = item.sizeHint()
            size.setWidth(min(size.width(), max(rect.width(), _least(item).width())))
            if line and x + size.width() > rect.right() + 1:
                self._place(line, y, row, only_measure)
                x, y, row, line = rect.x(), y + row + self.spacing(), 0, []
            line.append((item, x, size))
            x += size.width() + self.spacing()
            row = max(row, size.height())
        self._place(line, y, row, only_measure)
        return y + row - rect.y()

    @staticmethod
    def _place(line: list[tuple[QLayoutItem, int, QSize]], y: int, row: int, only_measure: bool) -> None:
        """Centre the widgets of one row."""
        if not only_measure:
            for item, x, size in line:
                item.setGeometry(QRect(QPoint(x, y + (row - size.height()) // 2), size))


def _least(item: QLayoutItem) -> QSize:
    """A widget of fixed size may still be able to show less of itself."""
    widget = item.widget()
    return item.minimumSize() if widget is None else widget.minimumSizeHint().expandedTo(widget.minimumSize())

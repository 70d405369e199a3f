"""Choices: a row of segments of which one is on, a toggle, and a drop-down list."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QRadioButton, QSizePolicy, QWidget

from gui.icons import pixmap
from gui.theme import color, em, font
from gui.widgets.text import plain_tooltip


class _Segment(QRadioButton):
    """One segment: a radio button in other clothes, so arrows move the choice and screen readers say '2 of 3'."""

    def __init__(self, text: str, place: str, parent: QWidget) -> None:
        super().__init__(text, parent)
        self._place = place
        self.setFont(font("medium"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.text()) + em(1.7), metrics.height() + em(0.86))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hitButton(self, pos: QPoint) -> bool:
        return self.rect().contains(pos)

    def _outline(self, inset: float) -> QRectF:
        """Frame of this segment; it reaches beyond the inner ends, which the clip then makes straight."""
        radius = em(0.5)
        left = -radius * 2 if self._place in ("middle", "last") else inset
        right = self.width() + (radius * 2 if self._place in ("middle", "first") else -inset)
        return QRectF(left, inset, right - left, self.height() - 2 * inset)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        ground = "accent_weak" if on else "rail" if self.underMouse() and self.isEnabled() else "panel"
        painter.setBrush(color(ground if self.isEnabled() or on else "bg"))
        painter.setPen(QPen(color("line"), 1))
        painter.drawRoundedRect(self._outline(0.5), em(0.5), em(0.5))
        if self._place in ("first", "middle"):
            painter.drawLine(QPointF(self.width() - 0.5, 0.5), QPointF(self.width() - 0.5, self.height() - 0.5))
        painter.setPen(color("dim" if not self.isEnabled() else "accent" if on else "text"))
        painter.setFont(font("bold" if on else "body"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color("accent"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), em(0.4), em(0.4))


class Segmented(QWidget):
    """Exactly one of a few choices, all visible. Tab reaches it once, arrows choose.

    Args:
        choices: (value, label) pairs.
        name: what screen readers call the group.
    """

    chosen = Signal(str)
    """The user chose this value."""

    def __init__(self, choices: Sequence[tuple[str, str]], *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._segments: dict[str, _Segment] = {}
        for number, (value, label) in enumerate(choices):
            last = number == len(choices) - 1
            place = "only" if last and not number else "last" if last else "middle" if number else "first"
            segment = _Segment(label, place, self)
            segment.setAccessibleDescription(name)
            segment.toggled.connect(lambda on, value=value: self._on_toggled(value, on))
            self._segments[value] = segment
            row.addWidget(segment)
        self._quiet = True
        if choices:
            self._segments[choices[0][0]].setChecked(True)
        self._quiet = False

    def value(self) -> str:
        """The present choice; empty without choices."""
        return next((value for value, segment in self._segments.items() if segment.isChecked()), "")

    def set_value(self, value: str) -> None:
        """Choose without a signal.

        Raises:
            KeyError: there is no such choice.
        """
        self._quiet = True
        self._segments[value].setChecked(True)
        self._quiet = False

    def set_enabled(self, value: str, enabled: bool, why_not: str = "") -> None:
        """Enable one choice, or disable it and say why in its tooltip."""
        segment = self._segments[value]
        segment.setEnabled(enabled)
        segment.setToolTip("" if enabled else plain_tooltip(why_not))

    def segment(self, value: str) -> QRadioButton:
        """The button of a choice."""
        return self._segments[value]

    def _on_toggled(self, value: str, on: bool) -> None:
        if on and not self._quiet:
            self.chosen.emit(value)


class Toggle(QCheckBox):
    """On or off, as a switch; `text` stands behind it."""

    def __init__(self, text: str = "", *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        if name:
            self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def _switch(self) -> QRectF:
        wide, high = em(1.9), em(1.06)
        return QRectF(2, (self.height() - high) / 2, wide, high)

    def sizeHint(self) -> QSize:
        """Switch, gap, text."""
        metrics = self.fontMetrics()
        words = metrics.horizontalAdvance(self.text()) + em(0.6) if self.text() else 0
        return QSize(em(1.9) + 4 + words, max(em(1.06) + 4, metrics.height() + 2))

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def hitButton(self, pos: QPoint) -> bool:
        """The whole widget can be clicked."""
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Groove, knob, text, focus ring."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        groove = self._switch()
        radius = groove.height() / 2
        on = self.isChecked()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color(("accent" if on else "edge") if self.isEnabled() else "line"))
        painter.drawRoundedRect(groove, radius, radius)
        painter.setBrush(color("on_accent" if on and self.isEnabled() else "panel"))
        x = groove.right() - radius if on else groove.left() + radius
        painter.drawEllipse(QPointF(x, groove.center().y()), radius - 2, radius - 2)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color("accent"), 1.5))
            painter.drawRoundedRect(groove.adjusted(-1.5, -1.5, 1.5, 1.5), radius + 1.5, radius + 1.5)
        if self.text():
            painter.setPen(color("text" if self.isEnabled() else "dim"))
            rect = self.rect().adjusted(round(groove.right()) + em(0.6), 0, 0, 0)
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())


class Select(QComboBox):
    """A drop-down list. The wheel scrolls the page under it, and never changes the choice by accident.

    Args:
        choices: (value, label) pairs; `value()` and `set_value()` speak of values.
        name: for screen readers, where no label is its buddy.
    """

    chosen = Signal(str)
    """The user chose this value."""

    def __init__(
        self, choices: Sequence[tuple[str, str]] = (), *, name: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        if name:
            # On Linux a combo box gives its present choice as its name; what it is for goes into the description.
            self.setAccessibleName(name)
            self.setAccessibleDescription(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.activated.connect(lambda _index: self.chosen.emit(self.value()))
        self.set_choices(choices)

    def set_choices(self, choices: Sequence[tuple[str, str]]) -> None:
        """Replace the choices, keeping the present one where it is still there; no signal."""
        kept = self.value()
        blocked = self.blockSignals(True)
        self.clear()
        for value, label in choices:
            self.addItem(label, value)
        self.setCurrentIndex(max(0, self.findData(kept)) if choices else -1)
        self.blockSignals(blocked)

    def value(self) -> str:
        """The present choice, empty where there is none."""
        data = self.currentData()
        return data if isinstance(data, str) else ""

    def set_value(self, value: str) -> None:
        """Choose without a signal.

        Raises:
            KeyError: there is no such choice.
        """
        index = self.findData(value)
        if index < 0:
            raise KeyError(value)
        blocked = self.blockSignals(True)
        self.setCurrentIndex(index)
        self.blockSignals(blocked)
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as the longest choice, at most 24 em."""
        metrics = self.fontMetrics()
        longest = max((metrics.horizontalAdvance(self.itemText(i)) for i in range(self.count())), default=em(4))
        return QSize(min(longest + em(2.6), em(24)), metrics.height() + em(0.86))

    def minimumSizeHint(self) -> QSize:
        """Room for a few letters."""
        return QSize(min(self.sizeHint().width(), em(6)), self.sizeHint().height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave it to what scrolls around."""
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens the list, as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.showPopup()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Frame, present choice, chevron."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        wide = 2 if self.hasFocus() else 1
        rect = QRectF(self.rect()).adjusted(wide / 2, wide / 2, -wide / 2, -wide / 2)
        problem = self.property("problem") == "true"
        painter.setPen(QPen(color("bad" if problem else "accent" if self.hasFocus() else "line"), wide))
        painter.setBrush(color("panel" if self.isEnabled() else "bg"))
        painter.drawRoundedRect(rect, em(0.5), em(0.5))
        side = em(0.9)
        arrow = QRect(self.width() - side - em(0.5), (self.height() - side) // 2, side, side)
        painter.drawPixmap(arrow.topLeft(), pixmap("chevron-down", side, "dim", self.devicePixelRatio()))
        text_rect = self.rect().adjusted(em(0.66), 0, -side - em(0.7), 0)
        painter.setPen(color("text" if self.isEnabled() else "dim"))
        text = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, text_rect.width())
        painter.drawText(text_rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)

"""Bars: how a whole is shared, and how far something is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPainterPath, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QWidget

from gui.theme import color, em

_STEP_MS = 40
_SWEEP_MS = 1600


class Segment(NamedTuple):
    """A part of a bar: its share of the whole (0 to 1), its colour (a token) and its name in words."""

    share: float
    token: str
    name: str = ""


class Bar(QWidget):
    """Shares of a whole, from the left; what is free stays in the ground colour.

    Args:
        segments: the parts, in order; what exceeds the whole is cut.
        name: what the bar shows; screen readers get it with the parts in percent.
        height: in em.
    """

    def __init__(
        self,
        segments: Sequence[Segment] = (),
        *,
        name: str = "",
        height: float = 0.5,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name = name
        self._segments: tuple[Segment, ...] = ()
        self._height = height
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_segments(segments)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The present parts."""
        return self._segments

    def set_segments(self, segments: Sequence[Segment]) -> None:
        """Show these parts."""
        self._segments = tuple(segments)
        parts = ", ".join(f"{each.name} {each.share:.0%}".strip() for each in self._segments)
        self.setAccessibleName(f"{self._name}: {parts}" if parts else self._name)
        self.update()

    def sizeHint(self) -> QSize:
        """150 px wide in the design."""
        return QSize(em(9.4), em(self._height))

    def minimumSizeHint(self) -> QSize:
        """Narrow."""
        return QSize(em(2), em(self._height))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground and parts."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect())
        radius = min(rect.height() / 2, em(0.25))
        shape = QPainterPath()
        shape.addRoundedRect(rect, radius, radius)
        painter.setClipPath(shape)
        painter.fillRect(rect, color("line"))
        left = 0.0
        for segment in self._segments:
            share = max(0.0, min(segment.share, 1.0 - left))
            painter.fillRect(QRectF(left * rect.width(), 0, share * rect.width(), rect.height()), color(segment.token))
            left += share


class ProgressLine(QProgressBar):
    """A thin line that fills; without a known end a short piece wanders along it while it is visible."""

    def __init__(self, *, name: str = "Progress", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setTextVisible(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setRange(0, 1000)
        self._place = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_STEP_MS)
        self._timer.timeout.connect(self._move)

    def set_fraction(self, fraction: float | None) -> None:
        """0 to 1, or None where nobody knows how long it takes."""
        if fraction is None:
            self.setRange(0, 0)
        else:
            self.setRange(0, 1000)
            self.setValue(round(min(1.0, max(0.0, fraction)) * 1000))
        self._update_timer()
        self.update()

    def sizeHint(self) -> QSize:
        """Thin."""
        return QSize(em(9), em(0.3))

    def minimumSizeHint(self) -> QSize:
        """Thin and short."""
        return QSize(em(2), em(0.3))

    def showEvent(self, event: QShowEvent) -> None:
        """Wander on."""
        super().showEvent(event)
        self._update_timer()

    def hideEvent(self, event: QHideEvent) -> None:
        """Cost nothing while nobody looks."""
        super().hideEvent(event)
        self._update_timer()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground and the done part."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        rect = QRectF(self.rect())
        radius = rect.height() / 2
        painter.setBrush(color("line"))
        painter.drawRoundedRect(rect, radius, radius)
        if self.maximum() > 0:
            done = QRectF(rect.left(), rect.top(), rect.width() * self.value() / self.maximum(), rect.height())
        else:
            piece = rect.width() / 4
            done = QRectF(rect.left() + (rect.width() - piece) * self._place, rect.top(), piece, rect.height())
        if done.width() > 0:
            painter.setBrush(color("accent"))
            painter.drawRoundedRect(done, radius, radius)

    def _update_timer(self) -> None:
        if self.maximum() == 0 and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()

    def _move(self) -> None:
        self._place += _STEP_MS / _SWEEP_MS
        if self._place > 1:
            self._place = 0.0
        self.update()

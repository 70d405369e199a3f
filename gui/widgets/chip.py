"""Chips and state dots: a short fact with a tone. The words always say what the colour says."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from gui.theme import FontRole, color, em, font

ChipTone = Literal["plain", "ok", "warn", "bad", "accent"]
DotTone = Literal["ok", "warn", "bad", "dim"]

_DOT_TOKENS = {"ok": "ok", "warn": "dot_warn", "bad": "bad", "dim": "dim"}
_CHIP_TOKENS = {
    "ok": ("okbg", "ok"),
    "warn": ("warnbg", "warn"),
    "bad": ("badbg", "bad"),
    "accent": ("accent_weak", "accent"),
}


def paint_dot(painter: QPainter, centre: QPointF, tone: DotTone, diameter: float) -> None:
    """A state as colour *and* shape: full (good), half (on its way), crossed (bad), ring (nothing there)."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colour = color(_DOT_TOKENS[tone])
    radius = diameter / 2
    thin = max(1.0, diameter / 6)
    ring = QRectF(centre.x() - radius + thin / 2, centre.y() - radius + thin / 2, diameter - thin, diameter - thin)
    painter.setPen(QPen(colour, thin))
    if tone == "dim":
        painter.drawEllipse(ring)
    elif tone == "warn":
        painter.drawEllipse(ring)
        half = QPainterPath(centre)
        half.arcTo(ring, 90, 180)
        painter.fillPath(half, colour)
    elif tone == "bad":
        painter.setPen(QPen(colour, thin * 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        arm = radius * 0.72
        painter.drawLine(centre + QPointF(-arm, -arm), centre + QPointF(arm, arm))
        painter.drawLine(centre + QPointF(-arm, arm), centre + QPointF(arm, -arm))
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(centre, radius, radius)
    painter.restore()


class Chip(QLabel):
    """A rounded label.

    Args:
        text: a few words.
        tone: `plain` has an outline, the others a ground.
        dot: draw a state dot before the text (tones ok, warn, bad).
    """

    def __init__(
        self, text: str = "", tone: ChipTone = "plain", *, dot: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(font("small"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._tone: ChipTone = tone
        self._dot = dot
        self.setText(text)

    @property
    def tone(self) -> ChipTone:
        """The present tone."""
        return self._tone

    def set(self, text: str, tone: ChipTone) -> None:
        """Change words and tone together."""
        self._tone = tone
        self.setText(text)
        self.update()

    def sizeHint(self) -> QSize:
        """The text and its rounded ends."""
        metrics = self.fontMetrics()
        ends = em(1.12) + (em(0.8) if self._dot else 0)
        return QSize(metrics.horizontalAdvance(self.text()) + ends + 2, metrics.height() + em(0.36))

    def minimumSizeHint(self) -> QSize:
        """May be cut with '…' in a narrow column."""
        return QSize(min(self.sizeHint().width(), em(5)), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground, dot, text."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        ground, ink = _CHIP_TOKENS.get(self._tone, ("", "dim"))
        if ground:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color(ground))
        else:
            painter.setPen(color("line"))
        painter.drawRoundedRect(rect, rect.height() / 2, rect.height() / 2)
        inner = self.rect().adjusted(em(0.56), 0, -em(0.56), 0)
        if self._dot:
            tone: DotTone = self._tone if self._tone in ("ok", "warn", "bad") else "dim"
            paint_dot(painter, QPointF(inner.left() + em(0.28), rect.center().y()), tone, em(0.5))
            inner.setLeft(inner.left() + em(0.8))
        painter.setPen(color(ink))
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


class StateDot(QLabel):
    """A dot and the words for it.

    Args:
        tone: colour and shape.
        text: the state in words; may stand beside the widget instead, then give it as `name`.
        name: what screen readers say where `text` is empty.
        after: put the dot after the text.
    """

    def __init__(
        self,
        tone: DotTone = "dim",
        text: str = "",
        *,
        name: str = "",
        role: FontRole = "body",
        after: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(font(role))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._after = after
        self.tone: DotTone = tone
        self.set(tone, text, name=name)

    def set(self, tone: DotTone, text: str = "", *, name: str = "") -> None:
        """Change the state."""
        self.tone = tone
        self.setText(text)
        if name:
            self.setAccessibleName(name)
            self.setToolTip(name)
        self.update()

    def sizeHint(self) -> QSize:
        """The dot and the text."""
        metrics = self.fontMetrics()
        words = metrics.horizontalAdvance(self.text()) + self._gap() + 2 if self.text() else 0
        return QSize(em(0.62) + words, metrics.height())

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def _gap(self) -> int:
        """Between dot and text."""
        return em(0.25) if self._after else em(0.5)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Dot and text."""
        painter = QPainter(self)
        diameter = em(0.53)
        middle = self.height() / 2
        x = self.width() - diameter / 2 - 1 if self._after else diameter / 2 + 1
        paint_dot(painter, QPointF(x, middle), self.tone, diameter)
        if self.text():
            rect = self.rect()
            gap = em(0.62) + self._gap()
            rect.adjust(0 if self._after else gap, 0, -gap if self._after else 0, 0)
            painter.setPen(self.palette().color(self.foregroundRole()))
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())

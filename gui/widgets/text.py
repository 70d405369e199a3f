"""Texts: labels by role and tone, one that is cut with '…', and links."""

from __future__ import annotations

import html
from typing import Literal

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from gui.theme import FontRole, color, font
from gui.widgets.buttons import Button

Tone = Literal["plain", "dim", "ok", "warn", "bad", "accent"]


def plain_tooltip(text: str) -> str:
    """A tooltip that shows a text from outside as it is: Qt takes what looks like HTML for HTML."""
    return f'<p style="white-space:pre-wrap">{html.escape(text)}</p>' if text else ""


def repolish(widget: QWidget) -> None:
    """Make the style sheet look again at the widget's dynamic properties."""
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)
    widget.update()


class Label(QLabel):
    """A text in one of the theme's fonts. Plain text: what comes from outside is never taken for markup.

    Args:
        text: what it says.
        role: the font, see `theme.font`.
        tone: its colour.
        wrap: break lines at the width it is given.
        selectable: by mouse and keyboard, for what people want to copy.
    """

    def __init__(
        self,
        text: str = "",
        role: FontRole = "body",
        *,
        tone: Tone = "plain",
        wrap: bool = False,
        selectable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(font(role))
        self.setWordWrap(wrap)
        if selectable:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        self.setProperty("tone", tone)
        self.setText(text)

    def set_tone(self, tone: Tone) -> None:
        """Change the colour."""
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            repolish(self)


class ElidedLabel(Label):
    """One line that ends in '…' where there is no room; the tooltip then has the whole.

    Args:
        text: what it says.
        role: the font.
        tone: its colour.
        mode: where to cut: the right end, or the middle (paths).
    """

    def __init__(
        self,
        text: str = "",
        role: FontRole = "body",
        *,
        tone: Tone = "plain",
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        parent: QWidget | None = None,
    ) -> None:
        self._mode = mode
        super().__init__(text, role, tone=tone, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:
        """Set the text; line breaks become spaces."""
        super().setText(" ".join(text.split("\n")))
        self.updateGeometry()
        self._update_tooltip()

    def minimumSizeHint(self) -> QSize:
        """Room for a few letters."""
        hint = super().sizeHint()
        return QSize(min(hint.width(), self.fontMetrics().horizontalAdvance("mmm…")), hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give or take the tooltip."""
        super().resizeEvent(event)
        self._update_tooltip()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what fits."""
        painter = QPainter(self)
        tone = self.property("tone")
        painter.setPen(color("text" if tone in ("plain", None) else str(tone)))
        rect = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), self._mode, rect.width())
        painter.drawText(rect, self.alignment() | Qt.TextFlag.TextSingleLine, text)

    def changeEvent(self, event: QEvent) -> None:
        """A new font changes what fits."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._update_tooltip()

    def _update_tooltip(self) -> None:
        is_cut = self.fontMetrics().horizontalAdvance(self.text()) > self.contentsRect().width()
        self.setToolTip(plain_tooltip(self.text()) if is_cut else "")


class LinkLabel(Button):
    """A text to click, reached by Tab, pressed by Space or Enter. `quiet` ones are dim until the mouse is over them."""

    def __init__(self, text: str, *, quiet: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(text, kind="dim-link" if quiet else "link", parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

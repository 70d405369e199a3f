"""Cards: the white rounded frames that everything stands on."""

from __future__ import annotations

from typing import Literal

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from gui.theme import em
from gui.widgets.text import Label, repolish

CardTone = Literal["plain", "accent", "ok", "warn", "bad"]


class Card(QFrame):
    """A framed surface; put widgets into `body`.

    Args:
        title: a heading in the first row, or empty. `header` is that row: add widgets behind a stretch.
        tone: colour of the frame.
        tight: no padding, for lists and logs that reach the frame.
    """

    def __init__(
        self, title: str = "", *, tone: CardTone = "plain", tight: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("card", tone)
        self.body = QVBoxLayout(self)
        self.body.setSpacing(em(0.5))
        if tight:
            self.body.setContentsMargins(1, 1, 1, 1)
        else:
            self.body.setContentsMargins(em(1), em(0.88), em(1), em(0.88))
        self.header = QHBoxLayout()
        self.title: Label | None = None
        if title:
            self.title = Label(title, "heading")
            self.setAccessibleName(title)
            self.header.addWidget(self.title)
            self.body.addLayout(self.header)

    def set_tone(self, tone: CardTone) -> None:
        """Change the colour of the frame."""
        if self.property("card") != tone:
            self.setProperty("card", tone)
            repolish(self)


class Separator(QFrame):
    """A hairline."""

    def __init__(self, *, vertical: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "line")
        if vertical:
            self.setFixedWidth(1)
        else:
            self.setFixedHeight(1)

"""What pages stand on: a scrolling column, and the state of having nothing to show."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from gui.icons import pixmap
from gui.theme import em, theme
from gui.widgets.buttons import Button, PrimaryButton
from gui.widgets.showing import set_shown
from gui.widgets.text import Label


class ScrollColumn(QScrollArea):
    """A column of widgets that scrolls up and down, never sideways; put widgets into `body`.

    What gets the focus by Tab is scrolled into view.

    Args:
        max_width: of the column in em, 0 for none; the rest stays empty at the right.
        margins: page margins around the column.
        spacing: between widgets, in em.
    """

    def __init__(
        self, *, max_width: float = 0, margins: bool = True, spacing: float = 0.88, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("surface", "bare")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        ground = QWidget()
        ground.setProperty("surface", "bare")
        row = QHBoxLayout(ground)
        row.setContentsMargins(0, 0, 0, 0)
        self.column = QWidget()
        self.column.setProperty("surface", "bare")
        if max_width:
            self.column.setMaximumWidth(em(max_width))
        row.addWidget(self.column, 1000)
        row.addStretch(1)
        self.body = QVBoxLayout(self.column)
        self.body.setSpacing(em(spacing))
        if margins:
            self.body.setContentsMargins(em(1.5), em(1.25), em(1.5), em(1.25))
        else:
            self.body.setContentsMargins(0, 0, 0, 0)
        self.setWidget(ground)

    def minimumSizeHint(self) -> QSize:
        """Any height will do; the width is that of the widest widget."""
        return QSize(min(self.column.minimumSizeHint().width(), em(30)), em(6))


class EmptyState(QWidget):
    """Nothing to show, why, and what to do about it.

    Args:
        title: what is missing.
        text: why, or what will be here.
        button: label of the one thing to do; empty for none. It is the primary button when `primary`.
        icon: name in `resources/icons`.
    """

    clicked = Signal()

    def __init__(
        self,
        title: str,
        text: str = "",
        *,
        button: str = "",
        icon: str = "",
        primary: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        column = QVBoxLayout(self)
        column.setSpacing(em(0.5))
        column.addStretch(2)
        self._icon = icon
        self._sign = Label()
        self._sign.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        set_shown(self._sign, bool(icon))
        column.addWidget(self._sign)
        self.title = Label(title, "strong", wrap=True)
        self.text = Label(text, tone="dim", wrap=True)
        for label in (self.title, self.text):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            row = QHBoxLayout()
            row.addStretch(1)
            label.setMaximumWidth(em(34))
            row.addWidget(label, 8)
            row.addStretch(1)
            column.addLayout(row)
        self.button: Button = PrimaryButton(button) if primary else Button(button)
        set_shown(self.button, bool(button))
        self.button.clicked.connect(self.clicked)
        column.addSpacing(em(0.4))
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        theme().changed.connect(self._draw)
        self._draw()

    def set(self, title: str, text: str = "", *, button: str = "") -> None:
        """Change the words."""
        self.title.setText(title)
        self.text.setText(text)
        self.button.setText(button)
        self.button.setVisible(bool(button))

    def _draw(self) -> None:
        if self._icon:
            self._sign.setPixmap(pixmap(self._icon, em(2.4), "dim", self.devicePixelRatio()))

"""Saying things: a notice in the page, a toast over it, and the words for screen readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.icons import pixmap
from gui.theme import em, theme
from gui.widgets.buttons import Button, IconButton
from gui.widgets.flow import FlowLayout
from gui.widgets.showing import set_shown
from gui.widgets.text import Label, repolish

NoticeTone = Literal["plain", "accent", "ok", "warn", "bad"]
_SIGNS = {
    "plain": ("info", "dim"),
    "accent": ("info", "accent"),
    "ok": ("check", "ok"),
    "warn": ("warning", "warn"),
    "bad": ("warning", "bad"),
}
TOAST_MS = 6000


def announce(widget: QWidget, text: str) -> None:
    """Tell a screen reader, without moving the focus."""
    QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, text))


class Notice(QFrame):
    """A banner: what is the matter, what to do, and buttons that do it. Hidden while it has no text.

    Args:
        text: the remedy or explanation; may be empty when there is a title.
        title: what happened, in bold.
        tone: colour and sign.
        actions: (label, what to do) pairs.
        closable: has a cross.
    """

    closed = Signal()

    def __init__(
        self,
        text: str = "",
        *,
        title: str = "",
        tone: NoticeTone = "plain",
        actions: Sequence[tuple[str, Callable[[], None]]] = (),
        closable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._sign = QLabel()
        self._title = Label("", "bold", wrap=True, selectable=True)
        self._text = Label("", wrap=True, selectable=True)
        self._buttons = QWidget()
        FlowLayout(self._buttons)
        words = QVBoxLayout()
        words.setSpacing(em(0.25))
        words.addWidget(self._title)
        words.addWidget(self._text)
        words.addWidget(self._buttons)
        row = QHBoxLayout(self)
        row.setContentsMargins(em(0.88), em(0.62), em(0.62), em(0.62))
        row.setSpacing(em(0.62))
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        self._cross = IconButton("cross", "Dismiss")
        set_shown(self._cross, closable)
        self._cross.clicked.connect(self._on_cross)
        row.addWidget(self._cross, 0, Qt.AlignmentFlag.AlignTop)
        self._tone: NoticeTone = tone
        theme().changed.connect(self._update_sign)
        self.show_text(text, title=title, tone=tone, actions=actions, spoken=False)

    @property
    def text(self) -> str:
        """Title and text as one."""
        return " ".join(part for part in (self._title.text(), self._text.text()) if part)

    @property
    def tone(self) -> NoticeTone:
        """The present tone."""
        return self._tone

    def show_text(
        self,
        text: str,
        *,
        title: str = "",
        tone: NoticeTone | None = None,
        actions: Sequence[tuple[str, Callable[[], None]]] = (),
        spoken: bool = True,
    ) -> None:
        """Show other words; with none it hides. `spoken` tells screen readers."""
        was = self.text
        self._tone = tone or self._tone
        self._title.setText(title)
        self._title.setVisible(bool(title))
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self._set_actions(actions)
        self.setProperty("notice", self._tone)
        repolish(self)
        self._update_sign()
        self.setAccessibleName(self.text)
        set_shown(self, bool(text or title))
        if spoken and self.text and self.text != was:
            announce(self, self.text)

    def set_text(self, text: str) -> None:
        """Change the text under the title, silently and keeping the buttons: for what counts down."""
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self.setAccessibleName(self.text)

    def clear(self) -> None:
        """Hide it."""
        self.show_text("")

    def _set_actions(self, actions: Sequence[tuple[str, Callable[[], None]]]) -> None:
        layout = self._buttons.layout()
        assert isinstance(layout, FlowLayout)
        layout.clear()
        for label, act in actions:
            button = Button(label, kind="small")
            button.clicked.connect(lambda _checked=False, act=act: act())
            layout.addWidget(button)
        self._buttons.setVisible(bool(actions))

    def _update_sign(self) -> None:
        name, token = _SIGNS[self._tone]
        self._sign.setPixmap(pixmap(name, em(1.1), token, self.devicePixelRatio()))

    def _on_cross(self) -> None:
        self.clear()
        self.closed.emit()


class Toast(Notice):
    """A short message over the lower edge of a window, for what needs no answer; leaves by itself, or by its cross."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(closable=True, parent=window)
        self.setProperty("toast", "true")
        self._window = window
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.clear)
        window.installEventFilter(self)
        self.hide()

    def say(self, text: str, *, title: str = "", tone: NoticeTone = "plain", stays: bool = False) -> None:
        """Show it for a while; `stays` leaves it until it is dismissed (errors)."""
        self.show_text(text, title=title, tone=tone)
        self._place()
        self.raise_()
        if stays:
            self._timer.stop()
        else:
            self._timer.start(TOAST_MS)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in place when the window changes its size."""
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        wide = min(em(40), self._window.width() - em(4))
        self.setFixedWidth(wide)
        layout = self.layout()
        assert layout is not None
        layout.activate()
        high = layout.totalHeightForWidth(wide)
        self.setFixedHeight(high if high > 0 else self.sizeHint().height())
        self.move((self._window.width() - wide) // 2, self._window.height() - self.height() - em(4))

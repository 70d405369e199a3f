"""Buttons. All are QPushButtons, so mouse, keyboard and screen readers know them; Enter presses the focused one."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPushButton, QWidget

from gui.icons import icon as drawn
from gui.theme import em, font

Kind = Literal["plain", "primary", "danger", "small", "icon", "link", "dim-link"]


class Button(QPushButton):
    """A button.

    Args:
        text: its label, a verb.
        icon: name in `resources/icons`, or empty.
        kind: `plain`, `primary` (one a view), `danger` (destroys something), `small`, `icon` (no frame), `link`.
    """

    def __init__(self, text: str, *, icon: str = "", kind: Kind = "plain", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setProperty("kind", kind)
        self.setAutoDefault(False)
        self.setFont(font("small" if kind == "small" else "body" if kind in ("link", "dim-link") else "medium"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._icon = icon
        if icon:
            self.set_icon(icon)

    def set_icon(self, name: str) -> None:
        """Show this icon, in the colour of the label."""
        self._icon = name
        tokens = {"primary": "on_accent", "danger": "bad", "link": "accent", "dim-link": "dim"}
        self.setIcon(drawn(name, tokens.get(str(self.property("kind")), "text")))
        side = em(0.95)
        self.setIconSize(QSize(side, side))

    def set_primary(self, primary: bool) -> None:
        """Make it the one that stands out, or not."""
        kind = "primary" if primary else "plain"
        if self.property("kind") != kind:
            self.setProperty("kind", kind)
            self.style().unpolish(self)
            self.style().polish(self)
            if self._icon:
                self.set_icon(self._icon)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses it, as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat():
            self.click()
            return
        super().keyPressEvent(event)


class PrimaryButton(Button):
    """The button that most people want in this view."""

    def __init__(self, text: str, *, icon: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, icon=icon, kind="primary", parent=parent)


class IconButton(Button):
    """An icon alone; `name` is what screen readers say and the tooltip shows."""

    def __init__(self, icon: str, name: str, *, parent: QWidget | None = None) -> None:
        super().__init__("", icon=icon, kind="icon", parent=parent)
        self.setAccessibleName(name)
        self.setToolTip(name)

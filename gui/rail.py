"""The rail at the left edge: the pages, and the deployments under theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QVBoxLayout, QWidget

from gui.theme import color, em, font
from gui.widgets import Label, LinkLabel, paint_dot
from gui.widgets.chip import DotTone

if TYPE_CHECKING:
    from core.deployments.deployment import Deployment

MAX_DEPLOYMENTS = 8
_REASON = Qt.FocusReason
_BY_KEYBOARD = (_REASON.TabFocusReason, _REASON.BacktabFocusReason, _REASON.ShortcutFocusReason)


class Entry(NamedTuple):
    """One page in the rail."""

    page: str
    title: str


class RailButton(QAbstractButton):
    """An entry: its title, a count, and the ground that shows where one is. With a `dot` it is one level deeper."""

    def __init__(self, title: str, *, dot: DotTone | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._count = ""
        self._dot = dot
        self._is_current = False
        self._has_ring = False
        self.setText(title)
        self.setAccessibleName(title)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def is_current(self) -> bool:
        """Its page is the one that is shown."""
        return self._is_current

    @property
    def count(self) -> str:
        """The number at its right."""
        return self._count

    def set_current(self, current: bool) -> None:
        """Mark it as the place where one is."""
        if current != self._is_current:
            self._is_current = current
            self.setAccessibleDescription("current page" if current else "")
            self.update()

    def set_count(self, count: int) -> None:
        """The number at its right; 0 shows none."""
        self._count = f"{count:,}" if count else ""
        self.setAccessibleName(f"{self.text()}, {self._count}" if count else self.text())
        self.update()

    def set_state(self, tone: DotTone, text: str, spoken: str) -> None:
        """For a deployment: its dot, what is shown and what is said."""
        self._dot = tone
        self.setText(text)
        self.setAccessibleName(spoken)
        self.setToolTip(spoken)
        self.update()

    def _fitted(self, metrics: QFontMetrics, width: int) -> str:
        """What fits: the state behind the name is kept, and both ends of the name, by which they are told apart."""
        name, dot, state = self.text().partition(" · ")
        room = width - metrics.horizontalAdvance(dot + state)
        if room < metrics.horizontalAdvance("mmm…mm"):
            return metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, width)
        return metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room) + dot + state

    def sizeHint(self) -> QSize:
        """One line and its padding."""
        return QSize(em(11), self.fontMetrics().height() + em(0.8 if self._dot else 1.05))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring to those who came by keyboard."""
        super().focusInEvent(event)
        self._has_ring = event.reason() in _BY_KEYBOARD

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """No ring."""
        super().focusOutEvent(event)
        self._has_ring = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses it, as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground, dot, title, count, focus ring."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect())
        radius = em(0.45)
        if self._is_current or self.underMouse():
            ground = ("panel" if self._dot else "accent_weak") if self._is_current else "line"
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color(ground))
            painter.setOpacity(1.0 if self._is_current else 0.5)
            painter.drawRoundedRect(rect, radius, radius)
            painter.setOpacity(1.0)
        pad = em(0.62)
        inner = self.rect().adjusted(pad, 0, -pad, 0)
        if self._dot:
            inner.setLeft(em(1.38))
            paint_dot(painter, QPointF(inner.left() + em(0.25), rect.center().y()), self._dot, em(0.5))
            inner.setLeft(inner.left() + em(1))
        on = self._is_current and not self._dot
        middle = Qt.AlignmentFlag.AlignVCenter
        if self._count:
            painter.setPen(color("accent" if on else "dim"))
            painter.setFont(font("bold" if on else "body"))
            painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, self._count)
            inner.setRight(inner.right() - self.fontMetrics().horizontalAdvance(self._count) - em(0.5))
        painter.setFont(font("bold" if on else "body"))
        painter.setPen(color("accent" if on else "dim" if self._dot and not self._is_current else "text"))
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignLeft, self._fitted(painter.fontMetrics(), inner.width()))
        if self._has_ring:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color("accent"), 2))
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), radius, radius)


class Rail(QWidget):
    """The pages and the deployments.

    Args:
        top: entries at the top; the deployments stand under the entry of the page `deployments`.
        bottom: entries at the lower end.
    """

    page_chosen = Signal(str)
    deployment_chosen = Signal(str)

    def __init__(self, top: tuple[Entry, ...], bottom: tuple[Entry, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Pages")
        self.setFixedWidth(em(13.25))
        column = QVBoxLayout(self)
        column.setContentsMargins(em(0.62), em(0.88), em(0.62), em(0.88))
        column.setSpacing(2)
        brand = Label("Servedeck", "strong")
        brand.setContentsMargins(em(0.62), em(0.25), em(0.62), em(0.88))
        column.addWidget(brand)
        self.buttons: dict[str, RailButton] = {}
        self.deployments: dict[str, RailButton] = {}
        for entry in top:
            column.addWidget(self._page_button(entry))
            if entry.page == "deployments":
                self._under = QVBoxLayout()
                self._under.setSpacing(2)
                column.addLayout(self._under)
        column.addStretch(1)
        for entry in bottom:
            column.addWidget(self._page_button(entry))
        self._more = LinkLabel("", quiet=True)
        self._more.clicked.connect(lambda: self.page_chosen.emit("deployments"))
        self._more.hide()
        self._current = ("", "")

    def set_current(self, page: str, deployment_id: str = "") -> None:
        """Show where one is."""
        self._current = (page, deployment_id)
        for name, button in self.buttons.items():
            button.set_current(name == page)
        for each, button in self.deployments.items():
            button.set_current(page == "deployments" and each == deployment_id)

    def set_deployments(self, deployments: tuple[Deployment, ...]) -> None:
        """Show these (newest first): the active ones before the others, at most `MAX_DEPLOYMENTS`."""
        from gui.states import dot_tone, rail_text, state_words  # late: it stands on pydantic, the first paint doesn't

        active = [each for each in deployments if each.state.is_active]
        rest = [each for each in deployments if not each.state.is_active]
        shown = (active + rest)[:MAX_DEPLOYMENTS]
        self.buttons["deployments"].set_count(len(active))
        wanted = [each.id for each in shown]
        for gone in [each for each in self.deployments if each not in wanted]:
            button = self.deployments.pop(gone)
            self._under.removeWidget(button)
            button.hide()
            button.deleteLater()
        for place, deployment in enumerate(shown):
            button = self.deployments.get(deployment.id) or self._deployment_button(deployment.id)
            if self._under.indexOf(button) != place:
                self._under.removeWidget(button)
                self._under.insertWidget(place, button)
            spoken = f"{deployment.name}: {state_words(deployment)}"
            button.set_state("bad" if deployment.problem else dot_tone(deployment.state), rail_text(deployment), spoken)
        hidden = len(deployments) - len(shown)
        self._under.removeWidget(self._more)
        self._more.setText(f"{hidden} more")
        self._more.setVisible(hidden > 0)
        if hidden > 0:
            self._under.addWidget(self._more)
        self.set_current(*self._current)

    def _page_button(self, entry: Entry) -> RailButton:
        button = RailButton(entry.title)
        button.clicked.connect(lambda: self.page_chosen.emit(entry.page))
        self.buttons[entry.page] = button
        return button

    def _deployment_button(self, deployment_id: str) -> RailButton:
        button = RailButton("", dot="dim", parent=self)
        button.clicked.connect(lambda: self.deployment_chosen.emit(deployment_id))
        self.deployments[deployment_id] = button
        button.show()
        return button

"""The engines as cards, of which one is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QRadioButton, QSizePolicy, QVBoxLayout, QWidget

from core.engines.engine import Engine, Installation
from gui.serving import ServingAnswer, short_version
from gui.states import INSTALLATION_KINDS
from gui.theme import color, em
from gui.widgets import Button, Chip, FlowLayout, Label
from gui.wording import plural


class EngineCard(QRadioButton):
    """One engine: a radio button in other clothes, so arrows move the choice and screen readers say '1 of 3'."""

    install = Signal()

    def __init__(self, engine: Engine, parent: QWidget) -> None:
        super().__init__(engine.title, parent)
        self.engine = engine
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHorizontalStretch(1)
        self.setSizePolicy(policy)
        self._head = QWidget()
        self._flow = FlowLayout(self._head)
        self._flow.addWidget(Label(engine.title, "bold"))
        self.chip = Chip()
        self._flow.addWidget(self.chip)
        self.words = Label("", tone="dim", wrap=True)
        self.button = Button("Install…", kind="small")
        self.button.setAccessibleName(f"Install {engine.title}")
        self.button.clicked.connect(self.install)
        row = QHBoxLayout()
        row.addWidget(self.button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(em(0.88), em(0.75), em(0.88), em(0.75))
        column.setSpacing(em(0.4))
        column.addWidget(self._head)
        column.addWidget(self.words)
        column.addLayout(row)
        column.addStretch(1)
        # What has no use of the mouse lets it through to the card.
        for widget in (self._head, self.words):
            widget.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def show_answer(self, answer: ServingAnswer, installations: Sequence[Installation]) -> None:
        """Show which installations there are and whether it can serve the model."""
        usable = [each for each in installations if each.is_usable]
        newest = answer.installation
        can = True
        words = " ".join(part for part in (self.engine.summary, self.engine.notice) if part)
        if answer.needs_container:
            can = False
            self.chip.set("needs a container engine", "plain")
        elif newest is not None:
            where = newest.target if newest.target != "unknown" else INSTALLATION_KINDS[newest.kind]
            more = f" · {len(usable)} installations" if len(usable) > 1 else f" · {where}"
            self.chip.set(f"{short_version(newest.version) or 'version unknown'}{more}", "plain")
        elif installations:
            self.chip.set(f"{plural(len(installations), 'installation')}, none usable", "bad")
            words = installations[0].problem
        else:
            self.chip.set("not installed", "warn")
        if not answer.needs_container and not answer.support.can_serve and answer.support.auto is None:
            words = answer.support.auto_reason
        self.words.setText(words)
        self.button.setVisible(not answer.needs_container and newest is None)
        self.setEnabled(can)
        self.setAccessibleName(f"{self.engine.title}, {self.chip.text()}")
        self.setAccessibleDescription(words)
        self.updateGeometry()

    def hitButton(self, pos: QPoint) -> bool:
        """The whole card can be clicked."""
        return self.rect().contains(pos)

    def sizeHint(self) -> QSize:
        """What its words need."""
        return self._inner_layout().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Room for the name."""
        return QSize(em(8), self._inner_layout().minimumSize().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Frame: of the accent and thicker when chosen, and a ring inside for the keyboard's focus."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        wide = 2.0 if on else 1.0
        rect = QRectF(self.rect()).adjusted(wide / 2, wide / 2, -wide / 2, -wide / 2)
        painter.setBrush(color("panel" if self.isEnabled() else "bg"))
        painter.setPen(QPen(color("accent" if on else "line"), wide))
        painter.drawRoundedRect(rect, em(0.62), em(0.62))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color("accent"), 1, Qt.PenStyle.DotLine))
            painter.drawRoundedRect(rect.adjusted(3, 3, -3, -3), em(0.45), em(0.45))

    def changeEvent(self, event: QEvent) -> None:
        """Words follow the state of the card."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.setCursor(Qt.CursorShape.PointingHandCursor if self.isEnabled() else Qt.CursorShape.ArrowCursor)

    def _inner_layout(self) -> QVBoxLayout:
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        return layout


class EngineCards(QWidget):
    """A row of cards."""

    chosen = Signal(str)
    """The user chose this engine."""
    install = Signal(str)

    def __init__(self, engines: Sequence[Engine]) -> None:
        super().__init__()
        self.setAccessibleName("Engine")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(em(0.65))
        self.cards: dict[str, EngineCard] = {}
        for engine in engines:
            card = EngineCard(engine, self)
            card.clicked.connect(lambda _on, engine_id=engine.id: self.chosen.emit(engine_id))
            card.install.connect(lambda engine_id=engine.id: self.install.emit(engine_id))
            self.cards[engine.id] = card
            row.addWidget(card)

    def set_chosen(self, engine_id: str) -> None:
        """Choose without a signal."""
        self.cards[engine_id].setChecked(True)

"""The Engines page: a card for each engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from gui.pages.engines.card import EngineCard
from gui.pages.page import Page
from gui.theme import em
from gui.widgets import Button, Label, ScrollColumn

if TYPE_CHECKING:
    from core.app import App
    from core.telemetry.gpus import GpuReading
    from gui.bridge import Bridge
    from gui.navigator import Navigator

_WIDTH_EM = 62.5


class EnginesPage(Page):
    """What can serve models here, and what could."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__(app, bridge, navigator)
        self._column = ScrollColumn(max_width=_WIDTH_EM)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._column)
        head = QHBoxLayout()
        head.setSpacing(em(0.62))
        head.addWidget(Label("Engines", "title"))
        head.addStretch(1)
        self.rescan = Button("Look again", icon="refresh")
        self.rescan.clicked.connect(self._rescan)
        head.addWidget(self.rescan)
        self._column.body.addLayout(head)
        self.cards: dict[str, EngineCard] = {}
        for engine in app.engines.all():
            self.cards[engine.id] = EngineCard(app, bridge, engine)
            self._column.body.addWidget(self.cards[engine.id])
        self._column.body.addStretch(1)
        bridge.installations_changed.connect(self.refresh)
        bridge.install_changed.connect(self.refresh)

    def shown(self) -> None:
        """Show what is there now."""
        self.refresh()
        self.bridge.in_thread(self.app.gpus.read, self._on_gpus)

    def _on_gpus(self, reading: GpuReading) -> None:
        for card in self.cards.values():
            card.show_size(has_nvidia=reading.has_nvidia)

    def open(self, engine_id: str) -> None:
        """Scroll to an engine and put the focus into its card."""
        card = self.cards.get(engine_id)
        if card is not None:
            self._column.ensureWidgetVisible(card)
            button = card.install if card.install.isVisible() else card.add
            button.setFocus()

    def refresh(self) -> None:
        """Show what is there now."""
        for card in self.cards.values():
            card.refresh()

    def _rescan(self) -> None:
        self.rescan.setEnabled(False)

        def done(_nothing: object) -> None:
            self.rescan.setEnabled(True)
            self.refresh()

        def failed(error: BaseException) -> None:
            self.rescan.setEnabled(True)
            self.navigator.show_error(error)

        self.bridge.run(self.app.installations.refresh(), done, failed, owner=self)

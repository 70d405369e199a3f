"""The Home page: what is on this machine, and where to start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout

from gui.pages.home.found import FoundCard
from gui.pages.home.machine import MachineCards
from gui.pages.home.start import DemoCard, ModelCard
from gui.pages.page import Page
from gui.widgets import Label, ScrollColumn

if TYPE_CHECKING:
    from core.app import App
    from core.telemetry.gpus import GpuReading
    from core.telemetry.host import HostSample
    from gui.bridge import Bridge
    from gui.navigator import Navigator

SAMPLE_MS = 5000
_WIDTH_EM = 62.5


class HomePage(Page):
    """Machine, engines, models, account, Hub; then a model to serve at once, and the demo."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__(app, bridge, navigator)
        column = ScrollColumn(max_width=_WIDTH_EM)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column)
        self.machine = MachineCards()
        self.found = FoundCard(app, bridge, navigator)
        self.model = ModelCard(app, bridge, navigator)
        self.demo = DemoCard(app, bridge, navigator)
        column.body.addWidget(Label("What is here", "title"))
        column.body.addWidget(self.machine)
        column.body.addWidget(self.found)
        column.body.addWidget(Label("Start here", "title"))
        column.body.addWidget(self.model)
        column.body.addWidget(self.demo)
        column.body.addStretch(1)
        self.model.changed.connect(self._mark_first_step)
        self._mark_first_step()
        self._is_sampling = False
        self._timer = QTimer(self)
        self._timer.setInterval(SAMPLE_MS)
        self._timer.timeout.connect(self._sample)

    def shown(self) -> None:
        """Measure now and then, and look again at what has no event (the token)."""
        self.found.refresh()
        self._timer.start()
        QTimer.singleShot(0, self, self._sample)

    def hidden(self) -> None:
        """Measure nothing while nobody looks."""
        self._timer.stop()

    def _mark_first_step(self) -> None:
        """One button stands out: that of the model, else that of the demo."""
        self.demo.start.set_primary(self.model.isHidden())

    def _sample(self) -> None:
        if self._is_sampling:
            return
        self._is_sampling = True
        self.bridge.in_thread(lambda: (self.app.host.sample(), self.app.gpus.read()), self._on_sample, self._on_failed)

    def _on_sample(self, sample: tuple[HostSample, GpuReading]) -> None:
        self._is_sampling = False
        host, gpus = sample
        self.machine.show_host(host)
        self.machine.show_gpus(gpus)
        self.found.set_has_nvidia(gpus.has_nvidia)

    def _on_failed(self, error: BaseException) -> None:
        self._is_sampling = False
        self._timer.stop()
        self.navigator.show_error(error)

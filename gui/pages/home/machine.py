"""The machine on the Home page: a card for each GPU and one for the computer. Everything shown is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from gui.theme import em
from gui.widgets import Bar, Card, ElidedLabel, Label, Segment
from gui.widgets.showing import set_shown
from gui.wording import disk_size, gib, gib_number, plural

if TYPE_CHECKING:
    from core.telemetry.gpus import Gpu, GpuReading
    from core.telemetry.host import HostSample

COLUMNS = 3


class _GpuCard(Card):
    """Name, memory in use, what is free."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout()
        row.setSpacing(em(0.6))
        self._index = Label("", "bold")
        self._name = ElidedLabel("", tone="dim")
        row.addWidget(self._index)
        row.addWidget(self._name, 1)
        self._bar = Bar(name="Memory")
        self._words = Label("", tone="dim", wrap=True)
        self.body.addLayout(row)
        self.body.addWidget(self._bar)
        self.body.addWidget(self._words)

    def show_gpu(self, gpu: Gpu, reading: GpuReading) -> None:
        self._index.setText(f"GPU {gpu.index}")
        self._name.setText(gpu.name)
        self.setAccessibleName(f"GPU {gpu.index} {gpu.name}")
        share = gpu.memory_used / gpu.memory_total if gpu.memory_total else 0.0
        self._bar.set_segments([Segment(share, "used", "used")])
        self._bar.setVisible(gpu.memory_total > 0)
        free = f"{gib_number(gpu.memory_total - gpu.memory_used)} of {gib(gpu.memory_total)} free"
        parts = [free if gpu.memory_total else "shares the memory of this computer"]
        if reading.driver:
            parts.append(f"driver {reading.driver}")
        if reading.cuda:
            parts.append(f"CUDA {reading.cuda}")
        self._words.setText(_joined(parts))


class _TextCard(Card):
    """A name and a sentence."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setAccessibleName(title)
        self.words = Label("", tone="dim", wrap=True)
        self.body.addWidget(Label(title, "bold"))
        self.body.addWidget(self.words)
        self.body.addStretch(1)


class MachineCards(QWidget):
    """GPU cards and 'This computer', three in a row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(em(0.62))
        self._gpus: list[_GpuCard] = []
        self.computer = _TextCard("This computer")
        self.no_gpu = _TextCard("Graphics")
        self._has_gpus = False
        self.computer.words.setText("measuring…")
        self._arrange()

    def show_host(self, sample: HostSample) -> None:
        """Cores, memory, disk."""
        memory = f"{gib(sample.memory_total)}, {gib_number(sample.memory_available)} free"
        disk = f"{disk_size(sample.disk_free)} free on disk"
        self.computer.words.setText(_joined([plural(sample.cores, "core"), memory, disk]))

    def show_gpus(self, reading: GpuReading) -> None:
        """A card for each GPU; without one, what that means."""
        while len(self._gpus) < len(reading.gpus):
            self._gpus.append(_GpuCard())
        while len(self._gpus) > len(reading.gpus):
            gone = self._gpus.pop()
            self._grid.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for card, gpu in zip(self._gpus, reading.gpus, strict=True):
            card.show_gpu(gpu, reading)
        if reading.problem:
            self.no_gpu.words.setText(reading.problem)
            self.no_gpu.set_tone("warn")
        else:
            self.no_gpu.words.setText("no NVIDIA GPU found · small models run on the CPU")
            self.no_gpu.set_tone("plain")
        self._has_gpus = bool(reading.gpus) and not reading.problem
        self._arrange()

    def _arrange(self) -> None:
        cards: list[Card] = [*self._gpus, *([] if self._has_gpus else [self.no_gpu]), self.computer]
        set_shown(self.no_gpu, not self._has_gpus)
        for card in (*self._gpus, self.no_gpu, self.computer):
            self._grid.removeWidget(card)
        for place, card in enumerate(cards):
            self._grid.addWidget(card, place // COLUMNS, place % COLUMNS)
        for column in range(COLUMNS):
            self._grid.setColumnStretch(column, 1 if column < len(cards) else 0)


def _joined(facts: list[str]) -> str:
    """Facts that may break between, but not within."""
    hard = "\N{NO-BREAK SPACE}"
    return f"{hard}· ".join(fact.replace(" ", hard) for fact in facts)

"""The strip at the lower edge: what the machine has left, and whether the engines and the Hub are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from gui.theme import em
from gui.widgets import Bar, ElidedLabel, Label, Segment, StateDot
from gui.widgets.chip import DotTone
from gui.wording import disk_size, gib, gib_number

if TYPE_CHECKING:
    from core.app import App
    from core.telemetry.gpus import Gpu, GpuReading
    from core.telemetry.host import HostSample
    from gui.bridge import Bridge

T = TypeVar("T")
HOST_MS = 2000
GPU_MS = 5000
NEARLY_FULL = 0.9


class _GpuItem(QWidget):
    """Name, memory bar and figures of one GPU."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(em(0.4))
        self._name = ElidedLabel("", "small", tone="dim")
        self._bar = Bar(name="GPU memory")
        self._bar.setMaximumWidth(em(9.4))
        self._figures = Label("", "small", tone="dim")
        self._name.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        row.addWidget(self._name)
        row.addWidget(self._bar, 1)
        row.addWidget(self._figures)

    def show_gpu(self, gpu: Gpu) -> None:
        name = gpu.name.removeprefix("NVIDIA ").removeprefix("GeForce ")
        self._name.setText(f"GPU {gpu.index} {name}")
        share = gpu.memory_used / gpu.memory_total if gpu.memory_total else 0.0
        self._bar.set_segments([Segment(share, "dot_warn" if share > NEARLY_FULL else "accent", "used")])
        # 0: it shares the processor's memory, and the driver tells nothing of it.
        parts = [f"{gib_number(gpu.memory_used)} / {gib(gpu.memory_total)}"] if gpu.memory_total else []
        self._bar.setVisible(gpu.memory_total > 0)
        if gpu.utilisation is not None:
            parts.append(f"{gpu.utilisation:.0f} %")
        if gpu.temperature is not None:
            parts.append(f"{gpu.temperature:.0f} °C")
        self._figures.setText(" · ".join(parts))


class Strip(QWidget):
    """Samples the machine off the GUI thread while visible: host each 2 s, GPUs each 5 s. Empty until `attach`."""

    _app: App
    _bridge: Bridge

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "strip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Machine and connections")
        self.setFixedHeight(em(2.5))
        row = QHBoxLayout(self)
        row.setContentsMargins(em(1), 0, em(1), 0)
        row.setSpacing(em(1.6))
        self._gpu_row = QHBoxLayout()
        self._gpu_row.setSpacing(em(1.6))
        self._gpus: list[_GpuItem] = []
        self._gpu_problem = ElidedLabel("", "small", tone="warn")
        self._gpu_problem.hide()
        self.ram = Label("", "small", tone="dim")
        self.disk = Label("", "small", tone="dim")
        row.addLayout(self._gpu_row)
        row.addWidget(self._gpu_problem)
        row.addWidget(self.ram)
        row.addWidget(self.disk)
        row.addStretch(1)
        self._dots = QHBoxLayout()
        self._dots.setSpacing(em(1))
        row.addLayout(self._dots)
        self.dots: dict[str, StateDot] = {}
        self._host_timer = self._timer(HOST_MS, self._sample_host)
        self._gpu_timer = self._timer(GPU_MS, self._read_gpus)
        self._asking: set[str] = set()
        self._is_attached = False

    def attach(self, app: App, bridge: Bridge) -> None:
        """Begin to show this core, sampled through this bridge."""
        self._app, self._bridge, self._is_attached = app, bridge, True
        bridge.installations_changed.connect(self._show_engines)
        bridge.hub_status_changed.connect(self._show_hub)
        self._show_engines()
        self._show_hub("")

    def start(self) -> None:
        """Begin sampling; call it after the first paint."""
        if not self._is_attached:
            return
        for timer, sample in ((self._host_timer, self._sample_host), (self._gpu_timer, self._read_gpus)):
            if not timer.isActive():
                timer.start()
                sample()

    def stop(self) -> None:
        """Rest while nobody looks."""
        self._host_timer.stop()
        self._gpu_timer.stop()

    def _timer(self, interval: int, act: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval)
        timer.timeout.connect(act)
        return timer

    def _sample_host(self) -> None:
        self._once("host", self._app.host.sample, self._show_host)

    def _read_gpus(self) -> None:
        self._once("gpus", self._app.gpus.read, self._show_gpus)

    def _once(self, what: str, work: Callable[[], T], show: Callable[[T], None]) -> None:
        """Run it in a thread unless the last one still runs: a slow disk or driver must not pile up threads."""
        if what in self._asking:
            return
        self._asking.add(what)

        def done(result: T) -> None:
            self._asking.discard(what)
            show(result)

        def failed(error: BaseException) -> None:
            self._asking.discard(what)
            self.stop()
            self._bridge.unhandled.emit(error)

        self._bridge.in_thread(work, done, failed, owner=self)

    def _show_host(self, sample: HostSample) -> None:
        used = sample.memory_total - sample.memory_available
        self.ram.setText(f"RAM {gib_number(used)} / {gib(sample.memory_total)}")
        self.disk.setText(f"Disk {disk_size(sample.disk_free)} free")
        self.disk.setToolTip(f"On the disk of {sample.disk_path}")
        self.disk.set_tone("bad" if sample.disk_free < 2e9 else "dim")

    def _show_gpus(self, reading: GpuReading) -> None:
        self._gpu_problem.setText(f"GPU: {reading.problem}" if reading.problem else "")
        self._gpu_problem.setVisible(bool(reading.problem))
        while len(self._gpus) < len(reading.gpus):
            item = _GpuItem()
            self._gpus.append(item)
            self._gpu_row.addWidget(item)
        while len(self._gpus) > len(reading.gpus):
            gone = self._gpus.pop()
            self._gpu_row.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for item, gpu in zip(self._gpus, reading.gpus, strict=True):
            item.show_gpu(gpu)

    def _show_engines(self) -> None:
        installations = self._app.installations
        for engine in self._app.engines.all():
            if not engine.executable:
                continue
            usable = [each for each in installations.of(engine.id) if each.is_usable]
            if usable:
                self._set_dot(engine.id, "ok", engine.title, f"{engine.title} {usable[0].version} is installed")
            elif not installations.scanned:
                self._set_dot(engine.id, "dim", engine.title, f"{engine.title}: looking for it")
            else:
                self._set_dot(engine.id, "dim", engine.title, f"{engine.title} is not installed")

    def _show_hub(self, problem: str) -> None:
        if problem:
            self._set_dot("hub", "bad", "Hub", f"The Hub does not answer: {problem}")
        elif self._bridge.hub_was_asked:
            self._set_dot("hub", "ok", "Hub", f"{self._app.hub.endpoint} answers")
        else:
            self._set_dot("hub", "dim", "Hub", "The Hub has not been asked yet")

    def _set_dot(self, key: str, tone: DotTone, text: str, spoken: str) -> None:
        dot = self.dots.get(key)
        if dot is None:
            dot = self.dots[key] = StateDot("dim", text, role="small", after=True)
            dot.setProperty("tone", "dim")
            self._dots.addWidget(dot)
        dot.set(tone, text, name=spoken)

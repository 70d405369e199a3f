"""An install job as the Engines page shows it: its step, the last line of pip, and what to do when it fails."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui.widgets import Button, CodeBox, ElidedLabel, Label, Notice, ProgressLine, announce
from gui.wording import duration

if TYPE_CHECKING:
    from core.app import App
    from core.engines.installer import InstallJob
    from gui.bridge import Bridge

LOG_MS = 1000
LOG_LINES = 400


def last_lines(path: Path, count: int = LOG_LINES) -> str:
    """The end of a log file; what is no UTF-8 is replaced.

    Raises:
        OSError: it can't be read.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        return "".join(deque(file, maxlen=count))


class JobPanel(QWidget):
    """Follows one job at a time; hidden without one.

    Args:
        app: the core.
        bridge: runs its commands.
    """

    def __init__(self, app: App, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._app, self._bridge = app, bridge
        self.job: InstallJob | None = None
        self.step = Label("", "medium")
        self.line = ProgressLine(name="Installing")
        self.detail = ElidedLabel("", "mono_small", tone="dim", mode=Qt.TextElideMode.ElideMiddle)
        self.cancel = Button("Cancel")
        self.cancel.clicked.connect(self._on_cancel)
        self.log_button = Button("Show log", kind="small")
        self.log_button.clicked.connect(self._toggle_log)
        self.log = CodeBox(name="Installation log", max_lines=14)
        self.log.hide()
        self.notice = Notice(closable=True)
        self.notice.closed.connect(self._on_dismissed)
        self._running = QWidget()
        row = QHBoxLayout()
        row.addWidget(self.step, 1)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self._running)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.line)
        column.addWidget(self.detail)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._running)
        outer.addWidget(self.notice)
        outer.addWidget(self.log_button, 0, Qt.AlignmentFlag.AlignLeft)
        outer.addWidget(self.log)
        self._timer = QTimer(self)
        self._timer.setInterval(LOG_MS)
        self._timer.timeout.connect(self._read_log)
        self._is_reading = False
        self.hide()

    def show_job(self, job: InstallJob) -> None:
        """Show how far it is, or how it ended."""
        ended_now = self.job is not None and self.job.id == job.id and self.job.state == "running" != job.state
        if self.job is None or self.job.id != job.id:
            self.cancel.setEnabled(True)
        self.job = job
        running = job.state == "running"
        self.setVisible(running or job.state == "failed" or ended_now)
        self._running.setVisible(running)
        if running:
            self.notice.clear()
            self.step.setText(f"Step {job.step_number} of {job.steps}: {job.step}")
            # pip says nothing of how far it is: whole steps are all that is known.
            self.line.set_fraction(None if job.steps <= 1 else max(0, job.step_number - 1) / job.steps or None)
            self.detail.setText(job.detail)
        elif job.state == "failed":
            self._show_failure(job)
        elif ended_now:
            self._show_end(job)
        if not running:
            self._timer.stop()
            if self.log.isVisible():
                self._read_log()

    def _show_failure(self, job: InstallJob) -> None:
        title = f"Installing {self._app.engines.get(job.engine).title} failed"
        where = f" at “{job.step}”" if job.step else ""
        text = job.problem or "The log says why."
        self.notice.show_text(text, title=f"{title}{where}.", tone="bad", actions=[("Try again", self._retry)])

    def _show_end(self, job: InstallJob) -> None:
        title = self._app.engines.get(job.engine).title
        if job.state == "done":
            took = f" in {duration(job.ended - job.started)}" if job.ended else ""
            self.notice.show_text(f"{title} is installed{took}.", tone="ok")
        else:
            text = "What was downloaded is kept, so that installing again goes on from there."
            self.notice.show_text(text, title="Cancelled.", tone="plain", actions=[("Resume", self._retry)])

    def _retry(self) -> None:
        if self.job is not None:
            self.start(self.job.engine)

    def start(self, engine_id: str) -> None:
        """Begin installing; refusals are shown here."""
        self.notice.clear()
        self._bridge.run(self._start(engine_id), self.show_job, self._on_refused)

    async def _start(self, engine_id: str) -> InstallJob:
        return await self._app.installer.start(engine_id)

    def _on_refused(self, error: BaseException) -> None:
        from gui.errors import describe

        said = describe(error)
        self.show()
        self._running.hide()
        self.notice.show_text(said.text, title=said.title, tone="bad")

    def _on_cancel(self) -> None:
        if self.job is not None:
            self.cancel.setEnabled(False)
            announce(self, "Cancelling")
            self._bridge.run(self._app.installer.cancel(self.job.id), None, self._on_refused)

    def _on_dismissed(self) -> None:
        self.hide()
        self._hide_log()

    def _toggle_log(self) -> None:
        if not self.log.isHidden():
            self._hide_log()
            return
        self.log.show()
        self.log_button.setText("Hide log")
        self._read_log()
        if self.job is not None and self.job.state == "running":
            self._timer.start()

    def _hide_log(self) -> None:
        self._timer.stop()
        self.log.hide()
        self.log_button.setText("Show log")

    def _read_log(self) -> None:
        job = self.job
        if job is None or self._is_reading:
            return
        self._is_reading = True

        def done(text: str) -> None:
            self._is_reading = False
            self.log.set_text(text.rstrip("\n"))
            bar = self.log.verticalScrollBar()
            bar.setValue(bar.maximum())

        def failed(error: BaseException) -> None:
            self._is_reading = False
            self.log.set_text(f"{job.log} can't be read: {error}")

        self._bridge.in_thread(lambda: last_lines(job.log), done, failed, owner=self)

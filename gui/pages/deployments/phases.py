"""The strip of phases: how long each step of the start took, and what goes on now."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from core.deployments.deployment import Deployment, Phase, PhaseSpan, Run, State
from gui.states import failed_phase, took_words
from gui.theme import em
from gui.widgets import Card, ElidedLabel, ProgressLine
from gui.widgets.text import Tone

_TICK_MS = 200


class PhaseCell(QWidget):
    """One phase: its name, how long it took, how far it is."""

    def __init__(self, phase: Phase, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.phase = phase
        self._shown: tuple[str, str, Tone, float | None] = ("", "", "plain", None)
        self.title = ElidedLabel(phase.value[:1].upper() + phase.value[1:], "bold")
        self.detail = ElidedLabel("", tone="dim")
        self.progress = ProgressLine(name=f"{phase.value} progress")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.15))
        column.addWidget(self.title)
        column.addWidget(self.detail)
        column.addWidget(self.progress)
        keeps = self.progress.sizePolicy()
        keeps.setRetainSizeWhenHidden(True)  # the strip must not jump when progress is known
        self.progress.setSizePolicy(keeps)
        self.progress.hide()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_as(self, title: str, detail: str, tone: Tone, progress: float | None = None) -> None:
        """Change what it says; what stays the same costs nothing."""
        shown = (title, detail, tone, progress)
        if shown == self._shown:
            return
        before, self._shown = self._shown, shown
        if title != before[0]:
            self.title.setText(title)
        self.title.set_tone(tone)
        if detail != before[1]:
            self.detail.setText(detail)
        self.progress.setVisible(progress is not None)
        if progress is not None:
            self.progress.set_fraction(progress)
        self.setAccessibleName(f"{title}: {detail}" if detail else title)


class PhaseStrip(Card):
    """The phases of a run side by side, then Ready. The running one counts up."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setAccessibleName("Phases of the start")
        self.body.setContentsMargins(em(1), em(0.62), em(1), em(0.3))
        self._row = QHBoxLayout()
        self._row.setSpacing(em(1))
        self.body.addLayout(self._row)
        self.cells: dict[Phase, PhaseCell] = {}
        self._deployment: Deployment | None = None
        self._run: Run | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._refresh)

    def show_run(self, deployment: Deployment) -> None:
        """Show the latest run of this deployment."""
        self._deployment = deployment
        self._run = deployment.run
        wanted = shown_phases(deployment)
        if list(self.cells) != wanted:
            self._arrange(wanted)
        self._refresh()
        self._update_timer()

    def showEvent(self, event: QShowEvent) -> None:
        """Count on."""
        super().showEvent(event)
        self._refresh()
        self._update_timer()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks."""
        super().hideEvent(event)
        self._timer.stop()

    def _update_timer(self) -> None:
        runs = self._run is not None and self._run.state in (State.PREPARING, State.STARTING)
        if runs and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()

    def _arrange(self, phases: list[Phase]) -> None:
        """Cells of phases that stay are kept."""
        for phase in [each for each in self.cells if each not in phases]:
            cell = self.cells.pop(phase)
            self._row.removeWidget(cell)
            cell.hide()
            cell.deleteLater()
        self.cells = {phase: self.cells.get(phase) or PhaseCell(phase) for phase in phases}
        for place, cell in enumerate(self.cells.values()):
            if self._row.indexOf(cell) != place:
                self._row.removeWidget(cell)
                self._row.insertWidget(place, cell, 1)

    def _refresh(self) -> None:
        if self._run is None:
            return
        now = time.time()
        spans = {span.phase: span for span in self._run.phases}
        failed = failed_phase(self._run)
        for phase, cell in self.cells.items():
            title = phase.value[:1].upper() + phase.value[1:]
            span = spans.get(phase)
            if phase is Phase.READY:
                self._show_ready(cell)
            elif phase is failed and self._run.exit is not None:
                cell.show_as(f"{title} ✕", self._run.exit.text, "bad")
            elif phase is failed:
                cell.show_as(f"{title} ✕", "failed", "bad")
            elif span is None:
                cell.show_as(title, "", "dim")
            else:
                self._show_span(cell, title, span, now)

    def _show_span(self, cell: PhaseCell, title: str, span: PhaseSpan, now: float) -> None:
        goes_on = span.ended is None and self._run is not None and self._run.state.is_active
        seconds = max(0.0, (now if span.ended is None else span.ended) - span.started)
        # Times of lines are known to 50 ms.
        took = "< 0.1 s" if seconds < 0.05 and not goes_on else took_words(seconds)
        detail = " · ".join(part for part in (took, span.note) if part)
        cell.show_as(title, detail, "accent" if goes_on else "plain", span.progress if goes_on else None)

    def _show_ready(self, cell: PhaseCell) -> None:
        assert self._run is not None
        seconds = self._run.seconds_to_ready
        if seconds is None:
            cell.show_as("Ready", "", "dim")
        else:
            tone: Tone = "ok" if self._run.state in (State.READY, State.STOPPING) else "plain"
            cell.show_as("Ready", f"after {took_words(seconds)}", tone)


def shown_phases(deployment: Deployment) -> list[Phase]:
    """The phases that the run went through; before it is ready also those of the last run that was, and Ready."""
    run = deployment.run
    if run is None:
        return []
    seen = [span.phase for span in run.phases]
    if run.seconds_to_ready is None and run.state in (State.PREPARING, State.STARTING, State.FAILED):
        alike = [each for each in deployment.runs[:-1] if each.seconds_to_ready is not None and _is_alike(each, run)]
        known = [span.phase for span in alike[-1].phases] if alike else []
        order = list(Phase)
        last = max((order.index(phase) for phase in seen), default=-1)
        seen += [phase for phase in known if phase not in seen and order.index(phase) > last]
    return [phase for phase in dict.fromkeys(seen) if phase != Phase.READY] + [Phase.READY]


def _is_alike(earlier: Run, run: Run) -> bool:
    """The same engine ran in it, so its phases tell what is still to come."""
    return not run.argv or earlier.argv[:1] == run.argv[:1]

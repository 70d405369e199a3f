"""What is to be said about a deployment: why it failed, what a stop left, what differs from what was asked."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from core.deployments.deployment import Deployment, Run, State
from gui.states import failed_words, stop_words
from gui.theme import em
from gui.widgets import Card, CodeBox, Label, LinkLabel, Notice, announce
from gui.widgets.notice import NoticeTone

_LINES = 6


class FailureCard(Card):
    """How a run failed: exit, phase, and the cause as the engine says it."""

    line_wanted = Signal(int)
    """Show this line of the log (from 0)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Failed", tone="bad", parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        assert self.title is not None
        self.title.setWordWrap(True)
        self.header.setStretchFactor(self.title, 1)
        self._line = 0
        self.line_button = LinkLabel("")
        self.line_button.clicked.connect(lambda: self.line_wanted.emit(self._line))
        self.header.addWidget(self.line_button)
        self.cause = CodeBox(name="Cause", max_lines=_LINES, wrap=True)
        self.explanation = Label("", tone="dim", wrap=True, selectable=True)
        self.body.addWidget(self.cause)
        self.body.addWidget(self.explanation)

    def show_run(self, run: Run) -> None:
        """Show how this run failed."""
        assert self.title is not None
        title = failure_title(run)
        if title != self.title.text():
            self.title.setText(title)
            self.setAccessibleName(title)
            announce(self, title)
        self.cause.set_text(run.failure)
        self.cause.setVisible(bool(run.failure))
        self._line = run.failure_line or 0
        self.line_button.setText(f"Go to line {self._line + 1:,}")
        self.line_button.setVisible(run.failure_line is not None)
        words = failure_explanation(run)
        self.explanation.setText(words)
        self.explanation.setVisible(bool(words))


class Findings(QWidget):
    """The card of a failure and notices; as high as what there is to say."""

    line_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.failure = FailureCard()
        self.failure.line_wanted.connect(self.line_wanted)
        self.failure.hide()
        self.notices: list[Notice] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(em(0.6))
        self._column.addWidget(self.failure)
        self._shown: tuple[tuple[str, str, NoticeTone], ...] = ()

    def show_deployment(self, deployment: Deployment) -> None:
        """Show what there is to say now."""
        run = deployment.run
        failed = run is not None and deployment.state is State.FAILED and not deployment.problem
        if run is not None and failed:
            self.failure.show_run(run)
        self.failure.setVisible(failed)
        wanted = tuple(notices(deployment))
        if wanted != self._shown:
            self._shown = wanted
            for notice in self.notices:
                self._column.removeWidget(notice)
                notice.hide()
                notice.deleteLater()
            self.notices = [Notice(text, title=title, tone=tone) for title, text, tone in wanted]
            for notice in self.notices:
                self._column.addWidget(notice)
        self.setVisible(failed or bool(wanted))


def notices(deployment: Deployment) -> list[tuple[str, str, NoticeTone]]:
    """Title, text and tone of what is to be told beside a failure."""
    found: list[tuple[str, str, NoticeTone]] = []
    run = deployment.run
    if deployment.problem:
        found.append(("This deployment can't be read.", deployment.problem, "bad"))
    if run is None:
        return found
    if deployment.state is State.STOPPED and run.stop is not None:
        found.append((f"Stopped: {stop_words(run)}.", "", "ok" if run.stop.is_clean else "warn"))
    if deployment.differs:
        found.append(("Another implementation loaded than was asked for.", f"{deployment.differs}", "warn"))
    found += [("", warning, "warn") for warning in run.warnings]
    return found


def failure_title(run: Run) -> str:
    """`Failed while loading weights: exit code 1`."""
    if run.exit is None or run.exit.asked:
        return failed_words(run)
    return f"{failed_words(run)}: {run.exit.text}"


def failure_explanation(run: Run) -> str:
    """What stands beside the cause: what showed the failure, or that the log names no cause."""
    found = stop_words(run)
    if found:
        return f"After the stop: {found}."
    evidence = run.history[-1].evidence if run.history else ""
    if run.exit is None:
        return evidence
    # What the title says already is left out; more may follow ('port 8000 is held by …').
    more = evidence.partition("; ")[2]
    parts = [] if run.failure else ["The log names no cause; its last lines are below."]
    parts += [f"{more[:1].upper()}{more[1:]}."] if more else []
    return " ".join(parts)

"""Closing the window while something runs: keep it serving, stop it, or stay."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from core.errors import ServedeckError, StopIncompleteError
from gui.errors import describe
from gui.widgets import CANCEL, Answer, ProgressLine, Question, Toggle
from gui.wording import plural

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge

KEEP, STOP = "keep", "stop"


class Quitting(QObject):
    """Decides whether the window may close.

    Args:
        app: the core.
        bridge: runs the stops.
        window: what the questions stand on.
    """

    agreed = Signal()
    """The window may close now: everything is as the user wants it."""

    def __init__(self, app: App, bridge: Bridge, window: QWidget) -> None:
        super().__init__(window)
        self._app = app
        self._bridge = bridge
        self._window = window
        self._dialog: Question | None = None
        self._remember: Toggle | None = None

    def may_close(self) -> bool:
        """True if the window can close at once; else a question or a stop goes on, and `agreed` may follow."""
        if self._dialog is not None:
            self._dialog.raise_()
            return False
        names = self._active()
        installs = self._installing()
        choice = self._app.settings.current.on_quit
        if not names and not installs:
            return True
        if names and choice == "stop" and not installs:
            self._stop_all()
            return False
        if choice == "keep" and not installs:
            return True
        self._ask(names, installs)
        return False

    def _active(self) -> list[str]:
        return [each.name for each in self._app.fleet.deployments() if each.state.is_active]

    def _installing(self) -> list[str]:
        return [self._app.engines.get(job.engine).title for job in self._app.installer.jobs() if job.state == "running"]

    def _ask(self, names: list[str], installs: list[str]) -> None:
        parts = []
        if names:
            listed = ", ".join(names[:4]) + ("…" if len(names) > 4 else "")
            still = "still runs" if len(names) == 1 else "still run"
            parts.append(f"{plural(len(names), 'deployment')} {still}: {listed}.")
        if installs:
            parts.append(f"{' and '.join(installs)} is being installed; quitting cancels that, and it can be resumed.")
        answers = (
            (Answer(KEEP, "Keep serving", "primary"), Answer(STOP, "Stop and quit"), Answer(CANCEL, "Cancel"))
            if names
            else (Answer(CANCEL, "Stay", "primary"), Answer(KEEP, "Quit"))
        )
        dialog = Question(self._window, "Quit Servedeck?", " ".join(parts), answers)
        if names:
            self._remember = Toggle("Do the same next time without asking")
            dialog.body.addWidget(self._remember)
        self._dialog = dialog
        dialog.finished.connect(self._on_answer)
        dialog.open()
        dialog.buttons[answers[0].value].setFocus()

    def _on_answer(self) -> None:
        dialog, self._dialog = self._dialog, None
        assert dialog is not None
        if dialog.answer == CANCEL:
            return
        if self._remember is not None and self._remember.isChecked():
            try:
                self._app.settings.change(on_quit=dialog.answer)
            except ServedeckError as error:
                self._bridge.unhandled.emit(error)
                return
        if dialog.answer == STOP:
            self._stop_all()
        else:
            self.agreed.emit()

    def _stop_all(self) -> None:
        text = "The window closes once nothing of them runs any more. If you stay, they are stopped all the same."
        dialog = Question(self._window, "Stopping the deployments", text, (Answer(CANCEL, "Stay here"),))
        line = ProgressLine(name="Stopping")
        line.set_fraction(None)
        dialog.body.addWidget(line)
        self._dialog = dialog
        dialog.finished.connect(lambda _code: self._on_stay(dialog))
        dialog.open()
        # Never cancelled: a stop that was asked for is brought to its end.
        self._bridge.run(self._stop(), self._on_stopped, self._on_stop_failed)

    def _on_stay(self, dialog: Question) -> None:
        if self._dialog is dialog:
            self._dialog = None

    async def _stop(self) -> list[str]:
        """Stop all at once; what could not be stopped comes back in words."""
        active = [each for each in self._app.fleet.deployments() if each.state.is_active]
        results = await asyncio.gather(*(self._app.fleet.stop(each.id) for each in active), return_exceptions=True)
        problems = []
        for deployment, result in zip(active, results, strict=True):
            if isinstance(result, ServedeckError):
                problems.append(result.line)
            elif isinstance(result, BaseException):
                raise result
            elif not result.is_clean:
                left = ", ".join(result.processes_left) or f"port held by {result.port_holder or 'somebody'}"
                problems.append(f"{deployment.name} left something behind: {left}.")
        return problems

    def _close_dialog(self) -> None:
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            dialog.accept()

    def _on_stopped(self, problems: list[str]) -> None:
        wants_to_quit = self._dialog is not None
        self._close_dialog()
        if not wants_to_quit:
            if problems:
                self._bridge.unhandled.emit(StopIncompleteError(" ".join(problems)))
            return
        if not problems:
            self.agreed.emit()
            return
        dialog = Question(
            self._window,
            "Not everything could be stopped",
            "\n".join(problems),
            (Answer(CANCEL, "Stay", "primary"), Answer(KEEP, "Quit anyway")),
        )
        self._dialog = dialog
        self._remember = None
        dialog.finished.connect(self._on_answer)
        dialog.open()

    def _on_stop_failed(self, error: BaseException) -> None:
        self._close_dialog()
        said = describe(error)
        self._bridge.unhandled.emit(error if isinstance(error, Exception) else RuntimeError(said.title))

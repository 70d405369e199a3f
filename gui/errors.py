"""Errors on the screen: what an exception says to a person, and what happens when something of ours breaks."""

from __future__ import annotations

import logging
import platform
import sys
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, Signal, qInstallMessageHandler, qVersion
from PySide6.QtWidgets import QApplication, QWidget

from core.errors import ServedeckError
from gui.widgets import Answer, CodeBox, Question, copy_text

logger = logging.getLogger(__name__)
_qt_log = logging.getLogger("qt")
_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}
# Qt says these where a platform lacks a feature; nobody can do anything about them.
_QT_NOISE = ("This plugin does not support",)


@dataclass(frozen=True, slots=True)
class ErrorText:
    """An error in words: what is wrong, what to do, and longer text for those who ask."""

    title: str
    text: str
    details: str = ""
    field: str = ""


def masked(text: str) -> str:
    """The text without tokens and keys."""
    from core.own_log import masked as without_secrets  # late: it takes the handlers of logging along

    return without_secrets(text)


def describe(error: BaseException) -> ErrorText:
    """The words for an exception. Expected errors bring their own; others are a fault of ours and said to be."""
    if isinstance(error, ServedeckError):
        return ErrorText(error.message, error.remedy, masked(error.details), error.field)
    lines = "".join(traceback.format_exception(error))
    kind = type(error).__name__
    return ErrorText(
        "Servedeck made a mistake.",
        f"{kind}: {masked(str(error))}" if str(error) else kind,
        masked(lines),
    )


def report(error: BaseException, log: Path | None = None) -> str:
    """What a bug report needs and nothing secret: versions, system and traceback, home folder and keys masked."""
    import PySide6

    from gui.about import version

    lines = "".join(traceback.format_exception(error)).replace(str(Path.home()), "~")
    head = (
        f"Servedeck {version()} · Python {platform.python_version()} · "
        f"PySide6 {PySide6.__version__} (Qt {qVersion()})\n"
        f"{platform.platform()} · {QApplication.platformName()}\n"
    )
    tail = f"\nLog: {str(log).replace(str(Path.home()), '~')}\n" if log is not None else ""
    return masked(f"{head}\n{lines}{tail}")


class CrashDialog(Question):
    """Something of ours broke: what, a report to copy, and that the deployments go on."""

    def __init__(self, parent: QWidget, text: str) -> None:
        super().__init__(
            parent,
            "Something went wrong in Servedeck",
            "Your deployments are not touched by this. You can go on; if it happens again, please report it. "
            "The report holds no tokens or keys.",
            (Answer("close", "Go on", "primary"), Answer("copy", "Copy the report")),
        )
        self.box = CodeBox(text, name="Report", max_lines=14)
        self.body.addWidget(self.box)

    def _give(self, value: str) -> None:
        if value == "copy":
            copy_text(self.box.toPlainText())
            self.buttons["copy"].setText("Copied")
            return
        super()._give(value)


class CrashHook(QObject):
    """Logs every exception that nobody caught, in whatever thread, and tells the window. `remove` undoes it.

    Args:
        log: path of our log file, named in the report.
    """

    crashed = Signal(str)
    """The report; always arrives in the GUI thread."""

    def __init__(self, log: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._log = log
        self._old_hook, self._old_thread_hook = sys.excepthook, threading.excepthook
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception
        self._old_handler = qInstallMessageHandler(_log_qt_message)

    def remove(self) -> None:
        """Put the former hooks back."""
        sys.excepthook, threading.excepthook = self._old_hook, self._old_thread_hook
        qInstallMessageHandler(self._old_handler)

    def _on_exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        logger.critical("an error that nobody expected", exc_info=(kind, error, trace))
        self.crashed.emit(report(error, self._log))

    def _on_thread_exception(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            self._on_exception(args.exc_type, args.exc_value, args.exc_traceback)


def _log_qt_message(kind: QtMsgType, context: QMessageLogContext, message: str | None) -> None:
    text = message or ""
    if not text.startswith(_QT_NOISE):
        _qt_log.log(_LEVELS.get(kind, logging.WARNING), "%s", text)

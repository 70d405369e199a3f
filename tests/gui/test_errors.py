"""Errors in words, the crash hook and its report."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, qWarning
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from core.errors import InputError
from gui.errors import CrashDialog, CrashHook, describe, report

TOKEN = "hf_" + "a1B2c3D4e5F6g7H8i9J0k1L2"


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_an_expected_error_brings_its_own_words() -> None:
    said = describe(InputError("Port 80 is not allowed.", remedy="Take one from 1024 on.", field="port"))
    assert (said.title, said.text, said.field) == ("Port 80 is not allowed.", "Take one from 1024 on.", "port")


def test_a_fault_of_ours_is_said_to_be_one() -> None:
    said = describe(raised(ValueError(f"token={TOKEN}")))
    assert said.title == "Servedeck made a mistake."
    assert said.text.startswith("ValueError")
    assert "Traceback" in said.details
    assert TOKEN not in said.text + said.details


def test_a_report_has_versions_and_no_secrets(qapp) -> None:
    error = raised(RuntimeError(f"Authorization: Bearer {TOKEN} in {Path.home()}/x"))
    text = report(error, Path.home() / "log" / "servedeck.log")
    assert "Servedeck 0" in text
    assert "PySide6" in text
    assert "RuntimeError" in text
    assert TOKEN not in text
    assert str(Path.home()) not in text


@pytest.fixture
def hook(qapp):
    made = CrashHook()
    yield made
    made.remove()


@pytest.mark.expects_log("an error that nobody expected")
def test_an_uncaught_error_is_logged_and_told(qtbot, hook, caplog) -> None:
    error = raised(RuntimeError("boom"))
    with qtbot.waitSignal(hook.crashed) as seen:
        sys.excepthook(type(error), error, error.__traceback__)
    assert "RuntimeError: boom" in seen.args[0]
    assert any(record.exc_info for record in caplog.records)


@pytest.mark.expects_log("an error that nobody expected")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_so_is_one_of_another_thread(qtbot, hook) -> None:
    def fail() -> None:
        raise RuntimeError("in a thread")

    with qtbot.waitSignal(hook.crashed) as seen:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    assert "in a thread" in seen.args[0]


@pytest.mark.expects_log("made by the test")
def test_qt_speaks_into_our_log(hook, caplog) -> None:
    with caplog.at_level(logging.DEBUG, "qt"):
        qWarning("made by the test")
        qWarning("This plugin does not support propagateSizeHints()")
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [("qt", "WARNING", "made by the test")]


def test_the_former_hooks_come_back(qapp) -> None:
    before = sys.excepthook, threading.excepthook
    CrashHook().remove()
    assert (sys.excepthook, threading.excepthook) == before


def test_the_dialog_copies_the_report_and_stays_open(qtbot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.show()
    dialog = CrashDialog(parent, "the report")
    dialog.open()
    qtbot.mouseClick(dialog.buttons["copy"], Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "the report"
    assert dialog.isVisible()
    with qtbot.waitSignal(dialog.finished):
        qtbot.keyClick(dialog.buttons["close"], Qt.Key.Key_Return)

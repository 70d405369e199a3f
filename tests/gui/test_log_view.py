"""The log view over a real buffer: following, scrolling, copying, and floods."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from core.logs.buffer import LogBuffer, LogLine
from gui import theme
from gui.models.log_lines import LINES_A_PULL, LogLines
from gui.widgets.log_view import LogView

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
NO = Qt.KeyboardModifier.NoModifier


def lines(first: int, count: int, text: str = "line {} of many") -> list[LogLine]:
    return [LogLine(n, 1795422536.0 + n, text.format(n), "info", "") for n in range(first, first + count)]


@pytest.fixture
def buffer() -> LogBuffer:
    return LogBuffer(capacity=30_000)


@pytest.fixture
def model(qapp, buffer: LogBuffer) -> LogLines:
    made = LogLines()
    made.set_buffer(buffer)
    return made


@pytest.fixture
def view(qtbot, model: LogLines) -> LogView:
    made = LogView(model)
    qtbot.addWidget(made)
    made.resize(700, 400)
    made.show()
    qtbot.waitExposed(made)
    return made


def wheel(view: LogView, steps: int) -> None:
    """Turn the wheel over the table; up is positive."""
    port = view.table.viewport()
    at = QPointF(port.rect().center())
    event = QWheelEvent(
        at, QPointF(port.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 120 * steps), Qt.MouseButton.NoButton, NO,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(port, event)


def last_visible(view: LogView) -> int:
    """The row at the lower edge."""
    port = view.table.viewport()
    row = view.table.rowAt(port.height() - 2)
    return row if row >= 0 else view.table.model().rowCount() - 1


class TestTheModel:
    def test_it_keeps_the_rules_of_qt(self, qapp) -> None:
        """With few lines: the tester looks at every cell after every change."""
        model = LogLines()
        tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        buffer = LogBuffer(capacity=100)
        model.set_buffer(buffer)
        for start in range(0, 300, 7):
            buffer.extend(lines(start, 7))
            model.pull()
        model.set_raw(True)
        buffer.clear()
        model.pull()
        buffer.extend(lines(0, 3))
        model.pull()
        model.set_buffer(None)
        assert model.rowCount() == 0
        tester.deleteLater()

    def test_it_shows_the_parts_of_a_line(self, model, buffer) -> None:
        text = "(EngineCore pid=12) WARNING 11-23 08:05:46 [core.py:133] Something is odd"
        buffer.extend([LogLine(0, None, text, "warning", "EngineCore pid=12")])
        assert model.pull() == 1
        shown = model.shown(0)
        assert (shown.number, shown.time, shown.word, shown.source) == ("1", "", "WARN", "EngineCore")
        assert shown.text == "Something is odd"
        assert [model.index(0, column).data() for column in range(4)] == ["1", "", "WARN", "Something is odd"]

    def test_it_can_show_lines_as_printed(self, model, buffer) -> None:
        buffer.extend([LogLine(0, None, "INFO:     started", "info", "")])
        model.pull()
        model.set_raw(True)
        assert model.shown(0).text == "INFO:     started"

    def test_a_pull_takes_a_bounded_number_of_lines(self, model, buffer) -> None:
        buffer.extend(lines(0, LINES_A_PULL + 500))
        assert model.pull() == LINES_A_PULL
        assert model.waiting == 500
        assert model.pull() == 500
        assert model.waiting == 0
        assert model.pull() == 0

    def test_it_keeps_no_more_than_its_capacity(self, model, buffer) -> None:
        for start in range(0, 60_000, 5_000):
            buffer.extend(lines(start, 5_000))
            model.pull()
        assert model.rowCount() <= 30_000 + 30_000 // 16
        assert model.line(model.rowCount() - 1).number == 59_999
        assert model.row_of(59_999) == model.rowCount() - 1
        assert model.row_of(0) is None

    def test_what_left_the_buffer_before_it_was_pulled_is_jumped_over(self, model, buffer) -> None:
        buffer.extend(lines(0, 100))
        model.pull()
        buffer.extend(lines(100, 90_000))
        while model.pull():
            pass
        assert model.line(model.rowCount() - 1).number == 90_099
        assert model.row_of(50) is None

    def test_a_buffer_that_starts_afresh_is_read_afresh(self, model, buffer) -> None:
        buffer.extend(lines(0, 10))
        model.pull()
        buffer.clear()
        buffer.extend(lines(0, 3, "again {}"))
        model.pull()
        assert model.rowCount() == 3
        assert model.line(0).text == "again 0"

    def test_lines_of_any_content_are_shown(self, view, model, buffer) -> None:
        odd = ["", "\t", "x" * 70_000, "ü" * 70_000, "<b>no markup</b>", "\u2400\ud7ff", "日本語 🙂 " * 50]
        buffer.extend([LogLine(n, None, text, "", "") for n, text in enumerate(odd)])
        model.pull()
        view.grab()
        for row, text in enumerate(odd):
            assert model.line(row).text == text


class TestFollowing:
    def test_it_stays_at_the_end(self, qtbot, view, model, buffer) -> None:
        for start in range(0, 3000, 300):
            buffer.extend(lines(start, 300))
            model.pull()
            assert last_visible(view) == model.rowCount() - 1
        assert view.is_following
        assert not view.follow_button.isVisible()

    def test_scrolling_up_stops_it_and_the_button_says_what_is_new(self, qtbot, view, model, buffer) -> None:
        buffer.extend(lines(0, 1000))
        model.pull()
        wheel(view, 3)
        assert not view.is_following
        top = view.table.rowAt(1)
        buffer.extend(lines(1000, 1234))
        model.pull()
        assert view.table.rowAt(1) == top
        assert view.follow_button.isVisible()
        assert view.follow_button.text() == "1,234 new lines  ↓ Follow"
        qtbot.mouseClick(view.follow_button, LEFT)
        assert view.is_following
        assert last_visible(view) == 2233
        assert not view.follow_button.isVisible()

    def test_scrolling_back_to_the_end_follows_again(self, view, model, buffer) -> None:
        buffer.extend(lines(0, 1000))
        model.pull()
        wheel(view, 2)
        assert not view.is_following
        wheel(view, -50)
        assert view.is_following

    def test_keys_scroll(self, qtbot, view, model, buffer) -> None:
        buffer.extend(lines(0, 1000))
        model.pull()
        view.table.setFocus()
        qtbot.keyClick(view.table, Qt.Key.Key_Home)
        assert not view.is_following
        assert view.table.rowAt(1) == 0
        qtbot.keyClick(view.table, Qt.Key.Key_End)
        assert view.is_following
        assert last_visible(view) == 999

    def test_lines_that_leave_do_not_move_what_is_read(self, view, model, buffer) -> None:
        buffer.extend(lines(0, 10_000))
        model.pull()
        buffer.extend(lines(10_000, 9_000))
        model.pull()
        view.go_to(15_000)
        seen = model.line(view.table.rowAt(1)).number
        buffer.extend(lines(19_000, 20_000))
        model.pull()
        assert model.row_of(0) is None
        assert model.line(view.table.rowAt(1)).number == seen

    def test_another_log_begins_at_its_end(self, view, model, buffer) -> None:
        buffer.extend(lines(0, 1000))
        model.pull()
        wheel(view, 3)
        other = LogBuffer()
        other.extend(lines(0, 500, "other {}"))
        model.set_buffer(other)
        model.pull()
        assert view.is_following
        assert last_visible(view) == 499


class TestLooking:
    def test_going_to_a_line_shows_and_selects_it(self, view, model, buffer) -> None:
        buffer.extend(lines(0, 1000))
        model.pull()
        view.go_to(211)
        assert not view.is_following
        assert view.table.selected_rows() == [211]
        assert view.table.rowAt(1) < 211 < last_visible(view)

    def test_the_marked_line_has_a_ground_of_its_own(self, view, model, buffer) -> None:
        buffer.extend(lines(0, 5))
        model.pull()
        view.mark(2)
        picture = view.table.viewport().grab().toImage()
        high = view.table.verticalHeader().defaultSectionSize()
        assert picture.pixelColor(1, int(2.5 * high)) == theme.color("badbg")
        assert picture.pixelColor(1, int(1.5 * high)) == theme.color("log")

    def test_levels_are_words_and_colours(self, view, model, buffer) -> None:
        texts = (("error", "ERROR: broken"), ("warning", "WARNING: odd"), ("info", "INFO: fine"))
        buffer.extend([LogLine(n, None, text, level, "") for n, (level, text) in enumerate(texts)])
        model.pull()
        picture = view.table.viewport().grab().toImage()
        high = view.table.verticalHeader().defaultSectionSize()

        def colours(row: int) -> set[str]:
            return {picture.pixelColor(x, y).name() for x in range(700) for y in range(row * high, (row + 1) * high)}

        assert theme.color("bad").name() in colours(0)
        assert theme.color("warn").name() in colours(1)
        assert theme.color("text").name() in colours(2)
        assert [model.index(row, 2).data() for row in range(3)] == ["ERROR", "WARN", "INFO"]

    def test_a_long_line_can_be_scrolled_to_its_end(self, view, model, buffer) -> None:
        buffer.extend([LogLine(0, None, "a" * 500 + "END", "", "")])
        model.pull()
        bar = view.table.horizontalScrollBar()
        char = view.table.fontMetrics().horizontalAdvance("0")
        assert bar.maximum() + view.table.viewport().width() >= 503 * char

    def test_without_lines_it_says_so(self, view) -> None:
        assert view.table.placeholder == "Nothing printed yet."
        view.grab()


class TestCopying:
    def test_ctrl_c_copies_the_selected_lines_as_printed(self, qtbot, view, model, buffer) -> None:
        buffer.extend(lines(0, 20, "INFO:     line {}"))
        model.pull()
        high = view.table.verticalHeader().defaultSectionSize()
        port = view.table.viewport()
        qtbot.mouseClick(port, LEFT, NO, QPoint(200, high * 3 + 3))
        qtbot.mouseClick(port, LEFT, Qt.KeyboardModifier.ShiftModifier, QPoint(200, high * 5 + 3))
        qtbot.keyClick(view.table, Qt.Key.Key_C, CONTROL)
        assert QGuiApplication.clipboard().text() == "INFO:     line 3\nINFO:     line 4\nINFO:     line 5"

    def test_without_a_selection_nothing_is_copied(self, qtbot, view, model, buffer) -> None:
        buffer.extend(lines(0, 5))
        model.pull()
        QGuiApplication.clipboard().setText("before")
        view.table.setFocus()
        view.table.clearSelection()
        qtbot.keyClick(view.table, Qt.Key.Key_C, CONTROL)
        assert QGuiApplication.clipboard().text() == "before"


def test_a_pull_and_its_painting_stay_short(view, model, buffer) -> None:
    """A sanity bound far above what it takes; the real figures come from benchmarks/gui_flood.py."""
    buffer.extend(lines(0, 1000))
    model.pull()
    worst = 0.0
    for start in range(1000, 41_000, 5_000):
        buffer.extend(lines(start, 5_000))
        begun = time.perf_counter()
        model.pull()
        view.table.viewport().repaint()
        worst = max(worst, time.perf_counter() - begun)
    assert worst < 0.25, f"{worst * 1000:.0f} ms"

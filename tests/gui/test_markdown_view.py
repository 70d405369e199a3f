"""The Markdown view: what a model writes is shown, and nothing of it is loaded or run."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QTextCursor, QTextTable
from PySide6.QtWidgets import QVBoxLayout, QWidget

from gui import theme
from gui.widgets.markdown_view import MarkdownView
from gui.widgets.message_view import AnswerView, QuestionView

LEFT = Qt.MouseButton.LeftButton
CODE = 'Look:\n\n```python\ndef f(x):\n    return "text"  # why\n```\n'


@pytest.fixture
def view(qtbot) -> MarkdownView:
    theme.apply("light")
    holder = QWidget()
    made = MarkdownView()
    column = QVBoxLayout(holder)
    column.addWidget(made)
    column.addStretch(1)
    qtbot.addWidget(holder)
    holder.resize(500, 600)
    holder.show()
    qtbot.waitExposed(holder)
    made.holder = holder
    return made


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """A web server that notes what it is asked for."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    paths.append(f"http://127.0.0.1:{server.server_port}")
    yield paths
    server.shutdown()
    thread.join()
    server.server_close()


def colours(view: MarkdownView, number: int) -> set[str]:
    """The colours of a text block that the highlighter gave."""
    block = view.document().findBlockByNumber(number)
    return {each.format.foreground().color().name() for each in block.layout().formats()}


class TestSafety:
    def test_html_stays_text(self, view) -> None:
        view.set_markdown('<b>bold</b> <img src="x.png"> <script>alert(1)</script>', final=True)
        assert view.toPlainText() == '<b>bold</b> <img src="x.png"> <script>alert(1)</script>'

    def test_pictures_are_links_and_nothing_is_loaded(self, qtbot, view, asked, tmp_path: Path) -> None:
        (tmp_path / "secret.png").write_bytes(b"not read")
        local = QUrl.fromLocalFile(str(tmp_path / "secret.png")).toString()
        view.set_markdown(f"![a chart]({asked[0]}/a.png) and ![local]({local})", final=True)
        view.grab()
        assert "￼" not in view.toPlainText()
        assert view.toPlainText() == "[picture: a chart] and [picture: local]"
        assert asked[1:] == []
        assert view.loadResource(2, QUrl(local)) is None
        assert view.document().loadResource(2, QUrl(local)) is None

    def test_links_are_told_and_not_followed(self, qtbot, view) -> None:
        view.set_markdown("[here](https://example.org/x)", final=True)
        told: list[str] = []
        view.link_clicked.connect(lambda url: told.append(url.toString()))
        place = view.cursorRect(QTextCursor(view.document())).center() + QPoint(10, 0)
        qtbot.mouseClick(view.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)
        assert told == ["https://example.org/x"]
        assert view.toPlainText() == "here"


class TestCode:
    def test_complete_code_is_coloured(self, view) -> None:
        view.set_markdown(CODE, final=True)
        assert len(colours(view, 1)) >= 2
        assert len(colours(view, 2)) >= 3

    def test_code_without_its_closing_fence_is_not(self, view) -> None:
        view.set_markdown(CODE.rstrip()[:-3], final=True)
        assert "return" in view.toPlainText()
        assert colours(view, 1) == set()

    def test_unknown_languages_stay_plain(self, view) -> None:
        view.set_markdown("```no-such-language\nx = 1\n```", final=True)
        assert view.toPlainText() == "x = 1"
        assert colours(view, 0) == set()

    def test_a_change_of_theme_changes_the_colours(self, view) -> None:
        view.set_markdown(CODE, final=True)
        before = colours(view, 1)
        theme.apply("dark")
        assert colours(view, 1)
        assert not before & colours(view, 1)

    def test_code_has_a_frame_around_it(self, view) -> None:
        view.set_markdown(CODE, final=True)
        frames = list(view.code_frames())
        assert len(frames) == 1
        assert frames[0].bottom() <= view.height()

    @pytest.mark.parametrize("end", range(0, len(CODE) + 1, 3))
    def test_any_beginning_of_a_text_can_be_shown(self, view, end: int) -> None:
        view.set_markdown(CODE[:end], final=True)
        view.grab()


class TestTables:
    def test_cells_hold_their_words(self, view) -> None:
        view.set_markdown("| a | b |\n|---|---|\n| 1 | 2 |\n", final=True)
        tables = [each for each in view.document().rootFrame().childFrames() if isinstance(each, QTextTable)]
        assert [
            [tables[0].cellAt(row, column).firstCursorPosition().block().text() for column in range(2)]
            for row in range(2)
        ] == [["a", "b"], ["1", "2"]]


class TestStreaming:
    def test_it_is_as_high_as_its_text(self, qtbot, view) -> None:
        view.set_markdown("one", final=True)
        low = view.height()
        view.set_markdown("\n\n".join(["many words " * 20] * 5), final=True)
        assert view.height() > 4 * low
        high = view.height()
        view.holder.resize(300, 600)
        qtbot.waitUntil(lambda: view.height() > high)

    def test_rendering_is_paced_by_its_cost_and_exact_at_the_end(self, qtbot, view) -> None:
        words = [f"word{n} " for n in range(2000)]
        begun = time.perf_counter()
        for n in range(0, 2000, 10):
            view.set_markdown("".join(words[:n]))
        seconds = time.perf_counter() - begun
        assert view.renders <= 2 + seconds / 0.05
        view.set_markdown("".join(words), final=True)
        assert view.toPlainText().split() == "".join(words).split()

    def test_what_is_held_back_comes_by_itself(self, qtbot, view) -> None:
        view.set_markdown("first")
        view.set_markdown("first and second")
        qtbot.waitUntil(lambda: view.toPlainText() == "first and second")

    def test_a_hidden_one_is_rendered_when_it_is_shown(self, qtbot, view) -> None:
        view.hide()
        before = view.renders
        view.set_markdown("# seen later", final=True)
        assert view.renders == before
        view.show()
        assert view.toPlainText() == "seen later"

    def test_a_selection_survives(self, view) -> None:
        view.set_markdown("keep this", final=True)
        cursor = view.textCursor()
        cursor.setPosition(0)
        cursor.setPosition(4, QTextCursor.MoveMode.KeepAnchor)
        view.setTextCursor(cursor)
        view.set_markdown("keep this and more", final=True)
        assert view.textCursor().selectedText() == "keep"


class TestMessages:
    def test_a_question_is_plain_text(self, qtbot) -> None:
        view = QuestionView("<b>what</b>\n# is\n" + "long " * 80)
        qtbot.addWidget(view)
        view.resize(500, 100)
        view.show()
        assert view.text.startswith("<b>what</b>")
        assert view.label.width() <= 0.8 * 500
        assert view.height() >= view.label.height()

    def test_reasoning_is_folded_until_it_is_wanted(self, qtbot) -> None:
        view = AnswerView()
        qtbot.addWidget(view)
        view.resize(500, 300)
        view.show()
        view.set_reasoning("because **of** it", "Thought for 1.4 s", final=True)
        assert not view.reasoning.isVisible()
        assert view.fold.text() == "▸ Thought for 1.4 s"
        qtbot.mouseClick(view.fold, LEFT)
        assert view.reasoning.isVisible()
        assert view.reasoning.toPlainText() == "because of it"
        qtbot.keyClick(view.fold, Qt.Key.Key_Space)
        assert not view.reasoning.isVisible()

    def test_only_the_last_answer_can_be_asked_for_again(self, qtbot) -> None:
        view = AnswerView()
        qtbot.addWidget(view)
        view.show()
        view.set_text("said", final=True)
        view.set_over("3 tokens")
        assert view.regenerate_button.isVisible()
        assert view.copy_button.isVisible()
        view.set_last(False)
        assert not view.regenerate_button.isVisible()
        assert not view.edit_button.isVisible()
        assert view.copy_button.isVisible()

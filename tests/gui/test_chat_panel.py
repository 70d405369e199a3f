"""The chat beside the log, against the fake engine: streaming, stopping, asking again, and what goes wrong."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from core.deployments.deployment import State
from core.deployments.launch_spec import LaunchSpec
from gui.pages.deployments import DeploymentsPage
from gui.pages.deployments.chat_panel import ChatPanel
from gui.pages.deployments.parameters import read_max_tokens, read_temperature
from gui.widgets import Question
from tests.gui.conftest import WAIT_MS

LEFT = Qt.MouseButton.LeftButton
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def page(app, bridge, navigator, show) -> DeploymentsPage:
    return show(DeploymentsPage(app, bridge, navigator))


@pytest.fixture
def chat(qtbot, deck, page) -> ChatPanel:
    """The chat with a deployment that is ready."""
    deck.install()
    deck.launch()
    return ready(qtbot, deck, page)


def wait(qtbot, condition) -> None:
    qtbot.waitUntil(condition, timeout=WAIT_MS)


def ready(qtbot, deck, page, name: str = "tiny") -> ChatPanel:
    wait(qtbot, lambda: deck.state(name) is State.READY)
    page.open(deck.app.fleet.get(name).id)
    panel = page.detail.chat
    wait(qtbot, panel.composer.field.isEnabled)
    return panel


def ask(qtbot, chat: ChatPanel, text: str) -> None:
    """Type a message and press Enter."""
    chat.composer.field.setFocus()
    qtbot.keyClicks(chat.composer.field, text)
    qtbot.keyClick(chat.composer.field, Qt.Key.Key_Return)


def answered(qtbot, chat: ChatPanel):
    """The last answer, once it is over."""
    wait(qtbot, lambda: bool(chat.views) and chat.views[-1].is_over and not chat.is_busy)
    answer = chat.views[-1].answer
    wait(qtbot, answer.isVisible)
    return answer


class TestAsking:
    def test_an_answer_streams_in(self, qtbot, deck, chat) -> None:
        ask(qtbot, chat, "!tokens=60 !rate=60")
        wait(qtbot, lambda: "word3" in chat.views[-1].answer.body.toPlainText())
        assert chat.is_busy
        assert chat.composer.stop_button.isVisible()
        assert not chat.composer.send_button.isVisible()
        answer = answered(qtbot, chat)
        assert answer.body.toPlainText().split()[-1] == "word59"
        assert re.fullmatch(r"60 tokens · \d+\.\d tok/s · first token \S+ (?:m?s) · stop", answer.figures.text()), (
            answer.figures.text()
        )
        assert chat.composer.send_button.isVisible()
        assert chat.composer.field.toPlainText() == ""

    def test_the_button_sends_and_shift_enter_makes_a_line(self, qtbot, chat) -> None:
        chat.composer.field.setFocus()
        qtbot.keyClicks(chat.composer.field, "capital of")
        qtbot.keyClick(chat.composer.field, Qt.Key.Key_Return, SHIFT)
        qtbot.keyClicks(chat.composer.field, "France?")
        assert chat.views == []
        qtbot.mouseClick(chat.composer.send_button, LEFT)
        assert chat.views[-1].question.text == "capital of\nFrance?"
        assert "Paris" in answered(qtbot, chat).body.toPlainText()

    def test_nothing_is_sent_without_words(self, qtbot, chat) -> None:
        assert not chat.composer.send_button.isEnabled()
        ask(qtbot, chat, "   ")
        assert chat.views == []

    def test_the_model_gets_the_whole_conversation(self, qtbot, chat) -> None:
        ask(qtbot, chat, "one")
        answered(qtbot, chat)
        ask(qtbot, chat, "two")
        answered(qtbot, chat)
        assert [message.role for message in chat.conversation.messages()] == ["user", "assistant"] * 2
        assert not chat.views[0].answer.regenerate_button.isVisible()
        assert chat.views[1].answer.regenerate_button.isVisible()

    def test_markdown_and_reasoning_are_shown(self, qtbot, chat) -> None:
        ask(qtbot, chat, "!markdown !reasoning !rate=20")
        answer = answered(qtbot, chat)
        assert answer.fold.text().startswith("▸ Thought for ")
        assert not answer.reasoning.isVisible()
        qtbot.mouseClick(answer.fold, LEFT)
        assert answer.reasoning.toPlainText() == "Let me think."
        assert "```" not in answer.body.toPlainText()

    def test_chunks_are_not_called_tokens(self, qtbot, chat) -> None:
        ask(qtbot, chat, "!tokens=10 !no_usage")
        assert answered(qtbot, chat).figures.text().startswith("10 chunks")

    def test_an_answer_can_be_copied(self, qtbot, chat) -> None:
        ask(qtbot, chat, "capital of France?")
        answer = answered(qtbot, chat)
        qtbot.mouseClick(answer.copy_button, LEFT)
        assert "Paris" in QGuiApplication.clipboard().text()

    def test_the_key_of_the_endpoint_is_used(self, qtbot, deck, page) -> None:
        deck.install()
        spec = LaunchSpec.build(name="keyed", model=deck.model(add=False).model_dump(), engine="vllm", api_key=True)
        deck.do(deck.app.fleet.launch(spec, api_key="sd-a-key"))
        chat = ready(qtbot, deck, page, "keyed")
        ask(qtbot, chat, "capital of France?")
        assert "Paris" in answered(qtbot, chat).body.toPlainText()


class TestStopping:
    def test_escape_stops_and_keeps_what_came(self, qtbot, chat) -> None:
        ask(qtbot, chat, "!tokens=5000 !rate=50")
        wait(qtbot, lambda: "word1" in chat.views[-1].answer.body.toPlainText())
        qtbot.keyClick(chat.composer.field, Qt.Key.Key_Escape)
        answer = answered(qtbot, chat)
        assert "word0" in answer.body.toPlainText()
        assert answer.figures.text().endswith("stopped")

    def test_the_button_stops(self, qtbot, chat) -> None:
        ask(qtbot, chat, "!stall")
        wait(qtbot, lambda: chat.views[-1].answer.waiting.isVisible())
        qtbot.mouseClick(chat.composer.stop_button, LEFT)
        assert answered(qtbot, chat).figures.text() == "stopped"

    def test_stopping_the_deployment_stops_the_answer(self, qtbot, deck, page, chat) -> None:
        ask(qtbot, chat, "!tokens=5000 !rate=50")
        wait(qtbot, lambda: "word1" in chat.views[-1].answer.body.toPlainText())
        qtbot.mouseClick(page.detail.header.stop_button, LEFT)
        assert answered(qtbot, chat).figures.text().endswith("stopped")
        wait(qtbot, lambda: deck.state("tiny") is State.STOPPED)
        wait(qtbot, lambda: "does not run" in chat.composer.hint.text())
        assert not chat.composer.field.isEnabled()
        assert chat.isVisible()


class TestAskingAgain:
    def test_regenerate_replaces_the_last_answer(self, qtbot, chat) -> None:
        ask(qtbot, chat, "capital of France?")
        first = answered(qtbot, chat)
        qtbot.mouseClick(first.regenerate_button, LEFT)
        second = answered(qtbot, chat)
        assert second is not first
        assert len(chat.views) == 1
        assert "Paris" in second.body.toPlainText()

    def test_the_last_question_can_be_changed(self, qtbot, chat) -> None:
        ask(qtbot, chat, "first")
        answered(qtbot, chat)
        ask(qtbot, chat, "wrong")
        qtbot.mouseClick(answered(qtbot, chat).edit_button, LEFT)
        assert chat.composer.field.toPlainText() == "wrong"
        qtbot.keyClicks(chat.composer.field, "right")
        qtbot.keyClick(chat.composer.field, Qt.Key.Key_Return)
        assert answered(qtbot, chat).body.toPlainText() == "You said: right"
        assert [view.question.text for view in chat.views] == ["first", "right"]

    def test_escape_cancels_an_edit(self, qtbot, chat) -> None:
        ask(qtbot, chat, "asked")
        qtbot.mouseClick(answered(qtbot, chat).edit_button, LEFT)
        assert chat.composer.is_editing
        qtbot.keyClick(chat.composer.field, Qt.Key.Key_Escape)
        assert not chat.composer.is_editing
        assert [view.question.text for view in chat.views] == ["asked"]

    def test_a_new_chat_forgets(self, qtbot, page, chat) -> None:
        ask(qtbot, chat, "asked")
        answered(qtbot, chat)
        qtbot.mouseClick(chat.clear_button, LEFT)
        dialog = next(each for each in page.window().findChildren(Question) if each.isVisible())
        qtbot.mouseClick(dialog.buttons["confirm"], LEFT)
        wait(qtbot, lambda: chat.views == [])
        assert chat.conversation.messages() == []
        assert chat.empty.isVisible()


class TestTrouble:
    def test_a_refusal_is_told_in_the_message_and_can_be_retried(self, qtbot, chat) -> None:
        ask(qtbot, chat, "!refuse=object")
        answer = answered(qtbot, chat)
        assert answer.problem.isVisible()
        assert "maximum context length" in answer.problem.text
        assert not answer.regenerate_button.isVisible()
        retry = next(each for each in answer.problem.findChildren(type(chat.settings_button)) if each.text() == "Retry")
        qtbot.mouseClick(retry, LEFT)
        assert answered(qtbot, chat) is not answer

    @pytest.mark.parametrize("prompt", ["!die !tokens=20", "!error !tokens=20"])
    def test_what_came_before_an_error_stays(self, qtbot, chat, prompt: str) -> None:
        ask(qtbot, chat, prompt)
        answer = answered(qtbot, chat)
        assert "word0" in answer.body.toPlainText()
        assert answer.problem.text

    def test_an_engine_that_dies_leaves_a_conversation_to_read(self, qtbot, deck, page, chat) -> None:
        ask(qtbot, chat, "capital of France?")
        answered(qtbot, chat)
        ask(qtbot, chat, "!exit !tokens=2")
        wait(qtbot, lambda: deck.state("tiny") is State.FAILED)
        wait(qtbot, lambda: not chat.composer.field.isEnabled())
        assert "nobody to answer" in chat.composer.hint.text()
        assert chat.isVisible()
        assert page.detail.findings.failure.isVisible()

    def test_before_it_is_ready_it_says_why(self, qtbot, deck, page) -> None:
        deck.install(modes="never_ready")
        deck.launch()
        wait(qtbot, lambda: deck.state("tiny") is State.STARTING)
        page.open(deck.app.fleet.get("tiny").id)
        chat = page.detail.chat
        assert not chat.composer.field.isEnabled()
        assert not chat.composer.send_button.isEnabled()
        assert chat.composer.hint.text() == "The chat opens when the model is ready."


class TestScrolling:
    def test_it_stays_at_the_end_unless_one_scrolls_up(self, qtbot, chat) -> None:
        bar = chat.messages.verticalScrollBar()
        ask(qtbot, chat, "!tokens=3000 !rate=3000")
        wait(qtbot, lambda: bar.maximum() > 100)
        wait(qtbot, lambda: bar.value() == bar.maximum())
        for _ in range(20):
            qtbot.keyClick(chat.composer.field, Qt.Key.Key_PageUp)
        assert bar.value() == 0
        high = bar.maximum()
        wait(qtbot, lambda: bar.maximum() > high)
        assert bar.value() == 0
        answered(qtbot, chat)
        assert bar.value() == 0
        ask(qtbot, chat, "next")
        answered(qtbot, chat)
        wait(qtbot, lambda: bar.value() == bar.maximum())


class TestKeeping:
    def test_a_conversation_survives_leaving_the_page_and_a_restart(self, qtbot, deck, page, chat) -> None:
        ask(qtbot, chat, "capital of France?")
        answered(qtbot, chat)
        page.open()
        first = deck.app.fleet.get("tiny")
        deck.do(deck.app.fleet.restart(first.id))
        again = ready(qtbot, deck, page)
        assert again is chat
        assert len(chat.views) == 1
        ask(qtbot, chat, "and again, France?")
        assert "Paris" in answered(qtbot, chat).body.toPlainText()

    def test_an_answer_goes_on_while_another_page_is_shown(self, qtbot, page, chat) -> None:
        ask(qtbot, chat, "!tokens=40 !rate=100")
        page.open()
        wait(qtbot, lambda: chat.views[-1].is_over)
        page.open(page.list.chosen()[0])
        wait(qtbot, lambda: "word39" in chat.views[-1].answer.body.toPlainText())


class TestParameters:
    def test_they_are_sent(self, qtbot, chat) -> None:
        qtbot.mouseClick(chat.settings_button, LEFT)
        popover = chat._popover
        assert popover.isVisible()
        qtbot.keyClicks(popover.temperature, "0.7")
        popover.max_tokens.selectAll()
        qtbot.keyClicks(popover.max_tokens, "7")
        qtbot.keyClicks(popover.system_field, "Be brief.")
        qtbot.keyClick(popover.temperature, Qt.Key.Key_Return)
        assert not popover.isVisible()
        assert chat.params_label.text() == "temperature 0.7 · max 7 · system prompt"
        ask(qtbot, chat, "!tokens=100")
        answer = answered(qtbot, chat)
        assert answer.body.toPlainText().split()[-1] == "word6"
        assert "length" in answer.figures.text()
        assert chat.conversation.messages()[0].content == "Be brief."
        assert chat.conversation.params.temperature == 0.7

    def test_what_is_no_number_is_told(self, qtbot, chat) -> None:
        qtbot.mouseClick(chat.settings_button, LEFT)
        popover = chat._popover
        qtbot.keyClicks(popover.temperature, "hot")
        assert popover.temperature_row.problem
        assert popover.params.temperature is None
        qtbot.keyClick(popover, Qt.Key.Key_Escape)
        assert popover.temperature.text() == ""

    @pytest.mark.parametrize(
        ("text", "value"), [("", None), ("0", 0.0), ("0.7", 0.7), ("0,7", 0.7), ("2", 2.0), (" 1 ", 1.0)]
    )
    def test_temperatures(self, text: str, value: float | None) -> None:
        assert read_temperature(text) == (value, "")

    @pytest.mark.parametrize("text", ["x", "-1", "3", "nan", "inf", "1e9"])
    def test_no_temperatures(self, text: str) -> None:
        assert read_temperature(text)[1]

    @pytest.mark.parametrize(("text", "value"), [("", None), ("1", 1), ("1,024", 1024), ("1 024", 1024)])
    def test_numbers_of_tokens(self, text: str, value: int | None) -> None:
        assert read_max_tokens(text) == (value, "")

    @pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "²", "9" * 30])
    def test_no_numbers_of_tokens(self, text: str) -> None:
        assert read_max_tokens(text)[1]

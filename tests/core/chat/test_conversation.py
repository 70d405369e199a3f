"""Conversations with a real server: what it got to see is what counts."""

from __future__ import annotations

import pytest

from core.chat.client import Answer, ChatClient, ChatTarget, Message
from core.chat.conversation import Conversation
from core.errors import InputError
from tests.core.chat.waiting import wait_until
from tests.servers.chat_server import PARIS, ChatServer


@pytest.fixture
def conversation(client: ChatClient, server: ChatServer) -> Conversation:
    return Conversation(client, ChatTarget(server.base_url, "smol"))


def finished(answer: Answer) -> str:
    return answer.future.result(20).text


def seen(server: ChatServer) -> list[tuple[str, str]]:
    return [(each["role"], each["content"]) for each in server.requests[-1].json["messages"]]


def test_the_model_sees_the_system_prompt_and_what_was_said(conversation: Conversation, server: ChatServer) -> None:
    conversation.system = "Be brief."
    finished(conversation.ask("Capital of France?"))
    finished(conversation.ask("And Spain?"))
    assert seen(server) == [
        ("system", "Be brief."),
        ("user", "Capital of France?"),
        ("assistant", PARIS),
        ("user", "And Spain?"),
    ]


@pytest.mark.parametrize("bad", ["!error", "!empty", "!refuse=object"])
def test_failed_and_empty_answers_are_left_out_with_their_question(
    conversation: Conversation, server: ChatServer, bad: str
) -> None:
    finished(conversation.ask("Hello"))
    finished(conversation.ask(bad))
    finished(conversation.ask("Again"))
    assert seen(server) == [("user", "Hello"), ("assistant", "You said: Hello"), ("user", "Again")]
    assert len(conversation.exchanges) == 3, "but they are still there to be shown"


def test_a_stopped_answer_counts_with_the_text_it_has(conversation: Conversation, server: ChatServer) -> None:
    answer = conversation.ask("!tokens=5000 !rate=100")
    wait_until(lambda: bool(answer.snapshot().text), "text came")
    assert conversation.running is answer
    conversation.stop()
    assert conversation.running is None
    text = finished(answer)
    finished(conversation.ask("Go on"))
    assert seen(server)[1] == ("assistant", text)


def test_regenerate_asks_the_same_again(conversation: Conversation, server: ChatServer) -> None:
    finished(conversation.ask("Hello"))
    first = conversation.exchanges[-1].answer
    finished(conversation.regenerate())
    assert seen(server) == [("user", "Hello")]
    assert len(conversation.exchanges) == 1
    assert conversation.exchanges[0].answer is not first


def test_regenerate_stops_the_answer_that_is_being_given(conversation: Conversation, server: ChatServer) -> None:
    hanging = conversation.ask("!hang")
    assert server.streaming.wait(5)
    again = conversation.regenerate()
    assert hanging.future.result(5).state == "stopped"
    again.cancel()
    again.future.result(5)


def test_edit_drops_what_came_after(conversation: Conversation, server: ChatServer) -> None:
    for text in ("one", "two", "three"):
        finished(conversation.ask(text))
    finished(conversation.edit(1, "zwei"))
    assert [each.question for each in conversation.exchanges] == ["one", "zwei"]
    assert seen(server)[-1] == ("user", "zwei")


def test_clear_keeps_the_system_prompt(conversation: Conversation) -> None:
    conversation.system = "Be brief."
    finished(conversation.ask("one"))
    conversation.clear()
    assert conversation.exchanges == ()
    assert conversation.messages() == [Message("system", "Be brief.")]


def test_what_makes_no_sense_is_refused_and_changes_nothing(conversation: Conversation) -> None:
    with pytest.raises(InputError):
        conversation.start()
    with pytest.raises(InputError):
        conversation.regenerate()
    with pytest.raises(InputError, match="empty"):
        conversation.ask(" \n")
    finished(conversation.ask("one"))
    with pytest.raises(InputError):
        conversation.start()
    with pytest.raises(InputError, match="empty"):
        conversation.edit(0, "")
    with pytest.raises(InputError, match="no such"):
        conversation.edit(5, "x")
    assert [each.question for each in conversation.exchanges] == ["one"]

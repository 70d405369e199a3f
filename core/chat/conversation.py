"""A conversation: questions with their answers, and what of it the model gets to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.chat.answer import Answer, ChatParams, ChatTarget, Message
from core.errors import InputError


class Asker(Protocol):
    """What a conversation needs of the chat client."""

    def start(self, target: ChatTarget, messages: Sequence[Message], params: ChatParams) -> Answer:
        """Ask; the answer fills while it streams."""
        ...


@dataclass(slots=True)
class Exchange:
    """A question and its answer, None while nobody was asked."""

    question: str
    answer: Answer | None = None

    @property
    def counts(self) -> bool:
        """The model gets to see it in later turns."""
        snapshot = self.answer.snapshot() if self.answer else None
        return snapshot is not None and snapshot.state in ("done", "stopped") and bool(snapshot.text)


class Conversation:
    """One conversation with one endpoint. For one thread (the GUI's); answers fill on their own.

    `target`, `params` and `system` may be changed at any time; the next answer is asked for with them.
    """

    def __init__(self, client: Asker, target: ChatTarget, params: ChatParams | None = None, system: str = "") -> None:
        self.target = target
        self.params = params or ChatParams()
        self.system = system
        self._client = client
        self._exchanges: list[Exchange] = []

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All of them, oldest first, failed ones too."""
        return tuple(self._exchanges)

    @property
    def running(self) -> Answer | None:
        """The answer that is being given."""
        answer = self._exchanges[-1].answer if self._exchanges else None
        return answer if answer is not None and not answer.snapshot().is_over else None

    def add_user(self, text: str) -> None:
        """Put a question at the end; an answer that is being given is stopped.

        Raises:
            InputError: the text is empty.
        """
        if not text.strip():
            raise InputError("The message is empty.", field="message")
        self.stop()
        self._exchanges.append(Exchange(text))

    def start(self) -> Answer:
        """Ask for the answer to the last question.

        Raises:
            InputError: there is no question, or it has an answer already.
        """
        if not self._exchanges or self._exchanges[-1].answer is not None:
            raise InputError("There is no question to answer.", field="message")
        answer = self._client.start(self.target, self.messages(), self.params)
        self._exchanges[-1].answer = answer
        return answer

    def ask(self, text: str) -> Answer:
        """`add_user` and `start`."""
        self.add_user(text)
        return self.start()

    def regenerate(self) -> Answer:
        """Ask the last question again; its present answer is dropped.

        Raises:
            InputError: there is no question.
        """
        if not self._exchanges:
            raise InputError("There is no answer to ask for again.", field="message")
        return self.edit(len(self._exchanges) - 1, self._exchanges[-1].question)

    def edit(self, index: int, text: str) -> Answer:
        """Change a question and ask it again; what came after it is dropped.

        Raises:
            InputError: the text is empty, or there is no such question.
        """
        if not 0 <= index < len(self._exchanges):
            raise InputError("There is no such message.", field="message")
        if not text.strip():
            raise InputError("The message is empty.", field="message")
        self.stop()
        del self._exchanges[index:]
        return self.ask(text)

    def stop(self) -> None:
        """Stop the answer that is being given; its text stays."""
        if (answer := self.running) is not None:
            answer.cancel()

    def clear(self) -> None:
        """Forget everything but the system prompt."""
        self.stop()
        self._exchanges.clear()

    def messages(self) -> list[Message]:
        """What the model gets: the system prompt, each question with a usable answer, and the open question.

        A failed or empty answer is left out with its question: many chat templates refuse two questions in a row, and a
        question that was too long would make every later one fail.
        """
        messages = [Message("system", self.system)] if self.system.strip() else []
        for exchange in self._exchanges:
            if exchange.answer is None:
                messages.append(Message("user", exchange.question))
            elif exchange.counts:
                messages += [
                    Message("user", exchange.question),
                    Message("assistant", exchange.answer.snapshot().text),
                ]
        return messages

"""What a chat request is made of, and the answer as it grows."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

from core.errors import ChatError

AnswerState = Literal["waiting", "streaming", "done", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class ChatTarget:
    """Whom to ask."""

    base_url: str
    """With or without `/v1`."""
    model: str
    """The served name."""
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation as the server gets it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class ChatParams:
    """How to sample; None leaves it to the server."""

    temperature: float | None = None
    max_tokens: int | None = 1024
    top_p: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured here, at the client. Times in seconds."""

    first_token_seconds: float
    """From asking to the first piece of text or reasoning."""
    tokens: int
    tokens_per_second: float | None
    """Tokens after the first, by the time between first and last; None where there is no such time."""
    seconds: float
    """From asking to the end, or to now."""
    tokens_are: Literal["usage", "chunks"]
    """Counted by the server, or by us as one a chunk (which is too few where a chunk holds several)."""


@dataclass(frozen=True, slots=True)
class AnswerSnapshot:
    """The answer at one moment."""

    text: str
    reasoning: str
    state: AnswerState
    problem: str
    """What went wrong and what to do, when failed."""
    finish_reason: str
    """As the server says it (`stop`, `length`); empty while it isn't known."""
    figures: Figures | None

    @property
    def is_over(self) -> bool:
        """Nothing more will come."""
        return self.state in ("done", "stopped", "failed")


class Answer:
    """One answer. Written by the core loop, read from any thread.

    `version` grows with every change, so that a reader can poll it for nothing. `future` gives the last snapshot once
    the connection is closed, also after `cancel` and after a failure.
    """

    def __init__(self) -> None:
        self.version = 0
        self.future: Future[AnswerSnapshot] = Future()
        self._lock = threading.Lock()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._state: AnswerState = "waiting"
        self._problem = ""
        self._finish_reason = ""
        self._chunks = 0
        self._usage_tokens: int | None = None
        self._asked = time.perf_counter()
        self._first = self._last = self._ended = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def snapshot(self) -> AnswerSnapshot:
        """The answer now."""
        with self._lock:
            # Joined once: the next snapshot joins this text with only what came since.
            text, reasoning = "".join(self._text), "".join(self._reasoning)
            self._text, self._reasoning = [text], [reasoning]
            figures = self._present_figures()
            return AnswerSnapshot(
                _valid(text), _valid(reasoning), self._state, self._problem, self._finish_reason, figures
            )

    def cancel(self) -> None:
        """Stop at once: nothing is added any more, and the connection is closed as soon as the core loop gets to it."""
        self.finish("stopped")
        with self._lock:
            loop, task = self._loop, self._task
        if loop is not None and task is not None and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

    def _present_figures(self) -> Figures | None:
        if not self._first:
            return None
        tokens = self._chunks if self._usage_tokens is None else self._usage_tokens
        span = self._last - self._first
        return Figures(
            first_token_seconds=self._first - self._asked,
            tokens=tokens,
            tokens_per_second=(tokens - 1) / span if span > 0 and tokens > 1 else None,
            seconds=(self._ended or time.perf_counter()) - self._asked,
            tokens_are="chunks" if self._usage_tokens is None else "usage",
        )

    # Below: for the client, on the core loop.

    def attach(self, task: asyncio.Task[None]) -> bool:
        """Name the task that `cancel` has to end; False when the answer was stopped already."""
        with self._lock:
            self._loop, self._task = task.get_loop(), task
            return self._state == "waiting"

    def add(
        self, text: list[str], reasoning: list[str], chunks: int, finish_reason: str, usage_tokens: int | None
    ) -> None:
        """Take over what one read from the network brought."""
        now = time.perf_counter()
        with self._lock:
            if self._ended:
                return
            if chunks:
                self._text += text
                self._reasoning += reasoning
                self._chunks += chunks
                self._last = now
                if not self._first:
                    self._first, self._state = now, "streaming"
            if finish_reason:
                self._finish_reason = finish_reason
            if usage_tokens is not None:
                self._usage_tokens = usage_tokens
            self.version += 1

    def finish(self, state: Literal["done", "stopped", "failed"], error: ChatError | None = None) -> None:
        """The end; only the first one counts."""
        with self._lock:
            if self._ended:
                return
            self._ended = time.perf_counter()
            self._state = state
            self._problem = error.line if error else ""
            self.version += 1

    def close(self) -> None:
        """The connection is closed: hand out the last snapshot. An answer without an end was cancelled."""
        self.finish("stopped")
        self.future.set_result(self.snapshot())

    @property
    def finish_reason(self) -> str:
        """What the server said so far."""
        return self._finish_reason


def _valid(text: str) -> str:
    """Text that can be encoded: halves of a character that came in two chunks are joined, lone ones replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text

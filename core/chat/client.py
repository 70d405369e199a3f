"""The chat client: one streaming request to an OpenAI-compatible endpoint, measured while it is read.

Nothing of the environment is used, neither proxies (which would see loopback traffic) nor tokens: a request holds the
key of its target or none.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.chat.answer import (
    Answer,
    AnswerSnapshot,
    AnswerState,
    ChatParams,
    ChatTarget,
    Figures,
    Message,
)
from core.chat.refusals import error_in_stream, refusal
from core.chat.sse import SseEvent, SseParser
from core.errors import ChatError
from core.loop import CoreLoop

if TYPE_CHECKING:
    import httpx2

__all__ = [
    "Answer",
    "AnswerSnapshot",
    "AnswerState",
    "ChatClient",
    "ChatParams",
    "ChatTarget",
    "Figures",
    "Message",
]

logger = logging.getLogger(__name__)

# A first token may take minutes (a long prompt on a CPU), so reading has no limit: the user can stop at any time.
_TIMEOUTS = {"connect": 5.0, "read": None, "write": 30.0, "pool": None}
_LARGEST_REFUSAL = 200_000


class ChatClient:
    """Asks endpoints. One for the whole program."""

    def __init__(self, loop: CoreLoop) -> None:
        self._loop = loop
        self._clients: dict[bool, httpx2.AsyncClient] = {}
        self._running: dict[Answer, str] = {}

    def start(self, target: ChatTarget, messages: Sequence[Message], params: ChatParams) -> Answer:
        """Ask; the answer fills while it streams. From any thread; what goes wrong is in the answer."""
        answer = Answer()
        run = self._loop.spawn(self._run(answer, target, _request_body(target, messages, params)))
        run.add_done_callback(lambda _: answer.close())
        return answer

    def cancel_all(self, base_url: str) -> None:
        """Stop the answers of one endpoint; on the core loop.

        A server that is told to end may wait for open streams for ever (vLLM does), so this comes first.
        """
        for answer, url in self._running.items():
            if url == _root(base_url):
                answer.cancel()

    async def close(self) -> None:
        """Stop everything and wait until all connections are closed. On the core loop, before it ends."""
        running = tuple(self._running)
        for answer in running:
            answer.cancel()
        await asyncio.gather(*(asyncio.wrap_future(answer.future) for answer in running))
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def _run(self, answer: Answer, target: ChatTarget, body: bytes) -> None:
        self._running[answer] = _root(target.base_url)
        task = asyncio.current_task()
        assert task is not None
        try:
            if answer.attach(task):
                await self._ask(answer, target, body)
                answer.finish("done")
        except ChatError as error:
            answer.finish("failed", error)
        except Exception:  # a fault of ours must not leave an answer that waits for ever
            logger.exception("the chat with %s failed", target.base_url)
            answer.finish("failed", ChatError("Servedeck failed to read the answer.", remedy="See Servedeck's log."))
        finally:
            del self._running[answer]

    async def _ask(self, answer: Answer, target: ChatTarget, body: bytes) -> None:
        import httpx2  # a tenth of a second at start-up, and nobody has asked anything then

        url = _url(target.base_url)
        client = await self._client(is_https=url.scheme == "https")
        try:
            async with client.stream("POST", url, content=body, headers=_headers(target)) as response:
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                if response.status_code != 200 or kind != "text/event-stream":
                    raise await _no_stream(response, kind)
                await _read(answer, response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise ChatError(
                f"Nothing answers at {target.base_url}.",
                remedy="The engine is not running, or not ready yet.",
                details=str(error),
            ) from error
        except httpx2.HTTPError as error:
            raise _broken_off(f"{type(error).__name__}: {error}") from error

    async def _client(self, *, is_https: bool) -> httpx2.AsyncClient:
        import httpx2

        if is_https not in self._clients:
            # Reading the certificates takes a tenth of a second: only for https, and not in this thread.
            verify = await asyncio.to_thread(httpx2.create_ssl_context, trust_env=False) if is_https else False
            # No kept-alive connections: a new one costs a tenth of a millisecond here, and an idle one delays an
            # engine's shutdown.
            limits = httpx2.Limits(max_keepalive_connections=0)
            client = httpx2.AsyncClient(
                trust_env=False, verify=verify, timeout=httpx2.Timeout(**_TIMEOUTS), limits=limits
            )
            self._clients.setdefault(is_https, client)
        return self._clients[is_https]


def _root(base_url: str) -> str:
    return base_url.rstrip("/").removesuffix("/v1")


def _url(base_url: str) -> httpx2.URL:
    import httpx2

    try:
        url = httpx2.URL(f"{_root(base_url)}/v1/chat/completions")
    except httpx2.InvalidURL:
        url = httpx2.URL()
    if url.scheme not in ("http", "https") or not url.host or not 0 < (url.port or 80) < 65536:
        raise ChatError(f"'{base_url}' is no address of an endpoint.", remedy="It looks like http://127.0.0.1:8000.")
    return url


def _headers(target: ChatTarget) -> dict[str, str]:
    headers = {"content-type": "application/json", "accept": "text/event-stream", "accept-encoding": "identity"}
    if target.api_key:
        if not (target.api_key.isascii() and target.api_key.isprintable()):  # the HTTP library would quote it
            raise ChatError("The API key holds characters that can't be sent.", remedy="Check the API key.")
        headers["authorization"] = f"Bearer {target.api_key}"
    return headers


def _request_body(target: ChatTarget, messages: Sequence[Message], params: ChatParams) -> bytes:
    body: dict[str, Any] = {
        "model": target.model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    for name in ("temperature", "max_tokens", "top_p"):
        if (value := getattr(params, name)) is not None:
            body[name] = value
    return json.dumps(body).encode()


async def _no_stream(response: httpx2.Response, kind: str) -> ChatError:
    """The error for an answer that is no stream; reads no more of its body than can be shown."""
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _LARGEST_REFUSAL:
            break
    error = refusal(response.status_code, body)
    if response.status_code != 200:
        return error
    return ChatError(
        f"The endpoint doesn't stream: it answered with {kind or 'something without a type'}.",
        remedy="Check that this is the address of a chat endpoint.",
        details=error.details,
    )


async def _read(answer: Answer, response: httpx2.Response) -> None:
    """Read the stream to its end.

    Raises:
        ChatError: the server reports an error, sends what can't be read, or breaks off.
    """
    parser = SseParser()
    async for chunk in response.aiter_bytes():
        if _take(answer, parser.feed(chunk)):
            break
    else:
        # Transformers ends without [DONE]; then the finish reason is the only sign that the answer is whole.
        if not _take(answer, parser.close()) and not answer.finish_reason:
            raise _broken_off("the stream ended without a finish reason")
    if answer.finish_reason in ("error", "abort"):
        raise ChatError(
            f"The engine ended the answer early (finish reason '{answer.finish_reason}').",
            remedy="Look at the deployment's log.",
        )


def _broken_off(details: str) -> ChatError:
    return ChatError(
        "The connection broke off before the answer was complete.",
        remedy="The engine may have stopped; look at its log.",
        details=details,
    )


def _take(answer: Answer, events: list[SseEvent]) -> bool:
    """Add what the events of one read say to the answer; True when they hold the end."""
    text: list[str] = []
    reasoning: list[str] = []
    chunks = 0
    finish_reason = ""
    usage: int | None = None
    error: ChatError | None = None
    ended = False
    for event in events:
        if event.data == "[DONE]":
            ended = True
            break
        try:
            value = json.loads(event.data)
        except (ValueError, RecursionError):
            error = _broken_off("an event is cut") if event.is_cut else _unreadable(event)
            break
        if event.event == "error" or (isinstance(value, dict) and value.get("error")):
            error = error_in_stream(value)
            break
        content, thought, reason = _delta(value)
        if content or thought:
            chunks += 1
            text.append(content)
            reasoning.append(thought)
        finish_reason = reason or finish_reason
        usage = _completion_tokens(value, usage)
    if chunks or finish_reason or usage is not None:
        answer.add(text, reasoning, chunks, finish_reason, usage)
    if error is not None:
        raise error
    return ended


def _unreadable(event: SseEvent) -> ChatError:
    return ChatError(
        "The endpoint sent something that is no chat answer.",
        remedy="Check that this is the address of a chat endpoint.",
        details=event.data[:2000],
    )


def _delta(value: Any) -> tuple[str, str, str]:
    """Text, reasoning and finish reason of one chunk; chunks without a choice (usage, pings) have none of them."""
    try:
        choice = value["choices"][0]
        delta = choice.get("delta") or {}
        text = delta.get("content")
        thought = delta.get("reasoning") or delta.get("reasoning_content")
        reason = choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError):
        return "", "", ""
    return (
        text if isinstance(text, str) else "",
        thought if isinstance(thought, str) else "",
        reason if isinstance(reason, str) else "",
    )


def _completion_tokens(value: Any, before: int | None) -> int | None:
    usage = value.get("usage") if isinstance(value, dict) else None
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else before

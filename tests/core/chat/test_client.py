"""The chat client against a real server on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.chat.client import Answer, AnswerSnapshot, ChatClient, ChatParams, ChatTarget, Message
from core.loop import CoreLoop
from tests.core.chat.waiting import wait_until
from tests.servers.chat_server import PARIS, REFUSALS, Behaviour, ChatServer

DATA = Path(__file__).parents[2] / "data" / "chat"


def ask(client: ChatClient, server: ChatServer, prompt: str, **params: float | None) -> Answer:
    return client.start(
        ChatTarget(server.base_url, "smol", server.behaviour.api_key),
        [Message("user", prompt)],
        ChatParams(**params),  # type: ignore[arg-type]
    )


def answer(client: ChatClient, server: ChatServer, prompt: str, **params: float | None) -> AnswerSnapshot:
    return ask(client, server, prompt, **params).future.result(20)


@contextlib.contextmanager
def raw_server(reply: bytes) -> Iterator[str]:
    """Answers one request with these bytes and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                connection.sendall(reply)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def test_an_answer_is_streamed_and_measured(client: ChatClient, server: ChatServer) -> None:
    server.behaviour.first_token_delay = 0.1
    got = answer(client, server, "What is the capital of France? !rate=100")
    assert (got.text, got.reasoning, got.state, got.problem, got.finish_reason) == (PARIS, "", "done", "", "stop")
    figures = got.figures
    assert figures is not None
    assert (figures.tokens, figures.tokens_are) == (6, "usage")
    assert 0.1 <= figures.first_token_seconds < 2
    assert figures.tokens_per_second == pytest.approx(100, rel=0.5)
    assert figures.seconds > figures.first_token_seconds


def test_the_request_holds_what_was_asked_for_and_no_more(client: ChatClient, server: ChatServer) -> None:
    answer(client, server, "Grüße", temperature=0, top_p=None, max_tokens=None)
    assert server.requests[0].json == {
        "model": "smol",
        "messages": [{"role": "user", "content": "Grüße"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
    }


def test_the_base_url_may_end_with_v1(client: ChatClient, server: ChatServer) -> None:
    for end in ("", "/", "/v1", "/v1/"):
        target = ChatTarget(server.base_url + end, "smol")
        assert client.start(target, [Message("user", "hi")], ChatParams()).future.result(20).state == "done"


def test_neither_proxies_nor_tokens_of_the_environment_are_used(
    client: ChatClient, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert answer(client, server, "hi").state == "done"
    assert "authorization" not in server.requests[0].headers
    assert not any("hf_secret" in value for value in server.requests[0].headers.values())


def test_the_key_is_sent_where_there_is_one_and_shown_nowhere(client: ChatClient) -> None:
    with ChatServer(Behaviour(api_key="sk-secret")) as server:
        assert answer(client, server, "hi").state == "done"
        assert server.requests[0].headers["authorization"] == "Bearer sk-secret"
        target = ChatTarget(server.base_url, "smol", "sk-wrong")
        got = client.start(target, [Message("user", "hi")], ChatParams()).future.result(20)
    assert got.state == "failed"
    assert got.problem == "The endpoint refused the request (401 Unauthorized). Give the deployment's API key."
    assert "sk-" not in repr(target)


@pytest.mark.parametrize("key", ["with\nnewline-secret", "nön-äscii-secret"])
def test_a_key_that_cannot_be_sent_is_told_without_showing_it(client: ChatClient, server: ChatServer, key: str) -> None:
    got = client.start(ChatTarget(server.base_url, "smol", key), [Message("user", "hi")], ChatParams())
    snapshot = got.future.result(20)
    assert snapshot.state == "failed"
    assert "API key holds characters" in snapshot.problem
    assert "secret" not in snapshot.problem


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_comes_under_both_names(client: ChatClient, server: ChatServer, name: str) -> None:
    got = answer(client, server, f"France? !{name}")
    assert (got.reasoning, got.state) == ("Let me think.", "done")
    assert got.text.endswith(PARIS)
    assert got.figures is not None
    assert got.figures.tokens == 10


def test_without_usage_chunks_are_counted_and_that_is_said(client: ChatClient, server: ChatServer) -> None:
    got = answer(client, server, "!tokens=12 !per_chunk=3 !no_usage")
    assert got.figures is not None
    assert (got.figures.tokens, got.figures.tokens_are) == (4, "chunks")
    assert answer(client, server, "!tokens=12 !per_chunk=3").figures.tokens == 12  # type: ignore[union-attr]


def test_transformers_ends_without_done_and_with_usage_in_the_last_chunk(
    client: ChatClient, server: ChatServer
) -> None:
    server.behaviour.done, server.behaviour.always_usage = False, True
    got = answer(client, server, "capital of France?")
    assert (got.text, got.state, got.finish_reason) == (PARIS, "done", "stop")
    assert got.figures is not None
    assert got.figures.tokens_are == "usage"


def test_an_answer_that_is_cut_at_the_limit_says_so(client: ChatClient, server: ChatServer) -> None:
    got = answer(client, server, "!tokens=50", max_tokens=5)
    assert (got.state, got.finish_reason, len(got.text.split())) == ("done", "length", 5)


def test_an_empty_answer_has_no_figures(client: ChatClient, server: ChatServer) -> None:
    got = answer(client, server, "!empty")
    assert (got.text, got.state, got.figures) == ("", "done", None)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("object", "This model's maximum context length is 2048 tokens."),
        ("string", "(401 Unauthorized)."),
        ("detail", "(404 Not Found)."),
        ("validation", "messages: Field required"),
        ("text", "(500 Internal Server Error)."),
        ("html", "(502 Bad Gateway): 502 Bad Gateway."),
        ("empty", "(503 Service Unavailable)."),
    ],
)
def test_every_shape_of_refusal_is_read(client: ChatClient, server: ChatServer, kind: str, words: str) -> None:
    assert kind in REFUSALS
    got = answer(client, server, f"!refuse={kind}")
    assert (got.state, got.text, got.figures) == ("failed", "", None)
    assert words in got.problem
    assert "<" not in got.problem
    assert "{" not in got.problem


def test_a_wrong_model_is_told_in_the_servers_words(client: ChatClient, server: ChatServer) -> None:
    got = client.start(ChatTarget(server.base_url, "nope"), [Message("user", "hi")], ChatParams()).future.result(20)
    assert "The model `nope` does not exist. Valid aliases: smol." in got.problem


def test_an_error_inside_the_stream_fails_the_answer_and_keeps_its_text(client: ChatClient, server: ChatServer) -> None:
    got = answer(client, server, "!tokens=10 !error")
    assert (got.state, len(got.text.split())) == ("failed", 5)
    assert got.problem == (
        "The engine ended the answer with an error: EngineCore encountered an issue. See stack trace (above) for the "
        "root cause. Look at the deployment's log."
    )


def test_a_server_that_dies_in_the_middle_fails_the_answer_and_keeps_its_text(
    client: ChatClient, server: ChatServer
) -> None:
    got = answer(client, server, "!tokens=10 !die")
    assert (got.state, len(got.text.split())) == ("failed", 5)
    assert got.problem.startswith("The connection broke off before the answer was complete.")


def test_a_stream_that_just_ends_is_not_a_whole_answer(client: ChatClient) -> None:
    data = b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n'
    with raw_server(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + data) as url:
        got = client.start(ChatTarget(url, "smol"), [Message("user", "hi")], ChatParams()).future.result(20)
    assert (got.state, got.text) == ("failed", "Hel")
    assert "broke off" in got.problem


def test_a_last_event_without_an_empty_line_counts_if_it_is_whole(client: ChatClient) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    data = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}'
    with raw_server(head + data) as url:
        got = client.start(ChatTarget(url, "smol"), [Message("user", "hi")], ChatParams()).future.result(20)
    assert (got.state, got.text, got.finish_reason) == ("done", "Hi", "stop")
    with raw_server(head + data[:-10]) as url:
        got = client.start(ChatTarget(url, "smol"), [Message("user", "hi")], ChatParams()).future.result(20)
    assert (got.state, got.text) == ("failed", "")


@pytest.mark.parametrize("cut", [None, 7])
@pytest.mark.parametrize(
    ("name", "state", "text", "reasoning", "tokens"),
    [
        ("vllm-usage", "done", "Hello, welcome to my little corner of the world.", "", 12),
        ("vllm-reasoning", "done", "", "Two is a classic and popular math context", 16),
        ("vllm-engine-killed", "failed", "The city of Tokyo was0th", "", 7),
    ],
)
def test_streams_that_a_real_vllm_sent(
    client: ChatClient, name: str, state: str, text: str, reasoning: str, tokens: int, cut: int | None
) -> None:
    stream = (DATA / f"{name}.txt").read_bytes()
    pieces = [stream] if cut is None else [stream[n : n + cut] for n in range(0, len(stream), cut)]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    with raw_server(head + body + b"0\r\n\r\n") as url:
        got = client.start(ChatTarget(url, "smol"), [Message("user", "hi")], ChatParams()).future.result(20)
    assert (got.state, got.text, got.reasoning) == (state, text, reasoning)
    assert got.figures is not None
    assert got.figures.tokens == tokens


def test_garbage_fails_the_answer(client: ChatClient, server: ChatServer) -> None:
    got = answer(client, server, "!tokens=10 !garbage")
    assert got.state == "failed"
    assert "no chat answer" in got.problem


def test_chunks_of_odd_shapes_are_passed_over(client: ChatClient, server: ChatServer) -> None:
    got = answer(client, server, "!tokens=10 !odd")
    assert (got.state, len(got.text.split())) == ("done", 5)


@pytest.mark.parametrize(
    "reply", [b"", b"\x00\xff garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nhello", b"HTTP/1.1 999 ?\r\n\r\n{}"]
)
def test_what_is_no_chat_server_is_told(client: ChatClient, reply: bytes) -> None:
    with raw_server(reply) as url:
        got = client.start(ChatTarget(url, "smol"), [Message("user", "hi")], ChatParams()).future.result(20)
    assert got.state == "failed"
    assert got.problem


def test_nobody_there_is_told(client: ChatClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    target = ChatTarget(f"http://127.0.0.1:{port}", "smol")
    got = client.start(target, [Message("user", "hi")], ChatParams()).future.result(20)
    assert got.problem == f"Nothing answers at {target.base_url}. The engine is not running, or not ready yet."


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1", "http://[::1", "http://127.0.0.1:99999"])
def test_an_address_that_is_none_is_told(client: ChatClient, url: str) -> None:
    got = client.start(ChatTarget(url, "smol"), [Message("user", "hi")], ChatParams()).future.result(20)
    assert got.state == "failed"
    assert got.problem


@pytest.mark.parametrize("prompt", ["!stall", "!hang", "!tokens=100000 !rate=50"])
def test_cancel_stops_at_once_and_closes_the_socket(client: ChatClient, server: ChatServer, prompt: str) -> None:
    running = ask(client, server, prompt, max_tokens=None)
    wait_until(lambda: bool(server.requests), "the request came")
    if "rate" in prompt:
        wait_until(lambda: len(running.snapshot().text) > 20, "text came")
        assert running.snapshot().state == "streaming"
    else:
        assert running.snapshot().state == "waiting"
    before = time.perf_counter()
    running.cancel()
    text = running.snapshot().text
    assert running.snapshot().state == "stopped"
    assert running.future.result(5).text == text, "nothing is added after a stop"
    assert server.aborted.wait(5)
    assert time.perf_counter() - before < 1


def test_cancel_before_the_request_and_after_the_end_does_no_harm(client: ChatClient, server: ChatServer) -> None:
    early = ask(client, server, "hi")
    early.cancel()
    assert early.future.result(5).state == "stopped"
    late = ask(client, server, "hi")
    assert late.future.result(20).state == "done"
    late.cancel()
    assert late.snapshot().state == "done"


def test_cancel_all_stops_the_answers_of_one_endpoint(loop: CoreLoop, client: ChatClient, server: ChatServer) -> None:
    with ChatServer() as other:
        ours = [ask(client, server, "!hang") for _ in range(3)]
        theirs = ask(client, other, "!hang")
        assert server.streaming.wait(5)
        assert other.streaming.wait(5)
        wait_until(lambda: len(server.requests) == 3, "all requests came")

        async def cancel(url: str) -> None:
            client.cancel_all(url)

        loop.spawn(cancel("")).result(5)
        assert [each.snapshot().state for each in ours] == ["waiting"] * 3
        loop.spawn(cancel(server.base_url + "/v1")).result(5)
        assert [each.future.result(5).state for each in ours] == ["stopped"] * 3
        assert theirs.snapshot().state == "waiting"
        theirs.cancel()
        theirs.future.result(5)


def test_the_end_of_the_core_loop_ends_the_answers(server: ChatServer) -> None:
    with CoreLoop() as loop:
        running = ask(ChatClient(loop), server, "!hang")
        assert server.streaming.wait(5)
    assert running.future.result(0).state == "stopped"
    assert server.aborted.wait(5)


def test_the_version_grows_with_every_change(client: ChatClient, server: ChatServer) -> None:
    running = ask(client, server, "!tokens=20 !rate=50")
    seen = [(running.version, running.snapshot())]
    while not seen[-1][1].is_over:
        wait_until(lambda: running.version > seen[-1][0], "a change")
        seen.append((running.version, running.snapshot()))
    assert len(seen) > 5
    texts = [snapshot.text for _, snapshot in seen]
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    live = seen[len(seen) // 2][1].figures
    assert live is not None
    assert live.tokens_are == "chunks"


def test_many_answers_at_once(client: ChatClient, server: ChatServer) -> None:
    running = [ask(client, server, f"number {n} !rate=200") for n in range(30)]
    texts = [each.future.result(30).text for each in running]
    assert texts == [f"You said: number {n} !rate=200" for n in range(30)]


def test_halves_of_a_character_in_two_chunks_are_joined(client: ChatClient) -> None:
    pieces = (r"a\ud83d", r"\ude00b\ud83d")
    data = "".join(f'data: {{"choices":[{{"delta":{{"content":"{piece}"}}}}]}}\n\n' for piece in pieces)
    reply = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{data}data:[DONE]\n\n"
    with raw_server(reply.encode()) as url:
        got = client.start(ChatTarget(url, "smol"), [Message("user", "hi")], ChatParams()).future.result(20)
    assert (got.text, got.state) == ("a😀b�", "done")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda text: f"data: {text}\n\n".encode())))
def test_no_stream_breaks_the_client(client: ChatClient, body: bytes) -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + body) as url:
        got = client.start(ChatTarget(url, "smol"), [Message("user", "hi")], ChatParams()).future.result(20)
    assert got.is_over


async def test_the_client_leaves_no_task_behind(client: ChatClient, server: ChatServer) -> None:
    await asyncio.wrap_future(ask(client, server, "hi").future)
    await asyncio.wrap_future(client._loop.spawn(client.close()))
    assert await asyncio.wrap_future(client._loop.spawn(_others())) == 0


async def _others() -> int:
    return len(asyncio.all_tasks()) - 1

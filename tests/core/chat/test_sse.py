"""The SSE parser against the rules of the HTML standard, and against any way of cutting the stream."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chat.sse import SseEvent, SseParser
from core.errors import ChatError


def parse(*chunks: bytes, limit: int = 1 << 20) -> list[SseEvent]:
    parser = SseParser(limit)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.close()


def data(*chunks: bytes) -> list[str]:
    return [event.data for event in parse(*chunks)]


@pytest.mark.parametrize("newline", [b"\n", b"\r", b"\r\n"])
def test_events_end_with_an_empty_line_whatever_the_newline(newline: bytes) -> None:
    assert data(b"data: one" + newline * 2 + b"data: two" + newline * 2) == ["one", "two"]


def test_the_standards_own_examples() -> None:
    assert data(b"data: YHOO\ndata: +2\ndata: 10\n\n") == ["YHOO\n+2\n10"]
    assert data(b"data\n\ndata\ndata\n\n") == ["", "\n"]
    assert data(b"data:test\n\ndata: test\n\n") == ["test", "test"]
    stream = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
    assert [(e.data, e.id) for e in parse(stream)] == [("first event", "1"), ("second event", ""), (" third event", "")]


def test_what_servers_do() -> None:
    assert data(b"data:[DONE]\n\n") == ["[DONE]"]
    assert data(b": keep-alive\n\n: keep-alive\n\ndata: x\n\n") == ["x"]
    assert parse(b"event: error\ndata: {}\n\ndata: y\n\n") == [SseEvent("{}", "error"), SseEvent("y")]
    assert data(b"retry: 3000\nunknown: field\ndata: x\n\n") == ["x"]
    assert data(b"event: nothing\n\ndata: x\n\n") == ["x"], "an event without data is none, and its name is forgotten"


def test_a_byte_order_mark_counts_only_at_the_start() -> None:
    assert data(b"\xef\xbb\xbfdata: x\n\n") == ["x"]
    assert data(b"\xef", b"\xbb", b"\xbfdata: x\n\n") == ["x"]
    assert data(b"data: x\n\n\xef\xbb\xbfdata: y\n\n") == ["x"]


def test_characters_may_be_cut_between_chunks_and_bad_ones_are_replaced() -> None:
    text = "data: é 日本 🙂\n\n".encode()
    assert data(*(text[n : n + 1] for n in range(len(text)))) == ["é 日本 🙂"]
    assert data(b"data: \xff\xfe\n\n") == ["��"]


def test_the_end_of_a_stream_without_an_empty_line_is_marked_as_cut() -> None:
    assert parse(b"data: a\n\ndata: b") == [SseEvent("a"), SseEvent("b", is_cut=True)]
    assert parse(b"data: b\n") == [SseEvent("b", is_cut=True)]
    assert parse(b"data: b\n\n") == [SseEvent("b")]
    assert parse(b"") == []


def test_an_id_with_a_nul_is_ignored() -> None:
    assert parse(b"id: a\0b\ndata: x\n\n") == [SseEvent("x")]


@pytest.mark.parametrize("chunk", [b"x" * 100, b"data: " + b"x" * 94 + b"\n", b"data: " + b"x" * 6 + b"\n"])
def test_a_stream_that_never_ends_an_event_is_refused_before_it_fills_memory(chunk: bytes) -> None:
    parser = SseParser(limit=1000)

    def flood() -> None:
        for _ in range(1000):
            parser.feed(chunk)

    with pytest.raises(ChatError, match="event of more than"):
        flood()


def test_many_events_are_not_one_large_event() -> None:
    assert len(parse(b"data: 12345678\n\n" * 1000, limit=100)) == 1000
    assert len(parse(*[b"data: 12345678\n\n"] * 1000, limit=100)) == 1000


LINES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"", b"data: x", b"data:", b"data", b": c", b"event: e", b"id: 7", b"data: \xc3\xa9", b"\xef\xbb\xbf"]
    ),
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n", b""])), max_size=30).map(
    lambda pairs: b"".join(line + end for line, end in pairs)
)


@given(STREAMS, st.data())
def test_any_way_of_cutting_gives_the_same_events(stream: bytes, draw: st.DataObject) -> None:
    cuts = draw.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    chunks = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]
    whole = parse(stream)
    assert parse(*chunks) == whole
    assert parse(*(stream[n : n + 1] for n in range(len(stream)))) == whole

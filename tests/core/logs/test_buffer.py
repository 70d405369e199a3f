"""The bounded buffer."""

from __future__ import annotations

import threading

import pytest

from core.logs.buffer import LogBuffer, LogLine


def lines(first: int, count: int) -> list[LogLine]:
    return [LogLine(number, None, f"line {number}", "", "") for number in range(first, first + count)]


def test_lines_are_pulled_from_where_one_was() -> None:
    buffer = LogBuffer()
    assert buffer.since(0) == (0, [])
    buffer.extend(lines(0, 3))
    assert buffer.since(0) == (0, lines(0, 3))
    assert buffer.since(2) == (2, lines(2, 1))
    assert buffer.since(3) == (3, [])
    assert buffer.since(99) == (3, [])
    assert buffer.since(-5) == (0, lines(0, 3))
    assert buffer.since(0, limit=2) == (0, lines(0, 2))
    assert buffer.texts(1, limit=5) == (1, ["line 1", "line 2"])


def test_the_oldest_are_dropped_and_the_reader_learns_it() -> None:
    buffer = LogBuffer(capacity=100)
    for first in range(0, 1000, 7):
        buffer.extend(lines(first, 7))
    assert (buffer.first, buffer.end) == (901, 1001)
    first, got = buffer.since(10)
    assert (first, got) == (901, lines(901, 100))
    assert len(buffer._texts) < 100 + 100 // 8 + 7


def test_it_may_begin_anywhere_but_has_no_holes() -> None:
    buffer = LogBuffer()
    buffer.extend([])
    buffer.extend(lines(50, 2))
    assert buffer.since(0) == (50, lines(50, 2))
    with pytest.raises(ValueError, match="does not follow"):
        buffer.extend(lines(53, 1))
    assert buffer.end == 52


def test_starting_afresh_is_seen_by_the_generation() -> None:
    buffer = LogBuffer()
    buffer.extend(lines(0, 3))
    before = buffer.generation
    buffer.clear()
    assert buffer.generation != before
    assert buffer.since(0) == (0, [])
    buffer.extend(lines(0, 1))
    assert buffer.end == 1


def test_reading_while_another_thread_writes_sees_every_line_once() -> None:
    buffer = LogBuffer(capacity=1_000_000)
    writer = threading.Thread(target=lambda: [buffer.extend(lines(n, 50)) for n in range(0, 50_000, 50)])
    writer.start()
    seen, number = [], 0
    while number < 50_000:
        first, got = buffer.since(number)
        seen += got
        number = first + len(got)
    writer.join()
    assert [line.number for line in seen] == list(range(50_000))

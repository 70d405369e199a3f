"""From bytes to lines: what terminals do, what is broken, and any way of cutting it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.logs.buffer import LogLine
from core.logs.lines import LONGEST, LineReader


def read(*pieces: bytes) -> list[LogLine]:
    reader = LineReader()
    return [line for piece in pieces for line in reader.feed(piece)] + reader.flush()


def texts(*pieces: bytes) -> list[str]:
    return [line.text for line in read(*pieces)]


def test_lines_are_numbered_and_the_last_one_waits_for_its_end() -> None:
    reader = LineReader(number=7)
    assert [(line.number, line.text) for line in reader.feed(b"one\ntwo\nthr")] == [(7, "one"), (8, "two")]
    assert reader.pending == "thr"
    assert [(line.number, line.text) for line in reader.feed(b"ee\n")] == [(9, "three")]
    assert (reader.pending, reader.flush()) == ("", [])
    reader.feed(b"no end")
    assert [(line.number, line.text) for line in reader.flush()] == [(10, "no end")]


def test_terminal_codes_are_removed() -> None:
    assert texts(b"\x1b[0;36m(EngineCore pid=1)\x1b[0;0m \x1b[32mINFO\x1b[0m x\n") == ["(EngineCore pid=1) INFO x"]
    assert texts(b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b\x1b[2K\x1b[1A\x1b(B\n") == ["alinkb"]
    assert texts(b"\x1b[0;3", b"6mgreen\n") == ["green"]


def test_a_progress_bar_is_its_last_state() -> None:
    bar = "Loading weights:   0%|          | 0/272\rLoading weights: 100%|██████████| 272/272\n".encode()
    assert texts(bar) == ["Loading weights: 100%|██████████| 272/272"]
    assert texts(b"\rshards: 0%\n\rshards: 50%\n") == ["shards: 0%", "shards: 50%"]
    assert texts(b"100%\r    \r\x1b[2K\r\n") == ["100%"], "states that show nothing don't count"
    assert texts(b"windows\r\nline\r\n\r\n") == ["windows", "line", ""]


def test_a_progress_bar_that_goes_on_can_be_seen() -> None:
    reader = LineReader()
    assert reader.feed(b"load:  0%\rload: 50%") == []
    assert reader.pending == "load: 50%"
    reader.feed(b"\r")
    assert reader.pending == "load: 50%"
    reader.feed(b"\x1b[Kload: 75%")
    assert reader.pending == "load: 75%"


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert texts(b"a\xff\xfeb\xe2\x82\n") == ["a��b�"]
    assert texts(b"a\0b\x07\x1bz\x7f\tc\n") == ["a␀b␇␛z␡\tc"]
    assert texts("\u2028 stays in its line \x85\n".encode()) == ["\u2028 stays in its line \x85"]


def test_a_very_long_line_is_cut_with_a_note() -> None:
    (line,) = read(b"x" * 10_000_000 + b"\n")
    assert line.text == "x" * LONGEST + " … [servedeck] 9,934,464 more bytes of this line are only in the log file"
    assert texts(b"x" * LONGEST + b"\n") == ["x" * LONGEST]
    (text,) = texts(b"a" + "é".encode() * LONGEST + b"\n")
    assert text.startswith("aé")
    assert "�" not in text, "it is not cut within a character"


def test_a_bar_without_a_newline_does_not_fill_memory_and_its_last_state_is_whole() -> None:
    reader = LineReader()
    for number in range(20_000):
        reader.feed(b"\r%d: " % number + b"x" * 100)
    assert reader.pending.startswith("19999: x")
    assert [line.text[:6] for line in reader.flush()] == ["19999:"]
    assert texts(b"y" * 100_000 + b"\rlast\n") == ["last"]


def test_a_line_arrived_when_its_newline_did() -> None:
    reader = LineReader()
    lines = reader.feed(b"a\nb\nc", [(0, 10.0), (3, 11.0)])
    assert [(line.text, line.at) for line in lines] == [("a", 10.0), ("b", 11.0)]
    assert [line.at for line in reader.feed(b"\nd\ne\nf\n", [(3, 12.0), (99, 13.0)])] == [11.0, 11.0, 12.0, 12.0]
    assert reader.feed(b"g\n")[0].at == 13.0
    assert LineReader().feed(b"a\n")[0].at is None


LINES = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            b"(EngineCore pid=12) INFO 11-23 08:05:53 [core.py:133] x",
            b"(EngineCore pid=12) Traceback (most recent call last):",
            b"Traceback (most recent call last):",
            b'  File "x.py", line 1, in f',
            b"ValueError: bad",
            b"INFO:     up",
            b"\x1b[31mred\x1b[0m",
            b"\x1b]0;t",
            b"10%\r20%",
            b"\r  \r",
            b"\xe2\x82",
            b"z" * (LONGEST - 2),
            b"\xc3\xa9" * (LONGEST // 2 + 3),
        ]
    ),
)
OUTPUTS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r", b""])), max_size=12).map(
    lambda pairs: b"".join(line + end for line, end in pairs)
)


@given(OUTPUTS, st.data())
@example(b"\x1b]0\r;\x07\x1b\n", None)
def test_any_way_of_cutting_gives_the_same_lines(output: bytes, draw: st.DataObject | None) -> None:
    whole = read(output)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(output)), max_size=6))) if draw else range(len(output))
    assert read(*(output[a:b] for a, b in pairwise([0, *cuts, len(output)]))) == whole
    assert len(whole) == output.count(b"\n") + (0 if not output or output.endswith(b"\n") else 1)
    assert not any(char in line.text for line in whole for char in "\n\r\0\x1b")
    if len(output) < 400:
        assert read(*(output[n : n + 1] for n in range(len(output)))) == whole


@pytest.mark.parametrize("piece", [b"", b"\n", b"\r", b"\x1b", b"\0"])
def test_the_smallest_outputs(piece: bytes) -> None:
    assert len(read(piece)) == (1 if piece else 0)

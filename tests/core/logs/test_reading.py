"""Following a keeper's segments: growing, rotated, gone, damaged."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StoreError
from core.logs.lines import LineReader
from core.logs.reading import LogFollower


class Keeper:
    """Writes a log folder as the keeper does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.offset = 0
        self.segment = 0
        folder.mkdir(exist_ok=True)

    def write(self, data: bytes, at: float | None = None) -> None:
        if at is not None:
            with (self.folder / "times.bin").open("ab") as times:
                times.write(struct.pack("<Qd", self.offset, at))
        with self.path.open("ab") as file:
            file.write(data)
        self.offset += len(data)

    @property
    def path(self) -> Path:
        return self.folder / f"{self.segment:020d}.log"

    def rotate(self) -> None:
        self.segment = self.offset
        self.path.touch()


@pytest.fixture
def follow() -> Iterator[Callable[..., LogFollower]]:
    with contextlib.ExitStack() as stack:
        yield lambda folder, **start: stack.enter_context(LogFollower(folder, **start))


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path / "log")


Follow = Callable[..., LogFollower]


def texts(follower: LogFollower) -> list[str]:
    return [line.text for line in follower.read()]


def test_what_is_new_is_read_and_an_unfinished_line_waits(keeper: Keeper, follow: Follow) -> None:
    follower = follow(keeper.folder)
    assert texts(follower) == []
    keeper.write(b"one\ntwo\nthr")
    assert texts(follower) == ["one", "two"]
    assert follower.pending == "thr"
    assert texts(follower) == []
    keeper.write(b"ee\n")
    assert texts(follower) == ["three"]
    keeper.write(b"the end")
    assert [line.text for line in follower.finish()] == ["the end"]
    assert follower.finish() == []


def test_the_folder_may_come_later(tmp_path: Path, follow: Follow) -> None:
    follower = follow(tmp_path / "log")
    assert texts(follower) == []
    Keeper(tmp_path / "log").write(b"one\n")
    assert texts(follower) == ["one"]


def test_lines_go_on_across_segments(keeper: Keeper, follow: Follow) -> None:
    follower = follow(keeper.folder)
    keeper.write(b"one\ntw")
    assert texts(follower) == ["one"]
    keeper.rotate()
    assert texts(follower) == []
    keeper.write(b"o\nthree\n")
    keeper.rotate()
    keeper.write(b"four\n")
    assert [(line.number, line.text) for line in follower.read()] == [(1, "two"), (2, "three"), (3, "four")]


def test_missing_segments_are_a_gap_that_is_told(keeper: Keeper, follow: Follow) -> None:
    follower = follow(keeper.folder)
    for number in range(4):
        keeper.write(b"%d begins\n%d is c" % (number, number))
        keeper.rotate()
    for start in (15, 30):
        (keeper.folder / f"{start:020d}.log").unlink()
    lines = follower.finish()
    assert [(line.number, line.text, line.level) for line in lines] == [
        (0, "0 begins", ""),
        (1, "0 is c", ""),
        (2, "[servedeck] 30 bytes of output are missing here", "warning"),
        (3, "3 begins", ""),
        (4, "3 is c", ""),
    ]


def test_a_missing_beginning_is_told(keeper: Keeper, follow: Follow) -> None:
    keeper.write(b"gone\n")
    old = keeper.path
    keeper.rotate()
    keeper.write(b"here\n")
    old.unlink()
    assert texts(follow(keeper.folder)) == ["[servedeck] 5 bytes of output are missing here", "here"]


def test_a_segment_that_lost_its_end_to_a_full_disk_is_a_gap(keeper: Keeper, follow: Follow) -> None:
    keeper.write(b"one\n")
    keeper.offset += 100  # printed, but not written
    keeper.rotate()
    keeper.write(b"two\n")
    assert texts(follow(keeper.folder)) == ["one", "[servedeck] 100 bytes of output are missing here", "two"]


def test_a_segment_that_is_removed_while_it_is_read_is_read_to_its_end(keeper: Keeper, follow: Follow) -> None:
    follower = follow(keeper.folder)
    keeper.write(b"one\n")
    assert texts(follower) == ["one"]
    keeper.write(b"two\n")
    old = keeper.path
    keeper.rotate()
    keeper.write(b"three\n")
    old.unlink()
    assert texts(follower) == ["two", "three"]


def test_reading_begins_where_one_wants(keeper: Keeper, follow: Follow) -> None:
    keeper.write(b"one\n")
    keeper.rotate()
    keeper.write(b"two\nthree\n")
    follower = follow(keeper.folder, position=8, number=2)
    assert [(line.number, line.text) for line in follower.read()] == [(2, "three")]
    assert follower.position == 14


def test_lines_carry_the_time_at_which_they_came(keeper: Keeper, follow: Follow) -> None:
    follower = follow(keeper.folder)
    keeper.write(b"a\nb\n", at=100.0)
    keeper.write(b"c\nd", at=100.5)
    assert [(line.text, line.at) for line in follower.read()] == [("a", 100.0), ("b", 100.0), ("c", 100.5)]
    keeper.write(b"d\n", at=160.0)
    keeper.write(b"e\n")
    keeper.rotate()
    keeper.write(b"f\n", at=170.0)
    keeper.write(b"g", at=180.0)
    lines = follower.finish()
    assert [(line.text, line.at) for line in lines] == [("dd", 160.0), ("e", 160.0), ("f", 170.0), ("g", 180.0)]


def test_many_times_are_found_from_any_point(keeper: Keeper, follow: Follow) -> None:
    for number in range(9000):
        keeper.write(b"x\n", at=1000.0 + number)
        if number == 100:
            middle = keeper.offset
    assert [line.at for line in follow(keeper.folder).finish()] == [1000.0 + n for n in range(9000)]
    assert follow(keeper.folder, position=middle).read()[0].at == 1101.0


def test_one_read_takes_a_bounded_part_and_says_that_there_is_more(keeper: Keeper, follow: Follow) -> None:
    keeper.write(b"0123456789\n" * 1000)
    follower = follow(keeper.folder)
    first = follower.read(limit=1100)
    assert (len(first), follower.has_more) == (100, True)
    assert len(follower.read()) == 900
    assert not follower.has_more


def test_after_close_reading_goes_on_where_it_was(keeper: Keeper, follow: Follow) -> None:
    follower = follow(keeper.folder)
    keeper.write(b"one\ntw", at=1.0)
    assert texts(follower) == ["one"]
    follower.close()
    keeper.write(b"o\n", at=2.0)
    assert [(line.text, line.at) for line in follower.read()] == [("two", 2.0)]


def test_what_cannot_be_read_is_told(keeper: Keeper, follow: Follow) -> None:
    (keeper.folder / f"{0:020d}.log").mkdir()
    with pytest.raises(StoreError, match="Can't read the log"):
        follow(keeper.folder).read()


def test_other_files_in_the_folder_are_left_alone(keeper: Keeper, follow: Follow) -> None:
    for name in ("notes.log", "1.log", "0" * 19 + "x.log", "0" * 20 + ".log.tmp"):
        (keeper.folder / name).write_text("no\n")
    keeper.write(b"yes\n")
    assert texts(follow(keeper.folder)) == ["yes"]


def test_a_flood_is_read_quickly_and_nothing_new_costs_nothing(keeper: Keeper, follow: Follow) -> None:
    line = b"(EngineCore pid=7746) INFO 11-23 08:05:46 [flood.py:1] line %d of 100000\n"
    keeper.write(b"".join(line % number for number in range(100_000)), at=1.0)
    follower = follow(keeper.folder)
    start = time.process_time()
    lines = follower.finish()
    spent = time.process_time() - start
    assert len(lines) == 100_000
    assert (lines[-1].level, lines[-1].source) == ("info", "EngineCore pid=7746")
    assert spent < 1.5, f"{100_000 / spent:,.0f} lines a second"
    start = time.process_time()
    for _ in range(200):
        follower.read()
    assert time.process_time() - start < 0.2


@settings(deadline=None, max_examples=60)
@given(
    output=st.lists(st.one_of(st.binary(max_size=30), st.just(b"\n"), st.just(b"a\r\nb\n")), max_size=10).map(b"".join),
    times=st.binary(max_size=100),
    draw=st.data(),
)
def test_any_segments_any_times_and_any_moments_of_reading_give_the_same_lines(
    output: bytes, times: bytes, draw: st.DataObject
) -> None:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(output)), max_size=6)))
    whole = LineReader()
    expected = [line.text for line in whole.feed(output) + whole.flush()]
    with TemporaryDirectory() as folder, LogFollower(Path(folder)) as follower:
        keeper, got = Keeper(Path(folder)), []
        (keeper.folder / "times.bin").write_bytes(times)
        for start, end in pairwise([0, *cuts, len(output)]):
            keeper.write(output[start:end])
            if draw.draw(st.booleans()):
                got += follower.read(limit=draw.draw(st.integers(1, 40)))
            if draw.draw(st.booleans()) and keeper.offset > keeper.segment:
                keeper.rotate()
        got += follower.finish()
    assert [line.text for line in got] == expected
    assert [line.number for line in got] == list(range(len(got)))

"""Quantities and times in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gui.wording import ago, count, disk_size, duration, gib, plural

GIB = 1024**3


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 GiB"), (20.7 * GIB, "20.7 GiB"), (24 * GIB, "24 GiB"), (0.3 * GIB, "0.3 GiB"), (503.4 * GIB, "503 GiB")],
)
def test_memory(size: float, text: str) -> None:
    assert gib(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (999_999, "1.0 MB"),
        (12_345, "12 kB"),
        (988_000_000, "988 MB"),
        (15_230_000_000, "15.2 GB"),
        (212e9, "212 GB"),
        (999_999_999_999, "1.0 TB"),
    ],
)
def test_disk(size: float, text: str) -> None:
    assert disk_size(size) == text


@pytest.mark.parametrize(
    ("number", "text"), [(861, "861"), (1234, "1.2 k"), (9_100_000, "9.1 M"), (999_999, "1.0 M"), (7.6e9, "7.6 B")]
)
def test_count(number: float, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.084, "84 ms"),
        (4.1, "4.1 s"),
        (59.96, "1 min"),
        (130, "2 min 10 s"),
        (3599.7, "1 h"),
        (11100, "3 h 5 min"),
        (187200, "2 d 4 h"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e9, allow_nan=False))
def test_duration_never_counts_to_sixty(seconds: float) -> None:
    assert " 60 " not in f" {duration(seconds)} "


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=1, hours=2), "yesterday"),
        (timedelta(days=3), "3 days ago"),
    ],
)
def test_ago(delta: timedelta, text: str) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert ago(now - delta, now) == text


def test_long_ago_is_a_date() -> None:
    assert ago(datetime(2020, 5, 17, 12), datetime(2026, 1, 1, tzinfo=UTC)) == "2020-05-17"


def test_plural() -> None:
    assert [plural(1, "model"), plural(7, "model"), plural(0, "copy", "copies")] == ["1 model", "7 models", "0 copies"]

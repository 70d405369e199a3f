"""Quantities and times as the window writes them: one way for each, everywhere."""

from __future__ import annotations

from datetime import UTC, datetime

GIB = 1024**3


def gib(size: float) -> str:
    """Memory, in GiB: `20.7 GiB`, `64 GiB`, `0.3 GiB`."""
    return f"{gib_number(size)} GiB"


def gib_number(size: float) -> str:
    """The number alone, for `3.3 / 24 GiB`."""
    value = size / GIB
    return f"{value:.0f}" if value >= 100 or abs(value - round(value)) < 0.05 else f"{value:.1f}"


def disk_size(size: float) -> str:
    """Files and downloads, in powers of 1000 as the Hub and file managers write them: `15.2 GB`, `988 MB`, `12 kB`."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        # 0.9995: what would round to 1000 of a unit is written as 1 of the next.
        if size >= factor * 0.9995:
            value = size / factor
            return f"{value:.0f} {unit}" if value >= 99.95 or unit == "kB" else f"{value:.1f} {unit}"
    return f"{size:.0f} bytes"


def count(number: float) -> str:
    """A large count: `9.1 M`, `1.2 k`, `861`."""
    for unit, factor in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= factor * 0.9995:
            value = number / factor
            return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.1f} {unit}"
    return f"{number:.0f}"


def grouped(number: int) -> str:
    """All digits: `32,768`."""
    return f"{number:,}"


def duration(seconds: float) -> str:
    """A length of time: `84 ms`, `4.1 s`, `2 min 10 s`, `3 h 5 min`, `2 d 4 h`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago: `just now`, `5 min ago`, `3 days ago`, then the date."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = ((now or datetime.now(UTC)) - aware).total_seconds()
    if seconds < 60:
        return "just now"
    for unit, length, limit in (("min", 60, 60), ("h", 3600, 24)):
        if seconds < length * limit:
            return f"{int(seconds // length)} {unit} ago"
    days = int(seconds // 86400)
    if days == 1:
        return "yesterday"
    return f"{days} days ago" if days < 14 else aware.astimezone().strftime("%Y-%m-%d")


def plural(number: int, one: str, many: str = "") -> str:
    """`1 model`, `7 models`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"

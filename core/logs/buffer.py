"""Log lines, and the bounded buffer that they are pulled from."""

from __future__ import annotations

import itertools
import threading
from operator import attrgetter
from typing import NamedTuple


class LogLine(NamedTuple):
    """One line of an engine's output. Immutable; a named tuple because hundreds of thousands are made in a second."""

    number: int
    """From 0, over the whole run."""
    at: float | None
    """When it was complete, Unix seconds; None where that wasn't recorded."""
    text: str
    """Without terminal codes; of a progress bar its last state."""
    level: str
    """`debug`, `info`, `warning`, `error`, `critical`, or empty where the line doesn't say."""
    source: str
    """The process or library that it names (`EngineCore pid=12`), or empty."""


_TIME, _TEXT, _LEVEL, _SOURCE = map(attrgetter, ("at", "text", "level", "source"))


class LogBuffer:
    """The latest lines of one run. Written by the core loop, read from any thread.

    Lines are numbered without holes; the oldest are dropped beyond the capacity. `generation` changes when the buffer
    starts afresh, so that a reader knows that the numbers it remembers mean nothing any more.

    Kept by columns: Python's garbage collector does not look at texts and numbers, but it would look at every one of
    200,000 line objects each time, and hold up everything else for a tenth of a second.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self.capacity = capacity
        self.generation = 0
        self._lock = threading.Lock()
        self._times: list[float | None] = []
        self._texts: list[str] = []
        self._levels: list[str] = []
        self._sources: list[str] = []
        self._first = 0
        # Dropping from a list's front moves the rest, so it is done for many lines at once.
        self._slack = max(1, capacity // 8)

    @property
    def first(self) -> int:
        """Number of the oldest line that is kept; `end` if there is none."""
        with self._lock:
            return self._oldest()

    @property
    def end(self) -> int:
        """Number of the next line to come."""
        with self._lock:
            return self._first + len(self._texts)

    def extend(self, lines: list[LogLine]) -> None:
        """Add lines, which follow those that are there.

        Raises:
            ValueError: their numbers don't follow; a fault of the caller.
        """
        if not lines:
            return
        with self._lock:
            if not self._texts:
                self._first = lines[0].number
            elif lines[0].number != self._first + len(self._texts):
                raise ValueError(f"line {lines[0].number} does not follow {self._first + len(self._texts) - 1}")
            self._times += map(_TIME, lines)
            self._texts += map(_TEXT, lines)
            self._levels += map(_LEVEL, lines)
            self._sources += map(_SOURCE, lines)
            excess = len(self._texts) - self.capacity
            if excess >= self._slack:
                for column in (self._times, self._texts, self._levels, self._sources):
                    del column[:excess]
                self._first += excess

    def since(self, number: int, limit: int | None = None) -> tuple[int, list[LogLine]]:
        """The lines from this number on, at most `limit`.

        Returns:
            The number of the first of them (later than asked for where older ones were dropped), and the lines.
        """
        with self._lock:
            start, part = self._part(number, limit)
            columns = (self._times[part], self._texts[part], self._levels[part], self._sources[part])
        return start, list(map(LogLine._make, zip(itertools.count(start), *columns, strict=False)))

    def texts(self, number: int, limit: int | None = None) -> tuple[int, list[str]]:
        """As `since`, the texts alone: for who wants very many."""
        with self._lock:
            start, part = self._part(number, limit)
            return start, self._texts[part]

    def clear(self) -> None:
        """Start afresh, as for a new run."""
        with self._lock:
            self._times, self._texts, self._levels, self._sources = [], [], [], []
            self._first = 0
            self.generation += 1

    def _part(self, number: int, limit: int | None) -> tuple[int, slice]:
        start = min(max(number, self._oldest()), self._first + len(self._texts))
        index = start - self._first
        return start, slice(index, None if limit is None else index + limit)

    def _oldest(self) -> int:
        return self._first + max(0, len(self._texts) - self.capacity)

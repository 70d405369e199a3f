"""Log lines, and the bounded buffer that they are pulled from."""

from __future__ import annotations

import threading
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


class LogBuffer:
    """The latest lines of one run. Written by the core loop, read from any thread.

    Lines are numbered without holes; the oldest are dropped beyond the capacity. `generation` changes when the buffer
    starts afresh, so that a reader knows that the numbers it remembers mean nothing any more.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self.capacity = capacity
        self.generation = 0
        self._lock = threading.Lock()
        self._lines: list[LogLine] = []
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
            return self._first + len(self._lines)

    def extend(self, lines: list[LogLine]) -> None:
        """Add lines, which follow those that are there.

        Raises:
            ValueError: their numbers don't follow; a fault of the caller.
        """
        if not lines:
            return
        with self._lock:
            if not self._lines:
                self._first = lines[0].number
            elif lines[0].number != self._first + len(self._lines):
                raise ValueError(f"line {lines[0].number} does not follow {self._first + len(self._lines) - 1}")
            self._lines += lines
            excess = len(self._lines) - self.capacity
            if excess >= self._slack:
                del self._lines[:excess]
                self._first += excess

    def since(self, number: int, limit: int | None = None) -> tuple[int, list[LogLine]]:
        """The lines from this number on, at most `limit`.

        Returns:
            The number of the first of them (later than asked for where older ones were dropped), and the lines.
        """
        with self._lock:
            start = min(max(number, self._oldest()), self._first + len(self._lines))
            index = start - self._first
            return start, self._lines[index : None if limit is None else index + limit]

    def clear(self) -> None:
        """Start afresh, as for a new run."""
        with self._lock:
            self._lines = []
            self._first = 0
            self.generation += 1

    def _oldest(self) -> int:
        return self._first + max(0, len(self._lines) - self.capacity)

"""Following the output that a keeper writes: segments of raw bytes, and when they arrived.

`00000000000000000000.log` holds the output from that byte on; old segments may be gone. `times.bin` holds records of
byte offset and Unix time: output from that offset on arrived then.
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections import deque
from io import FileIO
from pathlib import Path
from typing import Self

from core.errors import StoreError
from core.logs.buffer import LogLine
from core.logs.lines import LineReader

AT_ONCE = 1024 * 1024
"""Bytes that one `read` takes, so that it is over within some hundredths of a second."""

SEGMENT = re.compile(r"(\d{20})\.log")
TIMES = "times.bin"
_RECORD = struct.Struct("<Qd")


class LogFollower:
    """Reads a run's output from any point on, also while it is written and rotated.

    Args:
        folder: the run's log folder; it need not exist yet.
        position: byte offset to begin at, the start of a line.
        number: of the first line.
    """

    def __init__(self, folder: Path, *, position: int = 0, number: int = 0) -> None:
        self.folder = folder
        self.position = position
        """Offset of the next byte to be read."""
        self.has_more = False
        """The last `read` stopped at its limit, so there is probably more."""
        self._lines = LineReader(number)
        self._times = _Times(folder / TIMES)
        self._segment: FileIO | None = None
        self._start = 0  # of the open segment

    @property
    def pending(self) -> str:
        """The last, unfinished line as it looks now: a progress bar, a prompt. Empty if there is none."""
        return self._lines.pending

    def read(self, limit: int = AT_ONCE) -> list[LogLine]:
        """The lines that are new, at most about `limit` bytes of them. Cheap where nothing is new.

        Raises:
            StoreError: the output can't be read.
        """
        lines: list[LogLine] = []
        end = self.position + limit
        try:
            while self.position < end:
                if self._segment is None and not self._open_next(lines):
                    break
                if not self._read_on(lines, end - self.position) and not self._leave_segment():
                    break
        except FileNotFoundError:
            pass  # rotated away between looking and opening; the next call sees what is there then
        except OSError as error:
            self.close()
            raise StoreError(
                f"Can't read the log in {self.folder}: {error.strerror or error}.", field=str(self.folder)
            ) from error
        self.has_more = self.position >= end
        return lines

    def finish(self) -> list[LogLine]:
        """All that is left, with the unfinished last line, for when the engine has ended; closes the files.

        Raises:
            StoreError: the output can't be read.
        """
        lines = self.read()
        while self.has_more:
            lines += self.read()
        self.close()
        return lines + self._lines.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files. Reading on opens them again."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        self._times.close()

    def _read_on(self, lines: list[LogLine], limit: int) -> bool:
        """Take what the open segment has; False if it has nothing new."""
        assert self._segment is not None
        data = self._segment.read(limit)
        if not data:
            return False
        start, self.position = self.position, self.position + len(data)
        # The times are read after the data: the keeper writes them before it.
        marks = [(max(0, offset - start), at) for offset, at in self._times.before(self.position)]
        lines += self._lines.feed(data, marks)
        return True

    def _leave_segment(self) -> bool:
        """At the end of the open segment: True if a later one shows that nothing will be added to this one."""
        assert self._segment is not None
        if not any(start > self._start for start in self._starts()):
            return False
        # It may have grown between reading to its end and seeing the next one.
        if self._segment.tell() >= os.fstat(self._segment.fileno()).st_size:
            self._segment.close()
            self._segment = None
        return True

    def _open_next(self, lines: list[LogLine]) -> bool:
        """Open the segment that holds the position, or the first after a gap; False if there is none yet."""
        starts = self._starts()
        later = [start for start in starts if start > self.position]
        holding = max((start for start in starts if start <= self.position), default=None)
        if holding is not None:
            segment = FileIO(self.folder / _name(holding))
            size = segment.seek(0, 2)
            if holding + size > self.position or not later:
                self._segment, self._start = segment, holding
                segment.seek(self.position - holding)
                return True
            segment.close()
        if not later:
            return False
        self._report_gap(min(later), lines)
        self._segment, self._start = FileIO(self.folder / _name(self.position)), self.position
        return True

    def _report_gap(self, position: int, lines: list[LogLine]) -> None:
        lines += self._lines.flush()
        lines.append(self._lines.note(f"{position - self.position:,} bytes of output are missing here"))
        self.position = position

    def _starts(self) -> list[int]:
        """Where the segments begin that are there now."""
        try:
            names = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        return [int(match[1]) for name in names if (match := SEGMENT.fullmatch(name))]


def _name(start: int) -> str:
    return f"{start:020d}.log"


class _Times:
    """The arrival times, read as they are needed: a long run has many."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self._offset = 0
        self._rest = b""
        self._ahead: deque[tuple[int, float]] = deque()
        self._last = 0

    def before(self, position: int) -> list[tuple[int, float]]:
        """The records for what lies before this position and was not asked for yet."""
        found: list[tuple[int, float]] = []
        while self._ahead or self._fill():
            while self._ahead and self._ahead[0][0] < position:
                found.append(self._ahead.popleft())
            if self._ahead:
                break
        return found

    def _fill(self) -> bool:
        """Read some more records; False if there are none."""
        if self._file is None:
            try:
                self._file = FileIO(self._path)
            except FileNotFoundError:
                return False
            self._file.seek(self._offset)
        data = self._file.read(64 * 1024)
        if not data:
            return False
        self._offset += len(data)
        data = self._rest + data
        whole = len(data) - len(data) % _RECORD.size
        self._rest = data[whole:]
        for offset, at in _RECORD.iter_unpack(data[:whole]):
            # A damaged record must not put a later line before an earlier one.
            if offset >= self._last and math.isfinite(at) and at > 0:
                self._ahead.append((offset, at))
                self._last = offset
        return True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

"""Writing an engine's output to disk, byte for byte, in segments.

A segment's name is the offset of its first byte in the whole output, so a reader sees by the names alone where bytes
are missing: the middle of a very long log that was dropped, or output that came while the disk was full.
Standard library only: the keeper imports this.
"""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

SEGMENT_BYTES = 16 << 20
KEPT_SEGMENTS = 64
TIMES = "times.bin"
TIME_RECORD = struct.Struct("<Qd")
"""Offset of a byte, and when it and what follows arrived (Unix seconds)."""
TIME_STEP = 0.05
RETRY_SECONDS = 0.5


def segment_name(offset: int) -> str:
    """The file name of the segment that begins at this offset."""
    return f"{offset:020d}.log"


class SegmentWriter:
    """Appends to the log folder of a run. A write that fails loses those bytes, is counted, and is tried again later.

    Args:
        folder: made if missing.
        segment_bytes: a segment is closed when it is at least this long.
        kept: segments that stay; beyond that the oldest but the first is removed (the start of a log is worth most).
    """

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES, kept: int = KEPT_SEGMENTS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._kept = kept
        self._offset = 0
        self._segment: int | None = None
        self._segment_length = 0
        self._names: list[str] = []
        self._times = os.open(folder / TIMES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._last_time = 0.0
        self._retry_at = 0.0
        self.lost = 0
        """Bytes that could not be written."""
        self.problem = ""
        """Why the last write failed; empty once one succeeds."""

    def write(self, data: bytes) -> None:
        """Append, or count as lost."""
        if not data:
            return
        self._note_time()
        view = memoryview(data)
        while view:
            written = self._write_some(view)
            if written == 0:
                self._offset += len(view)
                self.lost += len(view)
                return
            view = view[written:]

    def close(self) -> None:
        """Sync and close."""
        if self._segment is not None:
            os.close(self._segment)
            self._segment = None
        os.close(self._times)

    def _write_some(self, view: memoryview) -> int:
        """Write what fits into the present segment; 0 if the disk takes nothing now."""
        if self.problem and time.monotonic() < self._retry_at:
            return 0
        try:
            if self._segment is None:
                self._open()
            assert self._segment is not None
            written = os.write(self._segment, view[: max(1, self._segment_bytes - self._segment_length)])
        except OSError as error:
            self._give_up(error)
            return 0
        self.problem = ""
        self._offset += written
        self._segment_length += written
        if self._segment_length >= self._segment_bytes:
            self._rotate()
        return written

    def _open(self) -> None:
        name = segment_name(self._offset)
        self._segment = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._segment_length = 0
        self._names.append(name)
        while len(self._names) > max(2, self._kept):
            (self._folder / self._names.pop(1)).unlink(missing_ok=True)

    def _rotate(self) -> None:
        if self._segment is not None:
            os.close(self._segment)
            self._segment = None

    def _give_up(self, error: OSError) -> None:
        """Close the segment, so that the next bytes start one whose name shows the gap."""
        self.problem = error.strerror or str(error)
        self._retry_at = time.monotonic() + RETRY_SECONDS
        if self._segment is not None:
            os.close(self._segment)
            self._segment = None
            if self._segment_length == 0 and self._names:
                (self._folder / self._names.pop()).unlink(missing_ok=True)

    def _note_time(self) -> None:
        now = time.time()
        if abs(now - self._last_time) >= TIME_STEP:
            self._last_time = now
            try:
                os.write(self._times, TIME_RECORD.pack(self._offset, now))
            except OSError as error:
                self.problem = error.strerror or str(error)

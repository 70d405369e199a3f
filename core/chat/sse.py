"""Server-sent events, incrementally: bytes in, events out, by the rules of the WHATWG HTML standard.

Two things differ, both for servers as they are: an event that the stream ends in the middle of is handed out, marked as
cut (some servers forget the last empty line), and a stream that never ends an event is refused before it fills memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ChatError

LIMIT = 16 * 1024 * 1024
"""Bytes that one event may have. A chat chunk has some hundred, one with log probabilities some thousand."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event."""

    data: str
    event: str = "message"
    id: str = ""
    is_cut: bool = False
    """The stream ended before the event did, so `data` may lack its end."""


class SseParser:
    """Turns chunks of a stream, however they are cut, into events.

    `feed` what arrives, `close` at the end of the stream.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0  # bytes of the line and the event that are not finished
        self._at_start = True
        self._after_cr = False
        self._data: list[str] = []
        self._event = ""
        self._id = ""

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that this chunk completes.

        Raises:
            ChatError: an event grows beyond the limit.
        """
        if not chunk:
            return []
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_plain_newlines(chunk)
        head, newline, rest = chunk.rpartition(b"\n")
        events: list[SseEvent] = []
        if newline:
            self._pieces.append(head)
            block, self._pieces, self._size = b"".join(self._pieces), [], sum(map(len, self._data))
            for line in block.split(b"\n"):
                if self._at_start:
                    line, self._at_start = line.removeprefix(_BOM), False
                if not line:
                    self._dispatch(events)
                else:
                    self._read_line(line)
        self._pieces.append(rest)
        self._size += len(rest)
        self._check_size()
        return events

    def close(self) -> list[SseEvent]:
        """What the stream ended in the middle of: one event at most, marked as cut."""
        line = b"".join(self._pieces)
        self._pieces = []
        if self._at_start:
            line = line.removeprefix(_BOM)
        if line:
            self._read_line(line)
        events: list[SseEvent] = []
        self._dispatch(events, is_cut=True)
        return events

    def _with_plain_newlines(self, chunk: bytes) -> bytes:
        """CR and CRLF become LF, also where the chunk's border lies between CR and LF."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            if not chunk:
                self._after_cr = False
                return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _read_line(self, line: bytes) -> None:
        name, colon, value = line.partition(b":")
        if colon and not name:
            return  # a comment, such as a keep-alive
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value.decode("utf-8", "replace"))
            self._size += len(value)
            self._check_size()
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")

    def _dispatch(self, events: list[SseEvent], *, is_cut: bool = False) -> None:
        """The end of an event; one without a data line is none."""
        if self._data:
            data = self._data[0] if len(self._data) == 1 else "\n".join(self._data)
            events.append(SseEvent(data, self._event or "message", self._id, is_cut))
            self._data = []
            self._size = 0
        self._event = ""

    def _check_size(self) -> None:
        if self._size > self._limit:
            raise ChatError(
                f"The endpoint sent an event of more than {self._limit // 1024:,} kB.",
                remedy="It does not seem to be a chat stream; check the address.",
            )

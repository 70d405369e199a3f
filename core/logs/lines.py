"""From the bytes that an engine printed to log lines, however the bytes are cut.

- Terminal codes are removed; other control characters are made visible.
- Of text with carriage returns (a progress bar) the last state that shows anything is the line.
- Bytes that are no UTF-8 are replaced.
- A line ends after 64 kB; a note says how much more there was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.logs.buffer import LogLine
from core.logs.levels import LevelReader

LONGEST = 64 * 1024
"""Bytes of a line that are kept."""

_CODES = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?|[()*+][A-Za-z0-9]|[=>78DEHMNOZc])"
_TERMINAL = re.compile(_CODES)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_VISIBLE = {**{code: 0x2400 + code for code in range(32) if code not in b"\t\n\r"}, 127: 0x2421}


class _Line:
    """A line as its bytes come in; holds no more of them than are kept."""

    __slots__ = ("_best", "_current", "_dropped", "_has_return")

    def __init__(self) -> None:
        self._best: tuple[bytes, int] | None = None
        self._current = bytearray()
        self._dropped = 0
        self._has_return = False

    def __bool__(self) -> bool:
        return bool(self._current) or self._has_return

    def add(self, data: bytes) -> None:
        for number, state in enumerate(data.split(b"\r")):
            if number:
                self._end_state()
            room = LONGEST - len(self._current)
            self._current += state[:room]
            self._dropped += max(0, len(state) - room)

    def _end_state(self) -> None:
        if _shows_anything(self._current.decode("utf-8", "replace")):
            self._best = bytes(self._current), self._dropped
        self._current.clear()
        self._dropped = 0
        self._has_return = True

    def text(self) -> str:
        """The line, with its terminal codes."""
        data, dropped = bytes(self._current), self._dropped
        if self._has_return and not _shows_anything(data.decode("utf-8", "replace")):
            data, dropped = self._best or (b"", 0)
        if not dropped:
            return data.decode("utf-8", "replace")
        whole = data.decode("utf-8", "ignore") if _is_cut_in_a_character(data) else data.decode("utf-8", "replace")
        return f"{whole} … [servedeck] {dropped:,} more bytes of this line are only in the log file"


def _text_of(raw: bytes) -> str:
    line = _Line()
    line.add(raw)
    return _plain(line.text())


def _last_state(text: str) -> str:
    """What a terminal would show last of a text with carriage returns, roughly."""
    return next((state for state in reversed(text.split("\r")) if _shows_anything(state)), "")


def _shows_anything(state: str) -> bool:
    return bool((_TERMINAL.sub("", state) if "\x1b" in state else state).strip(" \t"))


def _is_cut_in_a_character(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(data) - 3 and error.reason == "unexpected end of data"
    return False


class LineReader:
    """Turns pieces of output into lines. The last, unfinished one is held back until its newline, or `flush`."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        """Of the next line."""
        self._line = _Line()
        self._at: float | None = None
        self._levels = LevelReader()

    @property
    def pending(self) -> str:
        """The unfinished line as it would look now."""
        return _plain(self._line.text())

    def feed(self, data: bytes, times: Sequence[tuple[int, float]] = ()) -> list[LogLine]:
        """The lines that this piece completes.

        Args:
            data: what was printed next.
            times: index into `data`, ascending, and when what is there arrived; before the first, the last known holds.
        """
        head, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._line.add(data)
            self._at = times[-1][1] if times else self._at
            return []
        texts = self._texts(head)
        self._line = _Line()
        self._line.add(rest)
        return self._made(texts, self._times_of(data, len(texts), times))

    def flush(self) -> list[LogLine]:
        """The unfinished line, at the end of the output."""
        if not self._line:
            return []
        texts = [self.pending]
        self._line = _Line()
        return self._made(texts, [self._at])

    def note(self, text: str) -> LogLine:
        """A line of our own between theirs."""
        line = LogLine(self.number, self._at, f"[servedeck] {text}", "warning", "servedeck")
        self.number += 1
        return line

    def _texts(self, head: bytes) -> list[str]:
        """The texts of what ends with a newline that is cut off already."""
        texts: list[str] = []
        if self._line:
            first, newline, head = head.partition(b"\n")
            self._line.add(first)
            texts.append(_plain(self._line.text()))
            if not newline:
                return texts
        if len(head) > LONGEST and max(map(len, head.split(b"\n"))) > LONGEST:
            return texts + [_text_of(raw) for raw in head.split(b"\n")]
        # The same as _text_of for each line, but for all of them at once.
        some = _plain(head.decode("utf-8", "replace")).split("\n")
        if b"\r" in head:
            some = [_last_state(text) if "\r" in text else text for text in some]
        return texts + some

    def _times_of(self, data: bytes, count: int, times: Sequence[tuple[int, float]]) -> list[float | None]:
        """For each line when its newline arrived."""
        result: list[float | None] = []
        counted = 0
        for index, at in times:
            lines = len(result) + data.count(b"\n", counted, index)
            result += [self._at] * (lines - len(result))
            counted, self._at = max(index, counted), at
        return result + [self._at] * (count - len(result))

    def _made(self, texts: list[str], times: list[float | None]) -> list[LogLine]:
        levels, sources = self._levels.read(texts)
        numbers = range(self.number, self.number + len(texts))
        self.number += len(texts)
        return list(map(LogLine._make, zip(numbers, times, texts, levels, sources, strict=True)))


def _plain(text: str) -> str:
    """Without terminal codes, and with nothing that can't be seen."""
    if "\x1b" in text:
        text = _TERMINAL.sub("", text)
    return text.translate(_VISIBLE) if _CONTROL.search(text) else text

"""How severe a log line is and who wrote it, for the ways in which engines and their libraries write lines."""

from __future__ import annotations

import re
from typing import NamedTuple

_LEVELS = {
    "TRACE": "debug",
    "DEBUG": "debug",
    "INFO": "info",
    "WARN": "warning",
    "WARNING": "warning",
    "ERROR": "error",
    "CRITICAL": "critical",
    "FATAL": "critical",
    "D": "debug",
    "I": "info",
    "W": "warning",
    "E": "error",
    "F": "critical",
}
_NAMES = r"TRACE|DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL"

# (EngineCore pid=12) INFO 11-23 08:05:53 [core.py:133] text; level and place are missing where a process just prints
_PROCESS = re.compile(
    rf"\(([^()\n]{{1,80}} pid=\d+)\) ?(?:({_NAMES})\b ?)?(?:\d\d-\d\d \d\d:\d\d:\d\d )?(?:\[[^\]\n]*\] ?)?"
)
_WORDS = (
    # INFO:     text (uvicorn)   WARNING:root:text   INFO 11-23 08:05:53 text (vLLM before it named processes)
    (re.compile(rf"({_NAMES}):(?: +|[\w.]+:)"), None, 1),
    (re.compile(rf"({_NAMES}) \d\d-\d\d \d\d:\d\d:\d\d (?:\[?[\w.]+:\d+\]? )?"), None, 1),
)
_DATE = r"\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?"
_DATES = (
    # 2025-01-01T00:00:00.1Z  INFO text_generation_launcher: text    2025-01-01 00:00:00,123 - name - INFO - text
    (re.compile(rf"{_DATE} *-? *({_NAMES})\b *-? *(?:([\w.-]+):\s)?"), 2, 1),
    (re.compile(rf"{_DATE} - ([\w.]+) - ({_NAMES}) - "), 1, 2),
)
_BRACKETS = (
    (re.compile(r"\[(transformers|servedeck|rank\d+)\]:? "), 1, None),
    # [W1123 08:06:00.340402353 utils.cpp:68] text (PyTorch)    [2025-01-01 00:00:00] INFO: text
    (re.compile(r"(?:\[rank\d+\]:)?\[([DIWEF])\d{4} [\d:.]+ [^\]\n]*\] "), None, 1),
    (re.compile(rf"\[\d{{4}}-\d\d-\d\d[^\]\n]*\] ({_NAMES})\b[ :]*"), None, 1),
)
_PREFIXES: dict[str, tuple[tuple[re.Pattern[str], int | None, int | None], ...]] = {
    **dict.fromkeys("TDIWECF", _WORDS),
    **dict.fromkeys("0123456789", _DATES),
    "[": _BRACKETS,
}

_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit)(?::|$)")
_FATAL = re.compile(
    r"Error: |[\w./ -]{1,60}: error: |Fatal Python error|Segmentation fault|Killed$|Aborted|terminate called"
    r"|thread '.*' panicked"
)
_FIRST_LETTERS = frozenset("AFKSt")
_FAILED = re.compile(r"\w+ failed: ")
_TRACEBACK = "Traceback (most recent call last):"


class Prefix(NamedTuple):
    """A line in its parts."""

    source: str
    level: str
    """Empty if the prefix has none."""
    body: str


def split_prefix(text: str) -> Prefix:
    """Part a line into who, how severe, and what."""
    if text.startswith("(") and (match := _PROCESS.match(text)):
        return Prefix(match[1], _LEVELS.get(match[2] or "", ""), text[match.end() :])
    for pattern, source, level in _PREFIXES.get(text[:1], ()):
        if match := pattern.match(text):
            name = (match[source] or "") if source else ""
            return Prefix(name, _LEVELS[match[level]] if level else "", text[match.end() :])
    return Prefix("", "", text)


class LevelReader:
    """Gives each line its level and source. It remembers tracebacks, whose lines carry no level of their own."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}
        self._tracebacks: dict[str, bool] = {}

    def read(self, texts: list[str]) -> tuple[list[str], list[str]]:
        """Levels and sources of the lines, in order."""
        levels: list[str] = []
        sources: list[str] = []
        for text in texts:
            # Most lines of a flood begin alike: '(EngineCore pid=12) INFO ' and 'INFO: ' are looked up, not matched.
            start = text[: text.find(" ", text.find(")") + 2)] if text[:1] == "(" else text[: text.find(" ", 0, 12)]
            found = self._known.get(start)
            if found is None:
                found = self._recognise(text, start)
            levels.append(found[0])
            sources.append(found[1])
        return levels, sources

    def _recognise(self, text: str, start: str) -> tuple[str, str]:
        source, level, body = split_prefix(text)
        if not level:
            return self._level_of(body, source), source
        if start == f"({source}) {level.upper()}" or start == f"{level.upper()}:":
            if len(self._known) > 1000:
                self._known.clear()
            self._known[start] = (level, source)
        self._tracebacks.pop(source, None)
        return level, source

    def _level_of(self, body: str, source: str) -> str:
        """The level of a line whose prefix has none."""
        if body.startswith(_TRACEBACK):
            if len(self._tracebacks) > 1000:
                self._tracebacks.clear()
            self._tracebacks[source] = True
            # The next line of that source with a level ends the traceback, so it must come by here.
            self._known = {start: found for start, found in self._known.items() if found[1] != source}
            return "error"
        if source in self._tracebacks:
            if not body or body[0] in " \t|+":
                return "error"
            # The first line that is not indented is the exception; what follows it indented still belongs to it.
            if self._tracebacks[source]:
                self._tracebacks[source] = False
                return "error"
            del self._tracebacks[source]
        # Looked at closely only if it may be one: nearly all lines are not.
        may_be_error = "rror" in body or "xception" in body or body[:1] in _FIRST_LETTERS
        if may_be_error and (_EXCEPTION.match(body) or _FATAL.match(body)):
            return "error"
        if source == "servedeck" and _FAILED.match(body):
            return "error"
        if "Warning: " in body:
            return "warning"
        return "info" if source in ("servedeck", "transformers") else ""

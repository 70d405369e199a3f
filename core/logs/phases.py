"""Phases of a start, and the implementation that really loaded, read from the log by an engine's table."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import replace

from core.deployments.deployment import Phase, PhaseSpan
from core.engines.engine import LogTable
from core.engines.support import Implementation
from core.logs.buffer import LogLine

LONGEST_EVIDENCE = 300
"""Characters of a line that are kept as evidence."""

_NUMBER = re.compile(r"\d[\d,_]*(?:\.\d+)?|\.\d+")


class PhaseReader:
    """Follows a start, line by line.

    A phase begins with a line that its pattern finds and ends when another begins. It may be entered again (several
    workers load at their own pace); it is then one span, from its first beginning to its last end. Phases that an
    engine skips don't appear. After the line of `ready` nothing changes any more.

    Patterns may have the groups `done` and `total`, or `percent`, for the progress, and `note` for what is shown.
    """

    def __init__(self, table: LogTable) -> None:
        self._patterns = tuple((each.phase, re.compile(each.pattern)) for each in table.phases)
        self._loaded = tuple((implementation, re.compile(pattern)) for implementation, pattern in table.loaded)
        default = table.loaded_default_after
        self._default = (default[0], re.compile(default[1])) if default else None
        self._rank: int | None = None
        """Place in the table of what was found to be loaded; smaller wins."""
        self._spans: dict[Phase, PhaseSpan] = {}
        self._open: Phase | None = None
        self._is_over = False
        self.implementation: Implementation | None = None
        """What really loaded, None while the log doesn't say."""
        self.implementation_evidence = ""
        """The line that showed it."""

    @property
    def spans(self) -> tuple[PhaseSpan, ...]:
        """The phases so far, by their beginning."""
        return tuple(self._spans.values())

    def feed(self, lines: Sequence[LogLine], at: float | None = None) -> None:
        """Read on.

        Args:
            lines: what is new.
            at: Unix time for lines that carry none; now, if not given.
        """
        for line in lines:
            if self._is_over:
                return
            self._read_loaded(line.text)
            for phase, pattern in self._patterns:
                if match := pattern.search(line.text):
                    when = line.at if line.at is not None else at if at is not None else time.time()
                    self._enter(phase, when, match)
                    break

    def finish(self, at: float) -> None:
        """The start is over, by success or failure: the open phase ends. Lines that come later are not read."""
        self._end_open(at)
        self._is_over = True

    def _enter(self, phase: Phase, at: float, match: re.Match[str]) -> None:
        if phase is not self._open:
            self._end_open(at)
            self._open = phase
        span = self._spans.get(phase) or PhaseSpan(phase, started=at)
        progress, note = _progress(phase, match)
        self._spans[phase] = replace(
            span,
            ended=None,
            note=span.note if note is None else note,
            progress=span.progress if progress is None else progress,
        )
        if phase is Phase.READY:
            self._is_over = True

    def _end_open(self, at: float) -> None:
        if self._open is not None:
            span = self._spans[self._open]
            # Clocks are set back now and then; a phase never takes less than no time.
            self._spans[self._open] = replace(span, ended=max(at, span.started))
            self._open = None

    def _read_loaded(self, text: str) -> None:
        candidates = self._loaded if self._rank is None else self._loaded[: self._rank]
        for rank, (implementation, pattern) in enumerate(candidates):
            if pattern.search(text):
                self._rank = rank
                self._found(implementation, text)
                return
        if self._default and self._rank is None and self.implementation is None and self._default[1].search(text):
            self._found(self._default[0], text)

    def _found(self, implementation: Implementation, text: str) -> None:
        self.implementation = implementation
        self.implementation_evidence = text.strip()[:LONGEST_EVIDENCE]


def _progress(phase: Phase, match: re.Match[str]) -> tuple[float | None, str | None]:
    """Progress from 0 to 1 and note of a matched line; None where it doesn't say."""
    groups = match.groupdict()
    note = groups.get("note")
    done, total, percent = (_number(groups.get(name)) for name in ("done", "total", "percent"))
    if done is not None and total is not None and total > 0:
        if note is None:
            note = _amount(phase, done, total)
        return min(1.0, done / total), note
    if percent is not None:
        return min(1.0, percent / 100), note
    return None, note


def _amount(phase: Phase, done: float, total: float) -> str:
    if phase is not Phase.DOWNLOAD:
        return f"{done:,.0f} of {total:,.0f}"
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if total >= size:
            return f"{done / size:.1f} of {total / size:.1f} {unit}"
    return f"{done:.0f} of {total:.0f} bytes"


def _number(text: str | None) -> float | None:
    """The number, None if there is none; patterns come from tables, and what they find is the engine's."""
    match = _NUMBER.fullmatch(text.strip()) if text else None
    number = float(match[0].replace(",", "").replace("_", "")) if match else math.inf
    return number if math.isfinite(number) else None

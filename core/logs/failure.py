"""Why an engine ended, in its own words: the root cause among the many errors that one failure prints.

A failure is told several times: by the process in which it happened, by those that wait for it, and by the program at
its end. The first is the cause; the rest are consequences, and often louder.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from core.engines.engine import LogTable
from core.logs.buffer import LogLine
from core.logs.levels import split_prefix

LONGEST = 2000
"""Characters of a cause that are kept; some engines list all architectures that they know."""

ANSWERS_AFTER = 3
"""So many requests answered after an error show that the engine survived it."""

CHILDREN = ("Worker", "EngineCore")
"""Processes in which failures happen, the innermost first, by a word of their source."""

_CONSEQUENCES = (
    r"[Ss]ee (?:the )?(?:root cause|stack ?trace)",
    r"Engine core initialization failed",
    r"WorkerProc initialization failed",
    r"EngineDeadError",
    r"Engine process failed to start",
    r"BrokenPipeError|ConnectionResetError|EOFError|ChildFailedError|CalledProcessError",
    r"Application startup failed",
    r"Exception in ASGI application",
    r"sys\.meta_path is None",
)
_NOT_FATAL = re.compile(
    r"(?:\w+\.)*(?:RequestValidationError|HTTPException|CancelledError|KeyboardInterrupt|SystemExit)\b"
)
_ARGPARSE = re.compile(r"[\w./ -]{1,60}: error: .")
_OUR_STEP = re.compile(r"\w[\w ]* failed: .")
_TRACEBACK = "Traceback (most recent call last):"
_CHAINS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_EXCEPTION = re.compile(r"(?P<name>(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?::\s*(?P<message>.*))?$")
_NAMED_ERROR = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|NotFound): .")
_VALIDATION = re.compile(r"\d+ validation errors? ")
_VALUE_ERROR = re.compile(r"\s+Value error, (?P<message>\S.*?)(?: \[type=.*)?$")
_GROUP_MARK = re.compile(r"\s*(?:\| ?|\+-[+-]*[ \d-]*)")
_SUDDEN = re.compile(
    r"(?:exited|died|terminated) unexpectedly|Segmentation fault|^Killed$|Fatal Python error|terminate called after"
    r"|panicked at|Bus error|Illegal instruction|Out of memory: Killed"
)
_ANSWERED = re.compile(r'HTTP/1\.\d" [23]\d\d\b')


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line that may matter."""

    number: int
    source: str
    level: str
    body: str


@dataclass(slots=True)
class _Failure:
    """A traceback with those that it is chained to, or a single line: its errors, first to last."""

    source: str
    level: str
    errors: list[tuple[str, int]] = field(default_factory=list)


def find_failure(lines: Sequence[LogLine], table: LogTable) -> tuple[str, int] | None:
    """The cause of a failed run, and the number of the line that tells it; None where the log holds none.

    In this order: a step of ours that failed; a refused command line; the first error of a worker, then of an engine
    process; the first traceback of another; the end of a process without a word; any other error.
    """
    entries = list(_entries(lines))
    consequence = re.compile("|".join(f"(?:{each})" for each in (*table.not_the_cause, *_CONSEQUENCES)))
    answers = [line.number for line in lines if _ANSWERED.search(line.text)]

    def is_possible(text: str, number: int) -> bool:
        survived = len(answers) - bisect_right(answers, number) >= ANSWERS_AFTER
        return not survived and not consequence.search(text)

    for text, number in _candidates(entries):
        if is_possible(text, number):
            return _shortened(text), number
    return None


def _candidates(entries: list[_Entry]) -> Iterator[tuple[str, int]]:
    """Possible causes, the likeliest first."""
    for entry in reversed(entries):
        if entry.source == "servedeck" and _OUR_STEP.match(entry.body):
            yield entry.body, entry.number
    last = next((entry for entry in reversed(entries) if entry.body.strip()), None)
    if last is not None and _ARGPARSE.match(last.body):
        yield last.body, last.number
    failures = [each for each in _failures(entries) if not _NOT_FATAL.match(each.errors[-1][0])]
    for child in CHILDREN:
        for failure in failures:
            if failure.level and child in failure.source:
                yield from failure.errors
    for failure in failures:
        yield from reversed(failure.errors)
    for entry in entries:
        if _SUDDEN.search(entry.body):
            yield entry.body, entry.number
    for index, entry in enumerate(entries):
        if entry.level in ("error", "critical") and entry.body[:1].strip() and not _is_title(entries, index):
            yield entry.body, entry.number


def _entries(lines: Iterable[LogLine]) -> Iterator[_Entry]:
    """Lines without a level, and those that tell of an error or of a sudden end."""
    for line in lines:
        if line.level not in ("info", "debug") or line.source == "servedeck":
            source, level, body = split_prefix(line.text)
            if level in ("", "error", "critical") or _SUDDEN.search(body):
                yield _Entry(line.number, source, level, body)


def _failures(entries: list[_Entry]) -> list[_Failure]:
    """All errors with a name, chained ones together, in the order in which they began."""
    found: list[_Failure] = []
    for source in dict.fromkeys(entry.source for entry in entries):
        found += _failures_of([entry for entry in entries if entry.source == source])
    return sorted(found, key=lambda failure: failure.errors[0][1])


def _failures_of(entries: list[_Entry]) -> Iterator[_Failure]:
    """The failures that one process tells of."""
    failure: _Failure | None = None
    in_frames = is_ignored = is_chained = False
    for index, entry in enumerate(entries):
        body = _without_group_mark(entry.body)
        if body.startswith(_TRACEBACK):
            if failure is not None and not is_chained:
                yield failure
                failure = None
            in_frames = True
            is_ignored = index > 0 and "Exception ignored in" in entries[index - 1].body
        elif in_frames and (not body or body[0].isspace()):
            continue
        elif _EXCEPTION.match(body) if in_frames else _NAMED_ERROR.match(body):
            if failure is not None and not in_frames:
                yield failure
                failure = None
            if not is_ignored:
                failure = failure or _Failure(entry.source, entry.level)
                failure.errors.append(_error(entries, index, body))
            in_frames = is_chained = is_ignored = False
        elif body.startswith(_CHAINS):
            is_chained = True
    if failure is not None:
        yield failure


def _error(entries: list[_Entry], index: int, body: str) -> tuple[str, int]:
    """The text of an exception, and its line. Where the first line says little, the next one does."""
    entry = entries[index]
    match = _EXCEPTION.match(body)
    message = (match["message"] or "").strip() if match else body
    if match is None or (message and not _VALIDATION.match(message)):
        return body.strip(), entry.number
    for later in entries[index + 1 : index + 10]:
        if value := _VALUE_ERROR.match(later.body):
            return value["message"].strip(), later.number
    following = entries[index + 1] if index + 1 < len(entries) else None
    if following is not None and following.body.strip() and not following.body.startswith(_TRACEBACK):
        return f"{match['name']}: {following.body.strip()}", following.number if not message else entry.number
    return body.strip(), entry.number


def _without_group_mark(body: str) -> str:
    """Tracebacks of exception groups are drawn as a tree; this takes the branches away."""
    if "|" not in body[:12] and "+-" not in body[:12]:
        return body
    match = _GROUP_MARK.match(body)
    return body[match.end() :] if match else body


def _is_title(entries: list[_Entry], index: int) -> bool:
    """A traceback of the same process follows at once, which says more."""
    entry = entries[index]
    following = next((each for each in entries[index + 1 : index + 20] if each.source == entry.source), None)
    return entry.body.startswith(_TRACEBACK) or (following is not None and following.body.startswith(_TRACEBACK))


def _shortened(text: str) -> str:
    text = text.strip()
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"

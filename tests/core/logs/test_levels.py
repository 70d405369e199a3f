"""Levels and sources of lines as the engines really print them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.logs.levels import LevelReader, split_prefix
from core.logs.lines import LineReader

DATA = Path(__file__).parents[2] / "data" / "logs"


@pytest.mark.parametrize(
    ("text", "source", "level", "body"),
    [
        ("(EngineCore pid=12) INFO 11-23 08:05:53 [core.py:133] up", "EngineCore pid=12", "info", "up"),
        ("(Worker_TP0 pid=4) ERROR 11-23 08:05:53 [x.py:1]   File", "Worker_TP0 pid=4", "error", "  File"),
        ("(APIServer pid=4) WARNING 11-23 08:05:53 [a.py:2] x", "APIServer pid=4", "warning", "x"),
        (
            "(APIServer pid=9) Traceback (most recent call last):",
            "APIServer pid=9",
            "",
            "Traceback (most recent call last):",
        ),
        ("INFO 01-02 03:04:05 [llm.py:1] old vLLM", "", "info", "old vLLM"),
        ("INFO 01-02 03:04:05 llm.py:1] older vLLM", "", "info", "older vLLM"),
        ('INFO:     127.0.0.1:1 - "GET /health"', "", "info", '127.0.0.1:1 - "GET /health"'),
        ("ERROR:    [Errno 98] in use", "", "error", "[Errno 98] in use"),
        ("WARNING:root:careful", "", "warning", "careful"),
        ("CRITICAL:a.b:the end", "", "critical", "the end"),
        ("[transformers] Loading x@main", "transformers", "", "Loading x@main"),
        ("[servedeck] download 1 of 2 bytes", "servedeck", "", "download 1 of 2 bytes"),
        ("[W1123 08:06:00.34 utils.cpp:68] Warning: NUMA", "", "warning", "Warning: NUMA"),
        ("[rank0]:[E1123 08:06:00.34 Pg.cpp:6] bad", "", "error", "bad"),
        ("[rank0]: ValueError: bad", "rank0", "", "ValueError: bad"),
        ("2025-01-01T00:00:00.12Z  INFO text_generation_launcher: Args", "text_generation_launcher", "info", "Args"),
        ("2025-01-01T00:00:00.12Z ERROR shard-manager: failed", "shard-manager", "error", "failed"),
        ("2025-01-01 00:00:00,123 - my.name - WARNING - hm", "my.name", "warning", "hm"),
        ("2025-01-01 00:00:00,123 DEBUG hm", "", "debug", "hm"),
        ("[2025-01-01 00:00:00] INFO server.py: hm", "", "info", "server.py: hm"),
        ("INFORMATION is no level", "", "", "INFORMATION is no level"),
        ("(not a process) INFO", "", "", "(not a process) INFO"),
        ("", "", "", ""),
    ],
)
def test_a_line_is_parted_into_who_how_severe_and_what(text: str, source: str, level: str, body: str) -> None:
    assert split_prefix(text) == (source, level, body)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("vllm: error: unrecognized arguments: --x", "error"),
        ("Error: ShardCannotStart", "error"),
        ("huggingface_hub.errors.HFValidationError: bad", "error"),
        ("KeyboardInterrupt", "error"),
        ("Segmentation fault (core dumped)", "error"),
        ("[servedeck] download failed: no space", "error"),
        ("[servedeck] download complete: /x", "info"),
        ("[transformers] loading", "info"),
        ("/x/y.py:1: FutureWarning: old", "warning"),
        ("no errors here: 0", ""),
        ("Loading weights: 100%", ""),
    ],
)
def test_lines_without_a_level_are_judged_by_their_words(text: str, level: str) -> None:
    assert LevelReader().read([text])[0] == [level]


def test_a_traceback_is_an_error_from_its_first_to_its_last_line() -> None:
    text = """before
Traceback (most recent call last):
  File "x.py", line 1, in f
    g()
    ^^^

CacheNotFound: nothing there
  with a second line
INFO:     after
  not of it"""
    levels, _ = LevelReader().read(text.split("\n"))
    assert levels == ["", *["error"] * 7, "info", ""]


def test_tracebacks_of_several_processes_are_kept_apart() -> None:
    lines = [
        "(A pid=1) INFO 01-01 00:00:00 [a.py:1] x",
        "(A pid=1) Traceback (most recent call last):",
        "(B pid=2) plain",
        "(A pid=1)   File",
        "(B pid=2)   plain",
        "(A pid=1) INFO 01-01 00:00:00 [a.py:1] x",
        "(A pid=1)   plain",
    ]
    levels, sources = LevelReader().read(lines)
    assert levels == ["info", "error", "", "error", "", "info", ""]
    assert set(sources) == {"A pid=1", "B pid=2"}


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("vllm-start.log", {"": 9, "info": 54, "warning": 16, "error": 0}),
        ("transformers-serve.log", None),
        ("vllm-engine-killed.log", None),
    ],
)
def test_real_logs(name: str, counts: dict[str, int] | None) -> None:
    lines = LineReader().feed((DATA / name).read_bytes())
    found = {level: sum(line.level == level for line in lines) for level in ("", "info", "warning", "error")}
    assert sum(found.values()) == len(lines)
    if counts:
        assert found == counts
    else:
        assert found["error"] > 10


@given(st.lists(st.text(max_size=40), max_size=20))
def test_no_text_breaks_it(texts: list[str]) -> None:
    levels, sources = LevelReader().read(texts)
    assert len(levels) == len(sources) == len(texts)
    assert set(levels) <= {"", "debug", "info", "warning", "error", "critical"}

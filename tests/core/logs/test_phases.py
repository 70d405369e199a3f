"""Phases and the implementation that loaded, from real logs and from odd ones."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.deployments.deployment import Phase, PhaseSpan
from core.engines.engine import LogTable, PhasePattern
from core.engines.support import Implementation
from core.logs.buffer import LogLine
from core.logs.phases import PhaseReader
from tests.core.logs.tables import TRANSFORMERS, VLLM, lines_of, real


def at(seconds: float, text: str) -> LogLine:
    return LogLine(0, seconds, text, "", "")


def number_of(lines: list[LogLine], words: str) -> int:
    return next(line.number for line in lines if words in line.text)


def test_a_real_eager_start_of_vllm() -> None:
    lines = real("vllm-start.log", start=1000.0)
    reader = PhaseReader(VLLM)
    reader.feed(lines)
    assert [span.phase for span in reader.spans] == [
        Phase.START_ENGINE,
        Phase.LOAD_WEIGHTS,
        Phase.RESERVE_KV_CACHE,
        Phase.WARM_UP,
        Phase.READY,
    ]
    assert [span.started - 1000 for span in reader.spans] == [
        number_of(lines, words)
        for words in ("non-default", "Starting to load", "KV cache size", "init engine", "startup complete")
    ]
    for earlier, later in zip(reader.spans, reader.spans[1:], strict=False):
        assert earlier.ended == later.started
    assert reader.spans[-1].ended is None
    load, cache = reader.spans[1:3]
    assert (load.progress, load.note) == (1.0, "1 of 1")
    assert cache.note == "46,592 tokens"
    assert reader.implementation is Implementation.TRANSFORMERS
    assert "Using Transformers modeling backend." in reader.implementation_evidence


def test_a_real_compiling_start_of_vllm() -> None:
    reader = PhaseReader(VLLM)
    reader.feed(real("vllm-compile-start.log", start=0.0))
    assert Phase.COMPILE in [span.phase for span in reader.spans]
    assert Phase.CAPTURE_GRAPHS not in [span.phase for span in reader.spans]
    assert reader.implementation is Implementation.NATIVE
    assert "Loading weights took 1.34 seconds" in reader.implementation_evidence


def test_a_real_start_of_transformers() -> None:
    reader = PhaseReader(TRANSFORMERS)
    reader.feed(real("transformers-serve.log", start=0.0))
    assert [(span.phase, span.note, span.progress) for span in reader.spans] == [
        (Phase.START_ENGINE, "", None),
        (Phase.LOAD_WEIGHTS, "272/272", 1.0),
        (Phase.READY, "", None),
    ]
    assert reader.implementation is Implementation.TRANSFORMERS


def test_piece_by_piece_gives_the_same_as_at_once() -> None:
    lines = real("vllm-start.log", start=0.0)
    whole, pieces = PhaseReader(VLLM), PhaseReader(VLLM)
    whole.feed(lines)
    for line in lines:
        pieces.feed([line])
    assert pieces.spans == whole.spans


def test_a_phase_that_is_entered_again_is_one_span() -> None:
    reader = PhaseReader(VLLM)
    reader.feed(
        [at(1, "Starting to load model"), at(2, "Dynamo bytecode transform time"), at(3, "Starting to load model")]
    )
    assert reader.spans == (PhaseSpan(Phase.LOAD_WEIGHTS, 1), PhaseSpan(Phase.COMPILE, 2, 3))
    reader.feed([at(5, "Dynamo bytecode transform time")])
    assert reader.spans == (PhaseSpan(Phase.LOAD_WEIGHTS, 1, 5), PhaseSpan(Phase.COMPILE, 2))


def test_after_ready_nothing_changes() -> None:
    reader = PhaseReader(VLLM)
    reader.feed([at(1, "Application startup complete."), at(2, "Starting to load model")])
    assert reader.spans == (PhaseSpan(Phase.READY, 1),)


def test_the_end_closes_the_open_phase() -> None:
    reader = PhaseReader(VLLM)
    reader.finish(1)
    assert reader.spans == ()
    reader = PhaseReader(VLLM)
    reader.feed([at(5, "Starting to load model")])
    reader.finish(9)
    reader.feed([at(10, "init engine (profile, …")])
    assert reader.spans == (PhaseSpan(Phase.LOAD_WEIGHTS, 5, 9),)


def test_a_clock_that_is_set_back_gives_no_negative_duration() -> None:
    reader = PhaseReader(VLLM)
    reader.feed([at(5, "Starting to load model"), at(3, "init engine (profile")])
    assert reader.spans[0] == PhaseSpan(Phase.LOAD_WEIGHTS, 5, 5)


def test_lines_without_a_time_get_the_given_one_or_now() -> None:
    reader = PhaseReader(VLLM)
    reader.feed(lines_of("Starting to load model\n"), at=7.0)
    assert reader.spans[0].started == 7.0
    reader.feed(lines_of("init engine (profile\n"))
    assert reader.spans[1].started == pytest.approx(time.time(), abs=60)


def test_explicit_evidence_beats_the_default_and_the_first_of_the_table_wins() -> None:
    table = LogTable(
        (), ((Implementation.TRANSFORMERS, "A"), (Implementation.NATIVE, "B")), (Implementation.NATIVE, "loaded")
    )
    reader = PhaseReader(table)
    reader.feed(lines_of("loaded\n"))
    assert reader.implementation is Implementation.NATIVE
    reader.feed(lines_of("A is here\n"))
    assert (reader.implementation, reader.implementation_evidence) == (Implementation.TRANSFORMERS, "A is here")
    reader.feed(lines_of("B\nloaded\n"))
    assert reader.implementation is Implementation.TRANSFORMERS


@pytest.mark.parametrize(
    ("phase", "line", "progress", "note"),
    [
        (Phase.DOWNLOAD, "p 1500000000 of 3000000000", 0.5, "1.5 of 3.0 GB"),
        (Phase.DOWNLOAD, "p 12 of 20", 0.6, "12 of 20 bytes"),
        (Phase.LOAD_WEIGHTS, "p 3 of 4", 0.75, "3 of 4"),
        (Phase.LOAD_WEIGHTS, "p 9 of 4", 1.0, "9 of 4"),
        (Phase.LOAD_WEIGHTS, "p 3 of 0", None, ""),
        (Phase.LOAD_WEIGHTS, "p", None, ""),
        (Phase.LOAD_WEIGHTS, "p " + "9" * 500 + " of 1", None, ""),
    ],
)
def test_progress(phase: Phase, line: str, progress: float | None, note: str) -> None:
    reader = PhaseReader(LogTable((PhasePattern(phase, r"p(?: (?P<done>\S+) of (?P<total>\S+))?"),), (), None))
    reader.feed([at(0, line)])
    assert (reader.spans[0].progress, reader.spans[0].note) == (progress, note)


PIECES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "Starting to load model",
            "init engine (profile",
            "checkpoint shards:  50% Completed | 1/0",
            "KV cache size: , tokens",
        ]
    ),
)


@given(st.lists(PIECES, max_size=20), st.one_of(st.none(), st.floats(allow_nan=False)))
def test_no_log_breaks_it_and_at_most_one_phase_is_open(texts: list[str], when: float | None) -> None:
    reader = PhaseReader(VLLM)
    reader.feed([LogLine(number, when, text, "", "") for number, text in enumerate(texts)])
    assert sum(span.ended is None for span in reader.spans) <= 1
    assert all(span.progress is None or 0 <= span.progress <= 1 for span in reader.spans)
    reader.finish(1.0)
    assert all(span.ended is not None and span.ended >= span.started for span in reader.spans)

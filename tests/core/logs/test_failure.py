"""The root cause, among the many errors that a failure prints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.engine import LogTable
from core.logs.failure import LONGEST, find_failure
from tests.core.logs.tables import TRANSFORMERS, VLLM, lines_of, real

PLAIN = LogTable((), (), None)
ULIMIT = (
    "(APIServer pid=1) WARNING 11-23 08:05:38 [system_utils.py:255] Found ulimit of 20000 and failed to automatically "
    "increase with error current limit exceeds maximum limit. This can cause fd limit errors like "
    "`OSError: [Errno 24] Too many open files`. Consider\n"
)


def traceback(
    *errors: str, prefix: str = "", chain: str = "During handling of the above exception, another exception occurred:"
) -> str:
    blocks = (
        f'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    raise E("OSError: no")\n{e}'
        for e in errors
    )
    text = f"\n\n{chain}\n\n".join(blocks)
    return "".join(f"{prefix}{line}\n" for line in text.split("\n"))


def errors(process: str, *texts: str, place: str = "core.py:1100") -> str:
    return traceback(*texts, prefix=f"({process} pid=7) ERROR 11-23 08:05:46 [{place}] ")


def cause(text: str, table: LogTable = PLAIN) -> str | None:
    found = find_failure(lines_of(text), table)
    if found is None:
        return None
    assert found[0][:20] in lines_of(text)[found[1]].text or ": " in found[0], "the number is that of its line"
    return found[0]


START = ULIMIT + "(APIServer pid=1) INFO 11-23 08:05:46 [model.py:733] Resolved architecture: LlamaForCausalLM\n"
END = traceback(
    "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
    prefix="(APIServer pid=1) ",
)
OOM = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB."


def test_the_engine_processs_error_is_the_cause_not_the_end_of_the_log() -> None:
    assert cause(START + errors("EngineCore", OOM) + END) == OOM


def test_a_workers_error_comes_before_the_engine_processs() -> None:
    core = "Exception: WorkerProc initialization failed due to an exception. See stack trace for root cause."
    assert cause(START + errors("EngineCore", core) + errors("Worker_TP0", OOM) + END) == OOM
    assert cause(START + errors("VllmWorker-0", OOM) + errors("EngineCore", "ValueError: other")) == OOM


def test_the_first_error_of_a_process_is_its_cause() -> None:
    text = errors("EngineCore", OOM) + errors("EngineCore", "ValueError: later")
    assert cause(text) == OOM
    assert cause(errors("EngineCore", "KeyError: 'first'", "ValueError: chained")) == "KeyError: 'first'"


@pytest.mark.parametrize("prefix", ["", "(APIServer pid=1) "])
def test_a_validation_error_is_its_value_error(prefix: str) -> None:
    text = traceback(
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
        "  Value error, User-specified max_model_len (100000) is greater than the derived max_model_len "
        "(max_position_embeddings=8192) [type=value_error, input_value=ArgsKwargs((), {'model': 'x'}), "
        "input_type=ArgsKwargs]\n    For further information visit https://errors.pydantic.dev/2/v/value_error",
        prefix=prefix,
    )
    assert cause(START + text) == (
        "User-specified max_model_len (100000) is greater than the derived max_model_len (max_position_embeddings=8192)"
    )


def test_a_refused_command_line_is_its_last_line() -> None:
    line = "vllm: error: unrecognized arguments: --no-such-flag 1"
    assert cause("usage: vllm serve [model_tag] [options]\n" + line + "\n\n") == line
    line = "vllm serve: error: argument --dtype: invalid choice: 'int3'"
    assert cause(START + line) == line
    assert cause("vllm: error: early\nINFO:     but it went on\nlast words\n") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (traceback("OSError: [Errno 98] Address already in use"), "OSError: [Errno 98] Address already in use"),
        (
            "INFO:     Started server process [1]\nERROR:    [Errno 98] error while attempting to bind on address "
            "('127.0.0.1', 8102): address already in use\nINFO:     Application shutdown complete.\n",
            "[Errno 98] error while attempting to bind on address ('127.0.0.1', 8102): address already in use",
        ),
    ],
)
def test_a_taken_port(text: str, expected: str) -> None:
    assert cause(START + text) == expected


def test_of_a_python_program_it_is_the_last_error_of_the_first_chain() -> None:
    text = traceback(
        "httpx.ConnectError: [Errno -2] Name or service not known", "OSError: We couldn't connect to the Hub"
    )
    assert cause(text + traceback("ValueError: afterwards")) == "OSError: We couldn't connect to the Hub"
    text = traceback("ValueError: real", "RuntimeError: Engine process failed to start. See stack trace")
    assert cause(text) == "ValueError: real", "a consequence at the end of a chain isn't it"


def test_exceptions_of_any_name_and_without_a_message() -> None:
    assert (
        cause(traceback("huggingface_hub.errors.CacheNotFound: no cache"))
        == "huggingface_hub.errors.CacheNotFound: no cache"
    )
    assert cause(traceback("AssertionError")) == "AssertionError"
    assert cause(traceback("ValueError: \nthe words come later")) == "ValueError: the words come later"


def test_exception_groups() -> None:
    text = """  + Exception Group Traceback (most recent call last):
  |   File "x.py", line 1, in f
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "y.py", line 2, in g
    | ValueError: the inner one
    +------------------------------------
"""
    assert cause(text) == "ValueError: the inner one"


def test_what_is_not_fatal_is_not_the_cause() -> None:
    assert cause(ULIMIT) is None
    assert cause(traceback("KeyboardInterrupt")) is None
    assert cause("Exception ignored in: <function X.__del__>\n" + traceback("AttributeError: late")) is None
    assert cause("x.py:1: UserWarning: ValueError: maybe\nINFO:     ValueError: told as information\n") is None
    assert cause("(EngineCore pid=1) WARNING 11-23 08:05:46 [a.py:1] ValueError: only a warning\n") is None
    assert cause(END) is None, "'See root cause above' is never the root cause"
    assert cause("all is well\n") is None
    assert find_failure([], VLLM) is None


def test_what_the_table_calls_a_consequence_is_none() -> None:
    table = LogTable((), (), None, not_the_cause=(r"ShardCannotStart", r"^RuntimeError: two"))
    text = traceback("RuntimeError: one") + traceback("RuntimeError: two") + "Error: ShardCannotStart\n"
    assert cause(text, table) == "RuntimeError: one"
    assert cause(traceback("RuntimeError: two") + "Error: ShardCannotStart\n", table) is None


def test_an_error_that_the_engine_survived_is_not_why_it_ended() -> None:
    answered = 'INFO:     127.0.0.1:1 - "GET /health HTTP/1.1" 200 OK\n'
    early = errors("Worker", "FileNotFoundError: no adapter")
    assert cause(early + answered * 5) is None
    assert cause(early + answered * 5 + errors("EngineCore", OOM) + answered) == OOM


def test_a_real_engine_that_was_killed_while_it_served() -> None:
    found = find_failure(real("vllm-engine-killed.log"), VLLM)
    assert found is not None
    assert found[0] == "[shutdown] MPClient: engine core exited unexpectedly; starting cleanup", (
        "not the adapter that wasn't found four minutes before, nor EngineDeadError"
    )
    assert "exited unexpectedly" in real("vllm-engine-killed.log")[found[1]].text


def test_real_logs_of_good_starts_hold_no_failure() -> None:
    assert find_failure(real("vllm-start.log"), VLLM) is None
    assert find_failure(real("vllm-compile-start.log"), VLLM) is None


def test_a_real_error_while_serving_is_told_if_nothing_shows_that_it_was_survived() -> None:
    found = find_failure(real("transformers-serve.log"), TRANSFORMERS)
    assert found is not None
    assert found[0].startswith("huggingface_hub.errors.CacheNotFound: Cache directory not found")


@pytest.mark.parametrize(
    "line",
    [
        "Killed",
        "Segmentation fault (core dumped)",
        "Fatal Python error: Bus error",
        "terminate called after throwing an instance",
    ],
)
def test_a_sudden_end_is_told(line: str) -> None:
    assert cause(START + line + "\n") == line


def test_our_own_step_that_failed_is_the_cause() -> None:
    text = "[servedeck] download 1 of 2 bytes\n[servedeck] download failed: no space left on device\n"
    assert cause(text) == "download failed: no space left on device"
    assert cause(traceback("ValueError: x") + text) == "download failed: no space left on device"


def test_errors_without_a_name_are_better_than_nothing() -> None:
    text = "2025-01-01T00:00:00.1Z ERROR text_generation_launcher: Shard 0 failed to start\n"
    assert (
        cause(text + "2025-01-01T00:00:00.1Z  INFO text_generation_launcher: Shutting down shards\n")
        == "Shard 0 failed to start"
    )
    text = "(EngineCore pid=1) ERROR 11-23 08:05:46 [core.py:1] EngineCore failed to start.\n"
    assert cause(text + errors("EngineCore", OOM)) == OOM, "but the title of a traceback says less than its error"


def test_processes_that_print_at_once_are_told_apart() -> None:
    worker = errors("Worker", OOM).splitlines(keepends=True)
    core = errors("EngineCore", "ValueError: other").splitlines(keepends=True)
    mixed = "".join(line for pair in zip(worker, core, strict=True) for line in pair)
    assert cause(mixed) == OOM
    bar = "Loading safetensors checkpoint shards:  50% Completed | 1/2\n"
    plain = traceback("ValueError: x").splitlines(keepends=True)
    assert cause("".join(line for each in plain for line in (each, bar))) == "ValueError: x"


def test_a_very_long_cause_is_cut() -> None:
    found = cause(errors("EngineCore", "ValueError: not supported: " + "x, " * 10_000))
    assert found is not None
    assert len(found) <= LONGEST + 2


PIECES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "Traceback (most recent call last):",
            '  File "x", line 1',
            "ValueError: x",
            "ValueError:",
            "pydantic.ValidationError: 1 validation error for X",
            "  Value error, ",
            "The above exception was the direct cause of the following exception:",
            "(EngineCore pid=1) ERROR 11-23 08:05:46 [core.py:1] ValueError: y",
            "(EngineCore pid=1) ERROR ",
            "    | Traceback (most recent call last):",
            "+-+- 1 -",
            "x: error: y",
            "",
        ]
    ),
)


@given(st.lists(PIECES, max_size=15))
def test_no_log_breaks_it(texts: list[str]) -> None:
    lines = lines_of("\n".join(texts))
    found = find_failure(lines, VLLM)
    if found is not None:
        assert found[0].strip()
        assert 0 <= found[1] < len(lines)


def test_a_long_log_is_searched_quickly() -> None:
    prefix = "(EngineCore pid=1) {} 11-23 08:05:46 [core.py:1] {}\n"
    flood = prefix.format("INFO", "fine") + prefix.format("ERROR", "not fine")
    assert cause(flood * 30_000 + errors("Worker", OOM)) == OOM

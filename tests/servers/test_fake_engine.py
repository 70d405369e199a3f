"""The stand-in engine does what the tests that use it rely on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from core.deployments.deployment import Phase
from core.logs.failure import find_failure
from core.logs.lines import LineReader
from core.logs.phases import PhaseReader
from tests.core.logs.tables import TRANSFORMERS, VLLM

ENGINE = Path(__file__).parent / "fake_engine.py"


class Started:
    """A running stand-in whose output is read."""

    def __init__(self, mode: str, port: int, *options: str, **env: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        command = [
            sys.executable,
            str(ENGINE),
            "serve",
            "org/model",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            *options,
        ]
        self.process = subprocess.Popen(
            command, env={**os.environ, **env, "FAKE_ENGINE": mode}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.output = b""
        self._seen = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 65536):
            with self._seen:
                self.output += data
                self._seen.notify_all()

    def wait_for(self, words: bytes) -> None:
        with self._seen:
            assert self._seen.wait_for(lambda: words in self.output, 10), self.output.decode()

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


@contextmanager
def engine(mode: str = "ready", *options: str, **env: str) -> Iterator[Started]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = Started(mode, port, *options, **env)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.process.wait(10)
        # Orphans and thieves hold the command line that they were forked with.
        for other in psutil.process_iter(["cmdline"]):
            if str(ENGINE) in (other.info["cmdline"] or []) and str(port) in other.info["cmdline"]:
                other.kill()
        assert started.process.stdout is not None
        started.wait_for(b"")
        started.process.stdout.close()


def phases(output: bytes, *, transformers: bool = False) -> list[Phase]:
    reader = PhaseReader(TRANSFORMERS if transformers else VLLM)
    reader.feed(LineReader().feed(output), at=0.0)
    return [span.phase for span in reader.spans]


READY = b"Application startup complete."


def test_it_becomes_ready_as_vllm_does_and_ends_on_term() -> None:
    started_at = time.monotonic()
    with engine("ready", "--served-model-name", "smol", "--max-model-len", "2048", "--enforce-eager") as it:
        it.wait_for(READY)
        assert time.monotonic() - started_at < 3
        assert it.get("/health")[0] == 200
        assert [model["id"] for model in json.loads(it.get("/v1/models")[1])["data"]] == ["smol"]
        it.process.send_signal(signal.SIGTERM)
        assert it.process.wait(10) == 0
    assert phases(it.output)[-1] is Phase.READY
    assert Phase.LOAD_WEIGHTS in phases(it.output)


def test_the_key_guards_v1_only() -> None:
    with engine("ready", VLLM_API_KEY="sk-1") as it:
        it.wait_for(READY)
        assert it.get("/health")[0] == 200
        assert it.get("/v1/models")[0] == 401
        assert it.get("/v1/models", Authorization="Bearer sk-1")[0] == 200


def test_it_prints_as_transformers_under_that_name(tmp_path: Path) -> None:
    with engine("style=transformers") as it:
        it.wait_for(b"Uvicorn running")
    assert phases(it.output, transformers=True) == [Phase.START_ENGINE, Phase.LOAD_WEIGHTS, Phase.READY]


def test_the_forced_implementation_is_shown() -> None:
    with engine("ready", "--model-impl", "transformers") as it:
        it.wait_for(b"Using Transformers modeling backend.")
    with engine("loads=native", "--model-impl", "transformers") as it:
        it.wait_for(READY)
    assert b"modeling backend" not in it.output


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("exit_code=1", 1, "torch.OutOfMemoryError"),
        ("exit_code=1,at=kv", 1, "To serve at least one request"),
        ("exit_code=1,at=resolve", 1, "User-specified max_model_len"),
        ("exit_code=2,at=arguments", 2, "unrecognized arguments"),
        ("signal=9,at=load", -9, ""),
        ("port_race", 1, "[Errno 98] Address already in use"),
    ],
)
def test_failed_starts_leave_a_log_in_which_the_cause_is_found(mode: str, code: int, words: str) -> None:
    with engine(mode) as it:
        assert it.process.wait(10) == code
    found = find_failure(LineReader().feed(it.output), VLLM)
    assert (found[0] if found else "").find(words) >= 0


def test_term_while_it_loads_is_lost_and_int_ends_it() -> None:
    with engine("slow=0.3") as it:
        it.wait_for(b"Resolved architecture")
        it.process.send_signal(signal.SIGTERM)
        it.wait_for(READY)
    with engine("slow") as it:
        it.wait_for(b"Resolved architecture")
        it.process.send_signal(signal.SIGINT)
        assert it.process.wait(10) == -signal.SIGINT


def test_a_flood_is_as_long_as_asked_for() -> None:
    with engine("flood=20000") as it:
        it.wait_for(b"line 19999 of 20000")
    assert it.output.count(b"flood.py") == 20000


def test_orphans_outlive_it() -> None:
    with engine("orphans=2,die_with_orphans,exit_code=3") as it:
        assert it.process.wait(10) == 3
        port = it.url.rpartition(":")[2]
        left = [each for each in psutil.process_iter(["cmdline"]) if port in (each.info["cmdline"] or [])]
        assert len(left) == 2
        assert len({os.getsid(each.pid) for each in left}) == 2

"""Real downloads from the stand-in Hub, in the process that the keeper starts."""

from __future__ import annotations

import errno
import itertools
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.hub.cache import cache_folder, find_snapshot
from core.hub.download import download_command, in_words
from core.hub.hub import Hub
from core.hub.model_ref import ModelRef
from tests.core.hub.conftest import CONFIG
from tests.servers.hub_server import HubServer, VirtualFile

MB = 1_000_000
Start = Callable[..., subprocess.Popen[str]]
PROGRESS = re.compile(r"\[servedeck\] download (\d+) of (\d+) bytes")


@pytest.fixture
def start(server: HubServer, home: Path) -> Iterator[Start]:
    """Start the download of a model; the process is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def run(model_id: str = "acme/tiny", commit: str | None = None, **env: str) -> subprocess.Popen[str]:
        sha = commit or server.repositories[model_id].commit
        process = subprocess.Popen(
            download_command(ModelRef(kind="hub", id=model_id, commit=sha)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "HF_ENDPOINT": server.url, **env},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    output, _ = process.communicate(timeout=60)
    return process.returncode, output.splitlines()


def add_tiny(server: HubServer, size: int = 3 * MB, **facts: Any) -> None:
    files = {
        "model-00001-of-00002.safetensors": VirtualFile(size),
        "model-00002-of-00002.safetensors": VirtualFile(size // 2),
        "pytorch_model.bin": VirtualFile(10**15),
        "onnx/model.onnx": VirtualFile(10**15),
        "tokenizer_config.json": b"{}",
        "weird [a-z] *name?.json": b"[]",
    }
    server.add_model("acme/tiny", **{"config": CONFIG, "files": files, "card": "# Tiny", **facts})


async def test_a_download_brings_the_serving_files_and_no_others(
    server: HubServer, hub: Hub, start: Start, home: Path
) -> None:
    add_tiny(server)
    ref = ModelRef(kind="hub", id="acme/tiny")
    before = await hub.details(ref)
    code, lines = finish(start())
    assert code == 0, lines
    after = await hub.details(ref)
    assert (before.cached, after.cached) == (False, True)
    assert lines[-1] == f"[servedeck] download complete: {after.cached_path}"
    progress = [PROGRESS.fullmatch(line) for line in lines[:-1]]
    assert all(progress), lines
    assert {int(match[2]) for match in progress if match} == {before.download_size}
    done = [int(match[1]) for match in progress if match]
    assert done == sorted(done)
    assert done[-1] == before.download_size
    assert after.cached_path is not None
    names = {path.name for path in after.cached_path.iterdir()}
    assert "pytorch_model.bin" not in names
    assert "onnx" not in names
    assert "weird [a-z] *name?.json" in names
    assert not [request for request in server.requests if "telemetry" in request.path or "harness" in request.path]


def test_a_finished_copy_needs_no_hub(server: HubServer, start: Start) -> None:
    add_tiny(server)
    assert finish(start())[0] == 0
    asked = len(server.requests)
    code, lines = finish(start(HF_ENDPOINT="http://127.0.0.1:9"))
    assert (code, len(lines)) == (0, 1)
    assert lines[0].startswith("[servedeck] download complete: ")
    assert len(server.requests) == asked


def test_progress_moves_at_least_twice_a_second_on_a_slow_line(server: HubServer, start: Start) -> None:
    add_tiny(server, size=400_000)
    server.throttle = 200_000
    process = start()
    assert process.stdout is not None
    times, values = [], []
    for line in process.stdout:
        if match := PROGRESS.match(line):
            times.append(time.monotonic())
            values.append(int(match[1]))
    assert process.wait(30) == 0
    assert len(values) >= 4
    assert len(set(values)) == len(values)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert max(gaps) < 1.5, gaps  # the 0.5 s of the promise, and a machine shared by many


def wait_for_line(process: subprocess.Popen[str], pattern: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if re.search(pattern, line):
            return line
    raise AssertionError("the process ended first")


def test_term_ends_it_at_once_and_the_next_run_finishes(server: HubServer, start: Start, home: Path) -> None:
    add_tiny(server, size=50 * MB)
    server.throttle = 4 * MB
    process = start()
    wait_for_line(process, r"download [1-9]\d* of")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM
    assert time.monotonic() - began < 1
    leftovers = list(cache_folder().glob("*/blobs/*.incomplete"))
    assert leftovers
    os.utime(leftovers[0], (1, 1))
    server.throttle = None
    code, lines = finish(start())
    assert code == 0, lines
    first = PROGRESS.match(lines[0])
    assert first is not None
    assert int(first[1]) > 0, "what was whole before is counted"
    assert leftovers[0] not in set(cache_folder().glob("*/blobs/*.incomplete")), "an old leftover stays for ever"


def failure(process: subprocess.Popen[str]) -> str:
    """The one line of a failed download."""
    code, lines = finish(process)
    assert code == 1
    assert lines[-1].startswith("[servedeck] download failed: "), lines
    assert not any("Traceback" in line for line in lines), lines
    return lines[-1]


def test_no_such_model(server: HubServer, start: Start) -> None:
    assert "no such model" in failure(start("acme/nothing", "a" * 40))


def test_no_such_commit(server: HubServer, start: Start) -> None:
    add_tiny(server)
    assert "does not have this commit" in failure(start(commit="f" * 40))


@pytest.mark.parametrize("token", ["", "hf_bob"])
def test_gated(server: HubServer, start: Start, token: str) -> None:
    add_tiny(server, gated="manual")
    server.add_token("hf_bob", "bob")
    assert "gated" in failure(start(HF_TOKEN=token))


def test_gated_with_access(server: HubServer, start: Start) -> None:
    add_tiny(server, gated="manual")
    server.add_token("hf_alice", "alice", "acme/tiny")
    code, lines = finish(start(HF_TOKEN="hf_alice"))
    assert code == 0, lines
    on_cdn = [request for request in server.requests if request.on_cdn]
    assert on_cdn
    assert all(not request.token for request in on_cdn)
    assert "hf_alice" not in "".join(lines)


def test_a_wrong_token(server: HubServer, start: Start) -> None:
    add_tiny(server)
    assert "refuses the access token" in failure(start(HF_TOKEN="hf_wrong_wrong"))


def test_no_hub(server: HubServer, start: Start) -> None:
    add_tiny(server)
    assert "can't be reached" in failure(start(HF_ENDPOINT="http://127.0.0.1:9"))
    assert "HF_HUB_OFFLINE" in failure(start(HF_HUB_OFFLINE="1"))


def test_a_sick_hub_and_too_many_requests(server: HubServer, start: Start) -> None:
    add_tiny(server)
    server.fault("/api/models/acme", status=503)
    assert "HTTP 503" in failure(start())
    server.fault("/api/models/acme", status=429)
    assert "too many" in failure(start())


def test_too_little_disk_is_told_before_a_byte_moves(server: HubServer, start: Start) -> None:
    add_tiny(server, size=2 * 10**15)
    line = failure(start())
    assert "needs 3,000,000.00 GB" in line
    assert re.search(r"has [\d,.]+ GB free", line)
    assert not [request for request in server.requests if request.on_cdn]


def test_a_disk_that_fills_up_meanwhile(server: HubServer, start: Start, tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk of its own needs a mount namespace")
    add_tiny(server, size=20 * MB)
    server.throttle = 2 * MB
    disk = tmp_path / "disk"
    disk.mkdir()
    command = shlex.join(download_command(ModelRef(kind="hub", id="acme/tiny", commit=server_commit(server))))
    script = f"""
        mount -t tmpfs -o size=110m none {disk}
        {{ {command}; echo "exit $?"; }} | tee {disk}/output &
        until grep -q 'download [1-9][0-9]* of' {disk}/output 2>/dev/null; do sleep 0.1; done
        head -c 200M /dev/zero > {disk}/fill 2>/dev/null
        wait
    """
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(disk)},
    )
    assert "exit 1" in done.stdout, done
    assert "download failed: The disk is full" in done.stdout
    assert "Traceback" not in done.stdout


def server_commit(server: HubServer) -> str:
    return server.repositories["acme/tiny"].commit


def test_a_connection_that_breaks_is_picked_up_again(server: HubServer, start: Start) -> None:
    add_tiny(server)
    server.fault(r"Signature=", cut=MB)
    code, lines = finish(start())
    assert code == 0, lines
    assert any("range" in request.headers for request in server.requests if request.on_cdn)


def test_arguments(run_python: Callable[[str], str]) -> None:
    run = "from core.hub.download import main; print(main({}))"
    assert "failed: Two arguments" in run_python(run.format([]))
    assert "40 hexadecimal" in run_python(run.format(["acme/tiny", "main"]))
    with pytest.raises(InputError):
        download_command(ModelRef(kind="hub", id="acme/tiny"))
    with pytest.raises(InputError):
        download_command(ModelRef(kind="folder", id="/tmp"))


def test_a_full_disk_in_words() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/cache/blob")
    wrapped = RuntimeError("thread died")
    wrapped.__cause__ = full
    for error in (full, wrapped):
        assert in_words(error) == "The disk is full: /cache/blob. Free space and try again; what is whole is kept."
    assert in_words(PermissionError(errno.EACCES, "Permission denied", "/cache")) == "Permission denied: /cache."
    assert in_words(KeyError("surprise")) == ""


def test_the_snapshot_can_be_found_without_a_branch(server: HubServer, start: Start) -> None:
    add_tiny(server)
    assert finish(start())[0] == 0
    found = find_snapshot(cache_folder(), ModelRef(kind="hub", id="acme/tiny"))
    assert found is not None
    assert found.commit == server.repositories["acme/tiny"].commit

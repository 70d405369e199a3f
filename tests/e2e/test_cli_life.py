"""The command line as its users have it: real child processes, a real keeper, a stand-in engine behind a real port."""

from __future__ import annotations

import os
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers.command_line import CommandLine
from tests.servers.environments import make_environment, make_model

HF_TOKEN = "hf_" + "TopSecretTopSecretTopSecret"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "models" / "Tiny-Chat")


@pytest.fixture
def servedeck(tmp_path: Path) -> Iterator[CommandLine]:
    """With the fake vLLM added."""
    command = CommandLine(tmp_path)
    environment = make_environment(tmp_path / "engine", "vllm")
    added = command("engines", "add", "vllm", environment, "--json").json
    assert added["engine"] == "vllm"
    yield command
    command.end_everything()


def ours(command: CommandLine) -> list[psutil.Process]:
    """Every living process that has this test's home in its environment or arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            if process.environ().get("SERVEDECK_HOME") == str(command.home) or str(command.home) in " ".join(
                process.cmdline()
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(condition: Callable[[], object], timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_from_the_launch_to_the_removal(servedeck: CommandLine, model: Path) -> None:
    launched = servedeck(
        "launch", model, "--engine", "vllm", "--name", "tiny", "--set", "dtype=float32", "--wait", "--json"
    )
    document = launched.json
    assert document["name"] == "tiny"
    assert document["state"] == "ready"
    assert document["engine"] == "vllm"
    assert document["engine_version"] == "0.32.0+cpu"
    assert document["implementation_asked"] == "auto"
    assert document["implementation_loaded"] == "native"
    assert 0 < document["seconds_to_ready"] < 30
    port = document["port"]
    assert document["endpoint"] == f"http://127.0.0.1:{port}/v1"
    assert "--dtype float32" in " ".join(document["argv"])
    assert "starting" in launched.err

    listed = servedeck("ps", "--json").json["deployments"]
    assert [(each["name"], each["state"]) for each in listed] == [("tiny", "ready")]
    table = servedeck("ps").out.splitlines()
    assert table[0].split()[:3] == ["NAME", "STATE", "ENGINE"]
    assert table[1].split()[:4] == ["tiny", "ready", "vllm", "native"]

    log = servedeck("logs", "tiny").out
    assert "Resolved architecture: LlamaForCausalLM" in log
    assert servedeck("logs", "tiny", "--json").json["lines"][: len(log.splitlines())] == log.splitlines()

    assert servedeck("chat", "tiny", "What is the capital of France?").out == "The capital of France is Paris.\n"
    answer = servedeck("chat", "tiny", "What is the capital of France?", "--temperature", "0", "--json").json
    assert answer["answer"] == "The capital of France is Paris."
    assert answer["finish_reason"] == "stop"
    assert answer["tokens"] == 6
    assert answer["tokens_are"] == "usage"

    taken = servedeck("launch", model, "--name", "second", "--port", port, "--json")
    assert f"Port {port} is taken by" in taken.error
    assert "(pid " in taken.error
    assert [each["name"] for each in servedeck("ps", "--json").json["deployments"]] == ["tiny"]

    stopped = servedeck("stop", "tiny", "--json").json
    assert stopped["state"] == "stopped"
    assert stopped["stop"]["clean"]
    assert stopped["stop"]["processes_left"] == []
    wait_for(lambda: ours(servedeck) == [])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert "Resolved architecture" in servedeck("logs", "tiny").out

    assert servedeck("remove", "tiny", "--json").json["removed"] == "tiny"
    assert servedeck("ps", "--json").json == {"deployments": []}
    assert "servedeck launch" in servedeck("ps").out
    assert list((servedeck.home / "data" / "deployments").iterdir()) == []


def test_a_deployment_goes_on_without_the_command_that_launched_it(servedeck: CommandLine, model: Path) -> None:
    launched = servedeck("launch", model, "--json").json
    assert launched["name"] == "Tiny-Chat"
    assert launched["state"] in ("preparing", "starting", "ready")
    wait_for(lambda: servedeck("ps", "--json").json["deployments"][0]["state"] == "ready")
    again = servedeck("launch", model, "--wait", "--json").json
    assert again["name"] == "Tiny-Chat-2"
    assert again["port"] != launched["port"]
    assert "Removed Tiny-Chat." in servedeck("remove", "Tiny-Chat").out, "it is stopped first"
    assert [each["name"] for each in servedeck("ps", "--json").json["deployments"]] == ["Tiny-Chat-2"]


def test_another_implementation_than_asked_for_is_told(servedeck: CommandLine, model: Path) -> None:
    ended = servedeck("launch", model, "--implementation", "native", "--wait", FAKE_ENGINE="loads=transformers")
    assert "Asked for native, but transformers loaded" in ended.out


def test_a_failed_launch_says_what_the_engine_said(servedeck: CommandLine, model: Path) -> None:
    failed = servedeck("launch", model, "--name", "big", "--wait", "--json", FAKE_ENGINE="exit_code=1")
    assert failed.code == 1
    assert "CUDA out of memory" in failed.error
    assert "exit code 1" in failed.error
    assert "servedeck logs big" in failed.error
    seen = servedeck("ps", "--json").json["deployments"][0]
    assert (seen["state"], seen["exit"]["code"]) == ("failed", 1)
    assert "CUDA out of memory" in seen["failure"]


def test_follow_prints_what_comes_and_ends_with_the_run(servedeck: CommandLine, model: Path) -> None:
    servedeck("launch", model, "--name", "tiny", "--wait")
    with servedeck.start("logs", "tiny", "--follow") as follower:
        assert follower.stdout is not None
        seen = ""
        while "startup complete" not in seen:
            seen = follower.stdout.readline()
            assert seen, "the follower ended early"
        servedeck("chat", "tiny", "hello")
        while "POST /v1/chat/completions" not in seen:
            seen = follower.stdout.readline()
            assert seen, "the follower ended early"
        servedeck("stop", "tiny")
        rest = follower.stdout.read()
        assert "Application shutdown complete." in rest
        assert follower.wait(20) == 0


def test_interrupting_the_wait_leaves_it_running(servedeck: CommandLine, model: Path) -> None:
    with servedeck.start("launch", model, "--name", "tiny", "--wait", FAKE_ENGINE="slow=0.4") as waiting:
        assert waiting.stderr is not None
        while "starting" not in waiting.stderr.readline():
            pass
        waiting.send_signal(signal.SIGINT)
        _, rest = waiting.communicate(timeout=20)
        assert waiting.returncode == 130
        assert "interrupted" in rest
        assert "Traceback" not in rest
    wait_for(lambda: servedeck("ps", "--json").json["deployments"][0]["state"] == "ready")


def test_a_key_is_asked_for_and_stands_nowhere_but_in_its_file(servedeck: CommandLine, model: Path) -> None:
    launched = servedeck("launch", model, "--name", "open", "--host", "0.0.0.0", "--wait", "--json", HF_TOKEN=HF_TOKEN)
    document = launched.json
    key = document["api_key"]
    assert len(key) > 24
    assert document["endpoint"].startswith("http://127.0.0.1:")
    assert servedeck("chat", "open", "What is the capital of France?").out.strip().endswith("Paris.")
    with socket.create_connection(("127.0.0.1", document["port"])) as stranger:
        stranger.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b" 401 " in stranger.recv(100)

    processes = ours(servedeck)
    assert len(processes) >= 2
    for process in processes:
        assert key not in " ".join(process.cmdline())
    engines = [each for each in processes if "serve" in each.cmdline()]
    assert engines
    for engine in engines:
        assert "HF_TOKEN" not in engine.environ(), "the engine reads from the disk; it need not know the token"

    for arguments in (("ps",), ("ps", "--json"), ("logs", "open"), ("stop", "open"), ("stop", "open", "--verbose")):
        ended = servedeck(*arguments, HF_TOKEN=HF_TOKEN)
        assert key not in ended.out + ended.err
        assert HF_TOKEN not in ended.out + ended.err
    holding = [
        path
        for path in servedeck.home.rglob("*")
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in (key, HF_TOKEN))
    ]
    assert [path.name for path in holding] == ["secrets.json"]
    assert stat.S_IMODE(holding[0].stat().st_mode) == 0o600

#!/usr/bin/env python3
"""A stand-in for a whole engine: accepts the command line, prints the log, serves the API, and misbehaves on request.

    python tests/servers/fake_engine.py serve MODEL --host 127.0.0.1 --port 8101 [any vLLM or Transformers flag]

A symlink to this file (or a script that runs it) called `vllm` or `transformers` in some folder is an executable of
that name; it prints the log of that engine (`style=transformers` does the same). Standard library only, up in well
under 150 ms.

As the real vLLM does: the port is bound early and answers at the end; TERM while it loads is lost, INT ends it (by the
signal); TERM when ready ends it with code 0; an engine that dies while serving exits with code 0, too.

`FAKE_ENGINE` holds words, separated by commas:
    ready (default)            slow or slow=SECONDS    delay at each step (default 0.02 s; slow: 1 s)
    exit_code=N                end with that code, after the log lines of a fitting failure …
    at=STEP                    … at this step: arguments, resolve, engine, load (default), kv, init, serving
    failure=KIND               what is printed: oom, kv, config, arguments, none (default: the one that fits the step)
    signal=N                   with at=STEP: be killed by that signal instead
    flood=N                    print N lines as fast as possible, once ready; with flood_at=STEP at that step
    ignore_term                TERM and INT do nothing
    wait_for_streams           TERM when ready waits for open streams, as vLLM does
    orphans=N                  N grandchildren that outlive it, every second one in a session of its own
    stubborn_orphans           they ignore TERM and INT
    hold_port                  they hold the port
    die_with_orphans           it exits once ready and leaves them
    port_race                  somebody binds the port just before it does
    never_ready                /health is 503 for ever
    loads=transformers|native  which implementation the log shows, whatever was asked for
    rate=N, tokens=N           speed and length of its chat answers (and see chat_server.py: prompts can ask for more)
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from chat_server import Behaviour, ChatServer

LIFETIME = 600  # seconds; nothing started by a test may live for ever


class FakeEngine:
    """One engine process."""

    def __init__(self, argv: list[str], modes: dict[str, str]) -> None:
        self.modes = modes
        self.transformers = modes.get("style") == "transformers" or "transformers" in Path(argv[0]).name
        self.options, self.model = parse(argv[2:])
        self.delay = float(modes.get("slow") or 1.0) if "slow" in modes else 0.02
        names = self.options.get("--served-model-name") or [self.model]
        keys = self.options.get("--api-key") or os.environ.get("VLLM_API_KEY", "").split()
        self.server = ChatServer(
            Behaviour(
                models=tuple(names),
                api_key=keys[0] if keys else "",
                tokens_per_second=float(modes.get("rate", 0)),
                tokens=int(modes.get("tokens", 0)),
                always_usage=self.transformers,
                done=not self.transformers,
                healthy="never_ready" not in modes,
            ),
            host=self.options.get("--host", ["0.0.0.0"])[0],
            port=int(self.options.get("--port", ["8000"])[0]),
            access_log=lambda line: say(f"INFO:     {line}"),
            on_exit=lambda: os._exit(int(modes.get("exit_code", 0))),
        )
        self.is_ready = False

    def run(self) -> None:
        """Start, serve, end."""
        self._handle_signals()
        signal.alarm(LIFETIME)
        for step, lines in self._steps():
            self._misbehave(step)
            if step == "arguments" and not self.transformers:
                self._bind()
            for line in lines:
                say(line)
            time.sleep(self.delay)
        if self.transformers:
            self._bind()
        self.start_orphans()
        self.server.listen()
        self.is_ready = True
        pid = os.getpid()
        say(f"INFO:     Started server process [{pid}]")
        say("INFO:     Waiting for application startup.")
        say("INFO:     Application startup complete.")
        if self.transformers:
            say(f"INFO:     Uvicorn running on {self.server.base_url} (Press CTRL+C to quit)")
        if "flood_at" not in self.modes:
            flood(int(self.modes.get("flood", 0)))
        if "die_with_orphans" in self.modes:
            os._exit(int(self.modes.get("exit_code", 0)))
        self._misbehave("serving")
        while True:
            signal.pause()

    def _bind(self) -> None:
        if "port_race" in self.modes:
            thief(self.server.host, self.server.port)
        try:
            self.server.bind()
        except OSError as error:
            if self.transformers:
                say(
                    f"ERROR:    [Errno {error.errno}] error while attempting to bind on address: address already in use"
                )
            else:
                traceback_of("socket.py", "bind", f"OSError: {error}")
            os._exit(1)

    def _handle_signals(self) -> None:
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGINT, self._on_interrupt)

    def _on_term(self, *_: object) -> None:
        if "ignore_term" in self.modes or (not self.is_ready and not self.transformers):
            return
        if self.is_ready and "wait_for_streams" in self.modes and self.server.streaming.is_set():
            say("INFO:     Waiting for connections to close. (CTRL+C to force quit)")
            return
        if not self.transformers:
            api("[launcher.py:254] [shutdown] API server: shutdown triggered")
        say("INFO:     Shutting down")
        say("INFO:     Application shutdown complete.")
        os._exit(0)

    def _on_interrupt(self, *_: object) -> None:
        if "ignore_term" in self.modes:
            return
        if self.is_ready:
            self._on_term()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)

    def _misbehave(self, step: str) -> None:
        if self.modes.get("flood_at") == step:
            flood(int(self.modes.get("flood", 0)))
        if step != self.modes.get(
            "at", "load" if "exit_code" in self.modes and "die_with_orphans" not in self.modes else ""
        ):
            return
        if "signal" in self.modes:
            number = int(self.modes["signal"])
            if number != signal.SIGKILL:
                signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        if "exit_code" in self.modes:
            fail(
                self.modes.get("failure")
                or {"arguments": "arguments", "kv": "kv", "resolve": "config"}.get(step, "oom")
            )
            self.start_orphans()
            os._exit(int(self.modes["exit_code"]))

    def start_orphans(self) -> None:
        """Grandchildren: each is the child of a child that has ended, so that it is adopted at once."""
        for number in range(int(self.modes.get("orphans", 0))):
            if "hold_port" in self.modes:
                assert self.server._listener is not None
                self.server._listener.listen(8)
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                continue
            if number % 2:
                os.setsid()
            if os.fork():
                os._exit(0)
            handler = signal.SIG_IGN if "stubborn_orphans" in self.modes else signal.SIG_DFL
            signal.signal(signal.SIGTERM, handler)
            signal.signal(signal.SIGINT, handler)
            if "hold_port" not in self.modes and self.server._listener is not None:
                self.server._listener.close()
            time.sleep(LIFETIME)
            os._exit(0)

    def _steps(self) -> Iterator[tuple[str, list[str]]]:
        asked = self.options.get("--model-impl", ["auto"])[0]
        backend = self.modes.get("loads") or ("transformers" if asked == "transformers" else "native")
        if self.transformers:
            yield from transformers_steps(self.model)
        else:
            yield from vllm_steps(self.model, self.server.base_url, is_transformers=backend == "transformers")


def vllm_steps(model: str, base_url: str, *, is_transformers: bool) -> Iterator[tuple[str, list[str]]]:
    """The log of vLLM 0.32 on a CPU, abridged."""
    api_name, core, worker = (f"({name} pid={os.getpid()})" for name in ("APIServer", "EngineCore", "Worker"))
    stamp = time.strftime("%m-%d %H:%M:%S")
    arch = "TransformersForCausalLM" if is_transformers else "LlamaForCausalLM"
    shards = "Loading safetensors checkpoint shards:"
    yield (
        "arguments",
        [
            "Triton is installed, but doesn't include CPU backend. Disabling Triton.",
            f"{api_name} INFO {stamp} [api_utils.py:286] non-default args: {{'model_tag': '{model}'}}",
            f"{api_name} WARNING {stamp} [system_utils.py:255] Found ulimit of 20000 and failed to automatically "
            "increase with "
            "error current limit exceeds maximum limit. "
            "This can cause fd limit errors like `OSError: [Errno 24] Too many open files`.",
        ],
    )
    yield (
        "resolve",
        [
            f"{api_name} INFO {stamp} [model.py:733] Resolved architecture: {arch}",
            f"{api_name} INFO {stamp} [model.py:2152] Using max model len 2048",
        ],
    )
    yield (
        "engine",
        [
            f"{core} INFO {stamp} [core.py:133] Initializing a V1 LLM engine (v0.32.0) with config: model='{model}'",
        ],
    )
    yield (
        "load",
        [
            f"{worker} INFO {stamp} [cpu_model_runner.py:68] Starting to load model {model}...",
            *([f"{worker} INFO {stamp} [base.py:123] Using Transformers modeling backend."] if is_transformers else []),
            f"{shards}   0% Completed | 0/2 [00:00<?, ?it/s]\r",
            f"{shards}  50% Completed | 1/2 [00:00<00:00,  2.17s/it]\r",
            f"{shards} 100% Completed | 2/2 [00:00<00:00,  2.17s/it]\r",
            f"{shards} 100% Completed | 2/2 [00:00<00:00,  2.17s/it]",
            "",
            f"{worker} INFO {stamp} [default_loader.py:501] Loading weights took 1.34 seconds",
        ],
    )
    yield (
        "kv",
        [
            f"{core} INFO {stamp} [kv_cache_utils.py:2327] CPU KV cache size: 46,592 tokens, "
            "Maximum concurrency for 2,048 tokens per request: 22.75x",
        ],
    )
    yield (
        "init",
        [
            f"{core} INFO {stamp} [core.py:402] init engine (profile, create kv cache, warmup model) took 6.28 s",
            f"{api_name} INFO {stamp} [entry.py:136] Supported tasks: ['generate']",
            f"{api_name} INFO {stamp} [entry.py:140] Starting vLLM server on {base_url}",
        ],
    )


def transformers_steps(model: str) -> Iterator[tuple[str, list[str]]]:
    """The log of `transformers serve` 5.19, abridged."""
    yield "arguments", [f"[transformers] Loading {model}@main"]
    yield "resolve", [f"[transformers] loading configuration file {model}/config.json"]
    yield (
        "load",
        [
            f"[transformers] loading weights file {model}/model.safetensors",
            "[transformers] Will use dtype=torch.bfloat16 as defined in model's config object",
            "Loading weights:   0%|          | 0/272 [00:00<?, ?it/s]\r"
            "Loading weights:  17%|█▋        | 46/272 [00:00<00:00, 444.43it/s]\r"
            "Loading weights: 100%|██████████| 272/272 [00:00<00:00, 1300.85it/s]",
        ],
    )
    yield "init", [f"[transformers] loading configuration file {model}/generation_config.json"]


def parse(arguments: list[str]) -> tuple[dict[str, list[str]], str]:
    """Flags with their values, and the model. Unknown flags are accepted, as there are hundreds."""
    options: dict[str, list[str]] = {}
    model, flag = "", ""
    for argument in arguments:
        if argument.startswith("--"):
            flag, _, value = argument.partition("=")
            options[flag] = [value] if value else []
        elif flag and (not options[flag] or flag in ("--served-model-name", "--api-key")):
            options[flag].append(argument)
        else:
            model = model or argument
    return options, model or options.get("--model", ["model"])[0]


def say(line: str) -> None:
    """One line, at once."""
    os.write(1, f"{line}\n".encode())


def api(text: str) -> None:
    say(f"(APIServer pid={os.getpid()}) INFO {time.strftime('%m-%d %H:%M:%S')} {text}")


def flood(count: int) -> None:
    """Many lines, written in large pieces."""
    prefix = f"(EngineCore pid={os.getpid()}) INFO 11-23 08:05:46 [flood.py:1] line"
    for start in range(0, count, 1000):
        numbers = range(start, min(start + 1000, count))
        lines = (f"{prefix} {number} of {count}: {number * 7919 % 65521}\n" for number in numbers)
        data = "".join(lines).encode()
        while data:
            data = data[os.write(1, data) :]


def traceback_of(file: str, function: str, error: str, prefix: str = "") -> None:
    """A Python traceback as the engine prints it, each line with the prefix."""
    lines = (
        "Traceback (most recent call last):",
        f'  File "/srv/vllm/{file}", line 100, in {function}',
        "    run()",
        error,
    )
    os.write(2, "".join(f"{prefix}{line}\n" for line in lines).encode())


def fail(kind: str) -> None:
    """The log of a failed start."""
    stamp, pid = time.strftime("%m-%d %H:%M:%S"), os.getpid()
    if kind == "arguments":
        os.write(2, b"usage: vllm serve [model_tag] [options]\nvllm: error: unrecognized arguments: --no-such-flag 1\n")
    elif kind == "config":
        traceback_of(
            "config.py", "create", "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig"
        )
        text = "User-specified max_model_len (100000) is greater than the derived max_model_len "
        text += "(max_position_embeddings=8192)"
        os.write(
            2, f"  Value error, {text} [type=value_error, input_value=ArgsKwargs(), input_type=ArgsKwargs]\n".encode()
        )
    elif kind in ("oom", "kv"):
        prefix = f"(EngineCore pid={pid}) ERROR {stamp} [core.py:1100] "
        cause = {
            "oom": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB.",
            "kv": "ValueError: To serve at least one request with the model's max seq len (60000), (2.58 GiB KV cache "
            "is needed, which is larger than the available KV cache memory (0.99 GiB). Based on the available memory, "
            "the estimated maximum model length is 23168.",
        }[kind]
        traceback_of("v1/engine/core.py", "run_engine_core", cause, prefix)
        end = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"
        traceback_of("v1/engine/utils.py", "wait_for_engine_startup", end, f"(APIServer pid={pid}) ")


def thief(host: str, port: int) -> None:
    """Another process that listens on the port; returns once it does."""
    reader, writer = os.pipe()
    if os.fork():
        os.read(reader, 1)
        return
    os.setsid()
    listener = socket.create_server((host, port))
    os.write(writer, b"x")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.closerange(0, 3)  # a stranger doesn't hold the engine's output
    time.sleep(LIFETIME)
    listener.close()
    os._exit(0)


def main(argv: list[str]) -> None:
    """Do what the command line says."""
    if argv[1:2] == ["--version"]:
        say("0.32.0")
        return
    if argv[1:2] != ["serve"]:
        os.write(2, f"vllm: error: argument subparser: invalid choice: {argv[1:2]}\n".encode())
        raise SystemExit(2)
    words = (word.strip() for word in os.environ.get("FAKE_ENGINE", "ready").split(","))
    FakeEngine(argv, {name: value for name, _, value in (word.partition("=") for word in words)}).run()


if __name__ == "__main__":
    main(sys.argv)

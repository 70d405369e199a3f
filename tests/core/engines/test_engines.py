"""Commands, served names, probes, stops and recipes of the engines."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from core.deployments.deployment import Phase
from core.deployments.launch_spec import LaunchSpec
from core.engines.catalog import Catalog
from core.engines.engine import Installation, Secrets
from core.engines.support import Implementation
from core.errors import InputError, InstallationError, NotFoundError
from core.logs.failure import find_failure
from core.logs.phases import PhaseReader
from tests.core.logs.tables import real

CATALOG = Catalog()
COMMIT = "a" * 40
HUB = {"kind": "hub", "id": "org/name", "revision": "main", "commit": COMMIT}
FOLDER = {"kind": "folder", "id": "/models/My Model"}


def spec(**values: Any) -> LaunchSpec:
    return LaunchSpec.build(**{"name": "x", "model": HUB, "engine": "vllm", **values})


def installed(engine: str = "vllm") -> Installation:
    return Installation("x", engine, "added", Path(f"/env/bin/{engine}"), Path("/env/bin/python"), "1", "CPU")


def command(engine: str, secrets: Secrets | None = None, **values: Any) -> Any:
    owner = CATALOG.get(engine)
    return owner.command(
        spec(engine=engine, **values), installed(engine), owner.shipped_options(), 8001, secrets or Secrets()
    )


def test_the_catalog() -> None:
    assert [each.id for each in CATALOG.all()] == ["vllm", "transformers", "tgi"]
    with pytest.raises(NotFoundError, match="no engine 'nope'"):
        CATALOG.get("nope")


def test_vllm_command_for_a_hub_model() -> None:
    made = command(
        "vllm",
        Secrets("the-key", "the-token", {"MY_SECRET": "s"}),
        api_key=True,
        host="0.0.0.0",
        implementation=Implementation.TRANSFORMERS,
        trust_remote_code=True,
        options={"max-model-len": "8k", "enforce-eager": True, "enable-prefix-caching": False},
        extra_args=("--seed", "7"),
        env={"VLLM_LOGGING_LEVEL": "DEBUG", "MINE": "1"},
    )
    assert made.argv == (
        *("/env/bin/vllm", "serve", "org/name", "--host", "0.0.0.0", "--port", "8001", "--revision", COMMIT),
        *("--served-model-name", "org/name", "--model-impl", "transformers", "--trust-remote-code"),
        *("--max-model-len", "8k", "--enforce-eager", "--no-enable-prefix-caching", "--seed", "7"),
    )
    assert made.secret_env == {"VLLM_API_KEY": "the-key", "HF_TOKEN": "the-token", "MY_SECRET": "s"}
    assert made.env["VLLM_LOGGING_LEVEL"] == "DEBUG"
    assert made.env["VLLM_NO_USAGE_STATS"] == made.env["PYTHONUNBUFFERED"] == made.env["MINE"] == "1"
    assert "VLLM_CPU_KVCACHE_SPACE" not in made.env
    for secret in ("the-key", "the-token"):
        assert secret not in repr(made)
        assert secret not in " ".join(made.argv)


def test_vllm_command_for_a_folder() -> None:
    made = command("vllm", Secrets(hf_token="t"), model=FOLDER, implementation=Implementation.NATIVE)
    assert made.argv[2] == "/models/My Model"
    assert "--revision" not in made.argv
    assert made.argv[-4:] == ("--served-model-name", "My Model", "--model-impl", "vllm")
    assert made.secret_env == {}  # a folder needs no token
    named = command("vllm", model=FOLDER, options={"served_model_name": ["a", "b"]})
    assert named.argv[-3:] == ("--served-model-name", "a", "b")
    assert "--model-impl" not in named.argv


@pytest.mark.parametrize(
    ("engine", "values", "name"),
    [
        ("vllm", {}, "org/name"),
        ("vllm", {"model": FOLDER}, "My Model"),
        ("vllm", {"options": {"served-model-name": ["a", "b"]}}, "a"),
        ("vllm", {"options": {"served-model-name": "c"}}, "c"),
        ("transformers", {}, f"org/name@{COMMIT}"),
        ("transformers", {"model": {"kind": "hub", "id": "org/name"}}, "org/name"),
        ("transformers", {"model": FOLDER}, "/models/My Model"),
    ],
)
def test_served_names(engine: str, values: dict[str, Any], name: str) -> None:
    assert CATALOG.get(engine).served_name(spec(engine=engine, **values)) == name


def test_transformers_command() -> None:
    made = command(
        "transformers",
        Secrets(hf_token="t"),
        trust_remote_code=True,
        options={"dtype": "float32", "continuous-batching": True, "compile": False},
    )
    assert made.argv == (
        *("/env/bin/transformers", "serve", f"org/name@{COMMIT}", "--host", "127.0.0.1", "--port", "8001"),
        *("--trust-remote-code", "--dtype", "float32", "--continuous-batching", "--no-compile"),
    )
    assert made.env["HF_HUB_DISABLE_UPDATE_CHECK"] == "1"
    assert made.secret_env == {"HF_TOKEN": "t"}
    with pytest.raises(InputError, match="can't ask for an API key") as caught:
        command("transformers", Secrets("k"), api_key=True)
    assert caught.value.field == "api_key"


def test_tgi_is_declared_but_cannot_be_launched() -> None:
    tgi = CATALOG.get("tgi")
    assert [each.value for each in tgi.runtimes] == ["docker"]
    assert "maintenance since December 2025" in tgi.notice
    with pytest.raises(InputError, match="container"):
        command("tgi")
    with pytest.raises(InstallationError, match="container"):
        tgi.read_options(installed("tgi"))
    assert [each.field for each in tgi.check(spec(engine="tgi"), tgi.shipped_options(), None)] == ["engine"]
    assert tgi.recipe(has_nvidia=True) is None


def test_stops() -> None:
    for engine in CATALOG.all():
        for is_ready in (True, False):
            steps = engine.stop_steps(is_ready=is_ready, grace=7.5)
            assert (steps[-1].signal, steps[-1].target) == ("KILL", "group")
            assert steps[0].wait == 7.5
            assert all(each.target == "leader" for each in steps[:-1])  # TERM to the group hangs a loading vLLM
    vllm = CATALOG.get("vllm")
    assert vllm.stop_steps(is_ready=True, grace=1)[0].signal == "TERM"
    assert vllm.stop_steps(is_ready=False, grace=1)[0].signal == "INT"
    assert [each.signal for each in CATALOG.get("transformers").stop_steps(is_ready=True, grace=1)] == [
        *("TERM", "INT", "KILL")
    ]


def test_recipes_never_take_the_cuda_build_on_a_cpu() -> None:
    for engine in ("vllm", "transformers"):
        recipe = CATALOG.get(engine).recipe(has_nvidia=False)
        assert recipe is not None
        first = recipe.steps[0][1]
        assert first[0] == "install"
        assert first[1].startswith("@cpu-torch:")
        cuda = CATALOG.get(engine).recipe(has_nvidia=True)
        assert cuda is not None
        assert not any(each.startswith("@") for _, arguments in cuda.steps for each in arguments)
        assert cuda.size_estimate > recipe.size_estimate


# --- probes against real sockets -------------------------------------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    """Answers from the server's table: path to status and body (None: the connection is closed)."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    def _answer(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))  # type: ignore[attr-defined]
        status, body = self.server.answers.get(self.path, (404, "{}"))  # type: ignore[attr-defined]
        if body is None:
            return
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    made.answers, made.asked = {}, []
    made.url = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


async def probe(engine: str, url: str, name: str = "m", key: str = "") -> Any:
    async with httpx2.AsyncClient() as client:
        return await CATALOG.get(engine).probe(client, url, name, key)


MODELS = json.dumps({"data": [{"id": "m"}, {"id": "n"}]})


@pytest.mark.parametrize(
    ("answers", "healthy", "ready", "words"),
    [
        ({}, False, False, "HTTP 404"),
        ({"/health": (503, "")}, False, False, "HTTP 503"),
        ({"/health": (200, None)}, False, False, "closed"),
        ({"/health": (200, "")}, True, False, "HTTP 404"),
        ({"/health": (200, ""), "/v1/models": (401, '{"error": "Unauthorized"}')}, True, False, "HTTP 401"),
        ({"/health": (200, ""), "/v1/models": (200, "no json")}, True, False, "lists nothing"),
        ({"/health": (200, ""), "/v1/models": (200, '{"data": [1, {"id": 2}]}')}, True, False, "lists 2"),
        ({"/health": (200, ""), "/v1/models": (200, '{"data": [{"id": "other"}]}')}, True, False, "not m"),
        ({"/health": (200, ""), "/v1/models": (200, MODELS)}, True, True, "lists m"),
    ],
)
async def test_vllm_is_ready_when_it_lists_the_model(
    server: Any, answers: dict[str, Any], healthy: bool, ready: bool, words: str
) -> None:
    server.answers = answers
    result = await probe("vllm", server.url, key="secret")
    assert (result.healthy, result.ready) == (healthy, ready)
    assert words in result.evidence
    assert "secret" not in result.evidence
    assert dict(server.asked).get("/v1/models", "Bearer secret") == "Bearer secret"
    assert dict(server.asked)["/health"] == ""


READY = 'data: {"status": "ready", "model": "m@main", "cached": true}\n\n'


@pytest.mark.parametrize(
    ("answers", "ready", "words"),
    [
        ({"/load_model": (200, READY)}, True, "says that m is ready"),
        ({"/load_model": (200, 'data: {"status": "error", "message": "no such"}\n\n')}, False, "no such"),
        ({"/load_model": (500, "Internal Server Error")}, False, "Internal"),
        ({"/v1/chat/completions": (200, "{}")}, True, "answers a chat"),
        ({"/v1/chat/completions": (400, '{"detail": "pinned"}')}, False, "pinned"),
    ],
)
async def test_transformers_is_ready_when_the_model_is_in_memory(
    server: Any, answers: dict[str, Any], ready: bool, words: str
) -> None:
    server.answers = {"/health": (200, '{"status": "ok"}'), **answers}
    result = await probe("transformers", server.url)
    assert (result.healthy, result.ready) == (True, ready)
    assert words in result.evidence


async def test_a_server_that_is_not_there_is_not_healthy(server: Any) -> None:
    server.shutdown()
    server.server_close()
    for engine in CATALOG.all():
        result = await probe(engine.id, server.url)
        assert not result.healthy
        assert not result.ready
        assert "nothing listens" in result.evidence


# --- logs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "log", "phases", "loaded"),
    [
        (
            "vllm",
            "vllm-start.log",
            [Phase.START_ENGINE, Phase.LOAD_WEIGHTS, Phase.RESERVE_KV_CACHE, Phase.WARM_UP, Phase.READY],
            Implementation.TRANSFORMERS,
        ),
        (
            "vllm",
            "vllm-compile-start.log",
            [
                *(Phase.START_ENGINE, Phase.LOAD_WEIGHTS, Phase.COMPILE, Phase.RESERVE_KV_CACHE),
                *(Phase.WARM_UP, Phase.READY),
            ],
            Implementation.NATIVE,
        ),
        (
            "transformers",
            "transformers-serve.log",
            [Phase.LOAD_WEIGHTS, Phase.WARM_UP, Phase.READY],
            Implementation.TRANSFORMERS,
        ),
    ],
)
def test_phases_of_real_logs(engine: str, log: str, phases: list[Phase], loaded: Implementation) -> None:
    reader = PhaseReader(CATALOG.get(engine).log)
    reader.feed(real(log, start=0.0))
    assert [span.phase for span in reader.spans] == phases
    assert reader.implementation is loaded
    weights = next(span for span in reader.spans if span.phase is Phase.LOAD_WEIGHTS)
    assert weights.progress == 1.0
    assert re.search(r"1 of 1|272/272", weights.note)


def test_a_loading_bar_that_ends_is_no_download() -> None:
    for engine in CATALOG.all():
        for each in engine.log.phases:
            if each.phase is Phase.DOWNLOAD:
                assert not re.search(each.pattern, "Loading weights:  17%|#7 | 46/272 [00:00<00:00, 444.43it/s]")


def test_consequences_are_not_taken_for_causes() -> None:
    table = CATALOG.get("vllm").log
    lines = real("vllm-start.log")
    assert find_failure(lines, table) is None or "Found ulimit" not in str(find_failure(lines, table))
    skipped = re.compile("|".join(table.not_the_cause))
    for text in (
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
        "(APIServer pid=1) ERROR EngineCore failed to start.",
        "Found ulimit of 20000 and failed to automatically increase with error current limit",
    ):
        assert skipped.search(text)
    assert not skipped.search("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB")

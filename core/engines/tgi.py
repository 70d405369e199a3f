"""Text Generation Inference. Declared: its container comes with the container runtime; as a process it can't be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.deployments.launch_spec import LaunchSpec, RuntimeKind
from core.engines import endpoint, shipped
from core.engines.engine import Command, Installation, InstallRecipe, LogTable, ProbeResult, Secrets, StopStep
from core.engines.options import FieldProblem, OptionTable
from core.engines.support import EngineSupport, Implementation, ImplementationSupport, Verdict
from core.errors import InputError, InstallationError
from core.hub.facts import ModelConfig

if TYPE_CHECKING:
    import httpx2

_NEEDS_CONTAINER = "TGI needs a container engine, which this version of Servedeck can't use yet."
_REMEDY = "Serve the model with vLLM or Transformers."


class TgiEngine:
    """What is known of TGI without running it."""

    id = "tgi"
    title = "TGI"
    summary = "Text Generation Inference, frozen at 3.3.7. Runs in a container only."
    notice = "In maintenance since December 2025"
    executable = ""
    distribution = ""
    needs: tuple[str, ...] = ()
    implementations: tuple[Implementation, ...] = (
        Implementation.AUTO,
        Implementation.NATIVE,
        Implementation.TRANSFORMERS,
    )
    runtimes: tuple[RuntimeKind, ...] = (RuntimeKind.DOCKER,)
    key_options: tuple[tuple[str, str], ...] = ()
    supports_api_key = True

    @property
    def log(self) -> LogTable:
        """How to read its log."""
        return shipped.log_table(self.id)

    def command(
        self, spec: LaunchSpec, installation: Installation, table: OptionTable, port: int, secrets: Secrets
    ) -> Command:
        """There is none yet.

        Raises:
            InputError: always.
        """
        raise InputError(_NEEDS_CONTAINER, field="engine", remedy=_REMEDY)

    def check(self, spec: LaunchSpec, table: OptionTable, config: ModelConfig | None) -> tuple[FieldProblem, ...]:
        """That it can't be launched."""
        return (FieldProblem("engine", _NEEDS_CONTAINER, _REMEDY),)

    def support(
        self, config: ModelConfig | None, installation: Installation | None, *, has_code: bool = False
    ) -> EngineSupport:
        """By the model types of 3.3.7, whose Transformers is 4.51.0."""
        table = shipped.document(self.id, "architectures-3.3.7.json")
        native, transformers = _judge(config, table)
        serves = [each for each in (native, transformers) if each.verdict in (Verdict.YES, Verdict.LIKELY)]
        first = serves[0] if serves else None
        return EngineSupport(
            engine=self.id,
            version=table["version"],
            version_is_installed=False,
            implementations=(native, transformers),
            auto=first.implementation if first else None,
            auto_reason=first.reason if first else native.reason,
            note=f"{self.notice}; needs a container engine",
        )

    def read_options(self, installation: Installation) -> OptionTable:
        """There is nobody to ask yet.

        Raises:
            InstallationError: always.
        """
        raise InstallationError(_NEEDS_CONTAINER, remedy=_REMEDY)

    def shipped_options(self) -> OptionTable:
        """None yet."""
        return OptionTable(engine=self.id, version="3.3.7", source="shipped", options=())

    def served_name(self, spec: LaunchSpec) -> str:
        """TGI answers to any name; the id is the plain one."""
        return spec.model.id

    async def probe(self, client: httpx2.AsyncClient, base_url: str, served_name: str, api_key: str) -> ProbeResult:
        """`/health` of TGI generates a token when it is idle, so it shows both."""
        health = await endpoint.ask(client, "GET", f"{base_url}/health")
        return ProbeResult(health.is_good, health.is_good, f"/health: {health.text}")

    def stop_steps(self, *, is_ready: bool, grace: float) -> tuple[StopStep, ...]:
        """TERM lets it end its shards in order."""
        return (StopStep("TERM", "leader", max(0.0, grace)), StopStep("KILL", "group", 5.0))

    def recipe(self, *, has_nvidia: bool) -> InstallRecipe | None:
        """It can't be installed with pip."""
        return None


_Pair = tuple[ImplementationSupport, ImplementationSupport]


def _judge(config: ModelConfig | None, table: dict[str, list[str]]) -> _Pair:
    def both(verdict: Verdict, native: str, other: Verdict, transformers: str) -> _Pair:
        return (
            ImplementationSupport(Implementation.NATIVE, verdict, native),
            ImplementationSupport(Implementation.TRANSFORMERS, other, transformers),
        )

    name = f"TGI {table['version']}"
    model_type = config.model_type if config else ""
    if not model_type:
        said = "The model's config.json can't be read." if config is None else "config.json names no model type."
        return both(Verdict.UNKNOWN, said, Verdict.UNKNOWN, said)
    if model_type in table["native"] and model_type in table["no_compat_switch"]:
        return both(
            Verdict.YES,
            f"{name} has its own {model_type}.",
            Verdict.NO,
            f"{name} can't be switched to Transformers for {model_type}.",
        )
    if model_type in table["native"]:
        return both(
            Verdict.YES,
            f"{name} has its own {model_type}.",
            Verdict.LIKELY,
            f"With USE_FLASH_ATTENTION=false {name} loads {model_type} with Transformers {table['transformers']}.",
        )
    if model_type in table["flash_transformers"] or model_type in table["plain_transformers"]:
        return both(
            Verdict.NO,
            f"{name} has no {model_type} of its own.",
            Verdict.LIKELY,
            f"{name} loads {model_type} with Transformers {table['transformers']}.",
        )
    said = f"{name} and its Transformers {table['transformers']} don't know the model type {model_type}."
    return both(Verdict.NO, said, Verdict.NO, said)

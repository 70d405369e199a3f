"""The engine protocol: what each kind of server must say of itself. Adding one changes nothing outside this folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from core.deployments.deployment import Phase
from core.deployments.launch_spec import LaunchSpec, RuntimeKind
from core.engines.options import FieldProblem, OptionTable
from core.engines.support import EngineSupport, Implementation
from core.hub.facts import ModelConfig

if TYPE_CHECKING:
    import httpx2  # a tenth of a second at start-up


@dataclass(frozen=True, slots=True)
class Installation:
    """One usable copy of an engine."""

    id: str
    """Stable: `managed:vllm`, or `path:` and the executable's path."""
    engine: str
    kind: Literal["managed", "path", "environment", "added"]
    """Made by us, found on PATH, found in a known environment, or added by the user."""
    executable: Path
    python: Path | None
    """The interpreter of its environment, None where it can't be told (a wrapper script)."""
    version: str
    """Empty where it can't be told."""
    target: str
    """`CPU`, `CUDA 13.0`, `ROCm 7.0`, or `unknown`."""
    site_packages: Path | None = None
    size: int | None = None
    """Bytes on disk, for managed ones."""
    problem: str = ""
    """Why it can't be used; empty if it can."""

    @property
    def is_usable(self) -> bool:
        """It can be launched."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class Command:
    """How to start the engine. Secrets are apart, so that argv and env can be shown, logged and exported."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    secret_env: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a launch may need to know and nobody may see."""

    api_key: str = field(default="", repr=False)
    hf_token: str = field(default="", repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class StopStep:
    """One step of a stop: signal the engine's first process (`leader`) or its whole `group`, then wait."""

    signal: Literal["INT", "TERM", "KILL"]
    target: Literal["leader", "group"]
    wait: float
    """Seconds until the next step."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What asking the endpoint showed."""

    healthy: bool
    ready: bool
    """Healthy, and the model is listed or answers."""
    evidence: str


@dataclass(frozen=True, slots=True)
class PhasePattern:
    """A log line that shows that a phase begins (or, with `note`, how far it is)."""

    phase: Phase
    pattern: str
    """Regular expression, searched in a line without ANSI codes. Groups `done` and `total`, or `percent`: progress."""


@dataclass(frozen=True, slots=True)
class LogTable:
    """How to read the log of one engine: data from `resources/engines/<engine>/log.toml`."""

    phases: tuple[PhasePattern, ...]
    loaded: tuple[tuple[Implementation, str], ...]
    """Which line shows which implementation really loaded; the first that matches in this order wins."""
    loaded_default_after: tuple[Implementation, str] | None
    """If none matched by the time this line appears, this one loaded."""
    not_the_cause: tuple[str, ...] = ()
    """Error lines that only report a consequence."""


@dataclass(frozen=True, slots=True)
class InstallRecipe:
    """How the managed environment is made: pip steps, in order."""

    steps: tuple[tuple[str, tuple[str, ...]], ...]
    """A title, and the arguments of `pip` (`install …`). Those that start with `@` stand for what only the machine at
    hand can tell; `core.engines.requirements` replaces them."""
    size_estimate: int
    """Bytes on disk, about; shown as an estimate."""
    distributions: tuple[str, ...] = ()


class Engine(Protocol):
    """One kind of server."""

    id: str
    title: str
    summary: str
    """One line for the engine's card."""
    notice: str
    """Empty, or what users must know ('in maintenance since December 2025')."""
    executable: str
    """Its command's name on PATH; empty if it has none."""
    distribution: str
    """The Python distribution whose version is the engine's."""
    needs: tuple[str, ...]
    """Distributions that must lie beside it, without which it can't serve."""
    implementations: tuple[Implementation, ...]
    """What can be asked for."""
    runtimes: tuple[RuntimeKind, ...]
    key_options: tuple[tuple[str, str], ...]
    """Options that the form shows at once: name and label, in order; those that a version lacks are left out."""
    supports_api_key: bool

    @property
    def log(self) -> LogTable:
        """How to read its log."""
        ...

    def command(
        self, spec: LaunchSpec, installation: Installation, table: OptionTable, port: int, secrets: Secrets
    ) -> Command:
        """The command of a launch spec.

        Raises:
            InputError: an option can't be put on the command line; `field` names it.
        """
        ...

    def check(self, spec: LaunchSpec, table: OptionTable, config: ModelConfig | None) -> tuple[FieldProblem, ...]:
        """What the installed version would refuse, field by field; empty if nothing is known to be wrong."""
        ...

    def support(
        self, config: ModelConfig | None, installation: Installation | None, *, has_code: bool = False
    ) -> EngineSupport:
        """What this engine will do with a model of that config, at the installed version or the one of our table."""
        ...

    def read_options(self, installation: Installation) -> OptionTable:
        """Ask the installed version for its options. Blocks, for seconds.

        Raises:
            InstallationError: it doesn't answer.
        """
        ...

    def shipped_options(self) -> OptionTable:
        """The table that comes with Servedeck."""
        ...

    def served_name(self, spec: LaunchSpec) -> str:
        """What `model` must be in a request."""
        ...

    async def probe(self, client: httpx2.AsyncClient, base_url: str, served_name: str, api_key: str) -> ProbeResult:
        """Ask whether it is healthy and ready. Never raises for a server that isn't there yet."""
        ...

    def stop_steps(self, *, is_ready: bool, grace: float) -> tuple[StopStep, ...]:
        """How to end it, gentle first; the last step is KILL to the group."""
        ...

    def recipe(self, *, has_nvidia: bool) -> InstallRecipe | None:
        """How to install it into a managed environment; None where that isn't possible."""
        ...

"""Deployments as the rest of the program sees them: states, phases, runs. Values only; `fleet` changes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from core.deployments.launch_spec import LaunchSpec
from core.engines.support import Implementation


class State(StrEnum):
    """Life of a run, and so of its deployment."""

    PREPARING = "preparing"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_active(self) -> bool:
        """Something runs or is about to."""
        return self in (State.PREPARING, State.STARTING, State.READY, State.STOPPING)


class Phase(StrEnum):
    """Steps of a start, in their usual order."""

    PULL_IMAGE = "pull image"
    DOWNLOAD = "download"
    START_ENGINE = "start engine"
    LOAD_WEIGHTS = "load weights"
    COMPILE = "compile"
    RESERVE_KV_CACHE = "reserve KV cache"
    CAPTURE_GRAPHS = "capture graphs"
    WARM_UP = "warm up"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """One phase of a run. Times are Unix seconds; `ended` is None while it goes on."""

    phase: Phase
    started: float
    ended: float | None = None
    note: str = ""
    """What the log says of it ('1 of 2 shards', 'in cache')."""
    progress: float | None = None
    """0 to 1, where the log says."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """A state, when it was reached, and what showed it."""

    state: State
    at: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Exit:
    """How the engine's process ended: a code, or the signal that ended it."""

    code: int | None
    signal: int | None
    at: float
    asked: bool
    """A stop was asked for before it ended."""

    @property
    def text(self) -> str:
        """`exit code 1`, `killed by signal 9`, or `ended by signal 15` where that was asked for."""
        if self.signal is not None:
            return f"{'ended' if self.asked else 'killed'} by signal {self.signal}"
        return f"exit code {self.code}" if self.code is not None else "exit unknown, its keeper was gone"


@dataclass(frozen=True, slots=True)
class StopReport:
    """What was found after a stop."""

    processes_left: tuple[str, ...]
    """Name and pid of each process of the run that still lives."""
    port_free: bool
    port_holder: str = ""
    seconds: float = 0.0
    killed: bool = False
    """It did not end by itself within the grace time."""

    @property
    def is_clean(self) -> bool:
        """Nothing was left behind."""
        return not self.processes_left and self.port_free


@dataclass(frozen=True)
class Run:
    """One start-to-exit of a deployment."""

    number: int
    folder: Path
    argv: tuple[str, ...]
    """The engine's command; it never holds a secret."""
    env: dict[str, str]
    """What we added to the environment, without secrets."""
    secret_env: tuple[str, ...]
    """Names of the secret variables that were set."""
    host: str
    port: int
    started: float
    engine_version: str
    served_name: str
    """What `model` must be in a request."""
    history: tuple[StateChange, ...] = ()
    phases: tuple[PhaseSpan, ...] = ()
    implementation_loaded: Implementation | None = None
    implementation_evidence: str = ""
    exit: Exit | None = None
    stop: StopReport | None = None
    warnings: tuple[str, ...] = ()
    """Things that went wrong without ending the run ('its keeper died', 'log lines lost: disk full')."""
    failure: str = ""
    """The cause of a failure as found in the log, in the engine's words; empty if none was found."""
    failure_line: int | None = None
    """Its line number in the log, from 0."""

    @property
    def state(self) -> State:
        """The present state."""
        return self.history[-1].state if self.history else State.PREPARING

    @property
    def since(self) -> float:
        """When the present state was reached."""
        return self.history[-1].at if self.history else self.started

    @property
    def seconds_to_ready(self) -> float | None:
        """Seconds from the start of the run to ready, None if it never was."""
        return next((each.at - self.started for each in self.history if each.state is State.READY), None)

    @property
    def endpoint(self) -> str:
        """Base URL for clients, with `/v1`; an address that means 'all' is shown as this machine's loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(
            self.host, f"[{self.host}]" if ":" in self.host else self.host
        )
        return f"http://{host}:{self.port}/v1"

    @property
    def base_url(self) -> str:
        """The endpoint without `/v1`."""
        return self.endpoint.removesuffix("/v1")


@dataclass(frozen=True)
class Deployment:
    """A launch spec that somebody asked to run, and its runs (oldest first, at least one)."""

    id: str
    spec: LaunchSpec
    created: float
    runs: tuple[Run, ...] = ()
    problem: str = ""
    """Why it can't be read, where its files are damaged."""
    folder: Path = field(default_factory=Path)

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self.spec.name

    @property
    def run(self) -> Run | None:
        """The latest run."""
        return self.runs[-1] if self.runs else None

    @property
    def state(self) -> State:
        """The state of the latest run."""
        return self.run.state if self.run else State.PREPARING

    @property
    def phase(self) -> Phase | None:
        """The phase of the start that goes on, or None."""
        if self.run is None or self.state not in (State.PREPARING, State.STARTING):
            return None
        going_on = (span.phase for span in reversed(self.run.phases) if span.ended is None)
        return next((phase for phase in going_on if phase is not Phase.READY), None)

    @property
    def differs(self) -> str:
        """A sentence when another implementation loaded than was asked for, else empty."""
        if self.run is None or self.run.implementation_loaded is None:
            return ""
        asked, loaded = self.spec.implementation, self.run.implementation_loaded
        if asked is Implementation.AUTO or asked is loaded:
            return ""
        return f"Asked for {asked.value}, but {loaded.value} loaded: {self.run.implementation_evidence}"

"""The runtime protocol: how a run is started, observed and ended, whatever it runs in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.deployments.deployment import Exit
from core.deployments.launch_spec import RuntimeKind
from core.engines.engine import StopStep


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a plan; the last is the engine, those before it prepare (a download)."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict, repr=False)
    """Set for this step only, on top of the plan's; may hold secrets."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does. It holds secrets, so it is handed over in memory and never written."""

    mark: str
    """Unique for the run; its processes carry it in their environment."""
    steps: tuple[Step, ...]
    env: dict[str, str] = field(repr=False)
    """The whole environment."""
    stop: tuple[StopStep, ...] = ()
    """How to end it when nobody says otherwise (the machine shuts down)."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What can be seen of a run without asking its endpoint."""

    step: str
    """The step that runs or ran last; empty before the first."""
    keeper_alive: bool
    leader_alive: bool
    stop_asked: bool
    exit: Exit | None
    killed: tuple[str, ...] = ()
    output_lost: int = 0
    problem: str = ""
    """Why a step could not be started."""


class Runtime(Protocol):
    """One way to run an installation. All calls block; the fleet makes them in threads."""

    kind: RuntimeKind

    def start(self, folder: Path, plan: Plan) -> None:
        """Begin the run.

        Raises:
            LaunchError: it could not be started.
        """
        ...

    def observe(self, folder: Path) -> Observation:
        """Look at it."""
        ...

    def request_stop(self, folder: Path, steps: tuple[StopStep, ...]) -> None:
        """Ask for its end; returns at once."""
        ...

    def leftovers(self, folder: Path) -> tuple[str, ...]:
        """Name and pid of each process of the run that still lives."""
        ...

    def owns(self, folder: Path, pid: int) -> bool:
        """Whether that process belongs to the run."""
        ...


def steps_to_json(steps: tuple[StopStep, ...]) -> list[dict[str, Any]]:
    """As the keeper reads them."""
    return [{"signal": each.signal, "target": each.target, "wait": each.wait} for each in steps]

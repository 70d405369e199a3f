"""How the states of a deployment are shown, everywhere the same."""

from __future__ import annotations

from core.deployments.deployment import Deployment, State
from gui.widgets.chip import ChipTone, DotTone

_DOTS: dict[State, DotTone] = {
    State.PREPARING: "warn",
    State.STARTING: "warn",
    State.READY: "ok",
    State.STOPPING: "warn",
    State.STOPPED: "dim",
    State.FAILED: "bad",
}
_CHIPS: dict[State, ChipTone] = {
    State.PREPARING: "warn",
    State.STARTING: "warn",
    State.READY: "ok",
    State.STOPPING: "warn",
    State.STOPPED: "plain",
    State.FAILED: "bad",
}

INSTALLATION_KINDS = {
    "managed": "installed by Servedeck",
    "path": "found on PATH",
    "environment": "found in an environment",
    "added": "added by you",
}
"""Where an installation comes from, in words."""


def dot_tone(state: State) -> DotTone:
    """Shape and colour of a state's dot."""
    return _DOTS[state]


def chip_tone(state: State) -> ChipTone:
    """Colour of a state's chip."""
    return _CHIPS[state]


def state_words(deployment: Deployment) -> str:
    """The state in a word or two: `ready`, `load weights`, `starting`, `failed`, `can't be read`."""
    if deployment.problem:
        return "can't be read"
    if deployment.state is State.STARTING and deployment.phase is not None:
        return deployment.phase.value
    if deployment.phase is not None:
        return deployment.phase.value
    return deployment.state.value


def rail_text(deployment: Deployment) -> str:
    """As the rail shows it: a ready one has its name only."""
    words = state_words(deployment)
    return deployment.name if words == State.READY.value else f"{deployment.name} · {words}"

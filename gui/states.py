"""How the states of a deployment are shown, everywhere the same."""

from __future__ import annotations

import time

from core.deployments.deployment import Deployment, Phase, Run, State
from gui.widgets.chip import ChipTone, DotTone
from gui.wording import duration

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


_DOING = {
    Phase.PULL_IMAGE: "pulling the image",
    Phase.DOWNLOAD: "downloading",
    Phase.START_ENGINE: "starting the engine",
    Phase.LOAD_WEIGHTS: "loading weights",
    Phase.COMPILE: "compiling",
    Phase.RESERVE_KV_CACHE: "reserving KV cache",
    Phase.CAPTURE_GRAPHS: "capturing graphs",
    Phase.WARM_UP: "warming up",
    Phase.READY: "becoming ready",
}


def state_title(deployment: Deployment) -> str:
    """As `state_sentence`, without the time: `Ready`, `Failed while loading weights`."""
    if deployment.run is None or deployment.problem or deployment.state not in (State.READY, State.STOPPED):
        return state_sentence(deployment)
    return deployment.state.value.capitalize()


def state_sentence(deployment: Deployment, now: float | None = None) -> str:
    """The state in a few words: `Ready for 12 min`, `Starting · load weights`, `Failed while loading weights`."""
    run, state = deployment.run, deployment.state
    if deployment.problem:
        return "Can't be read"
    if run is None:
        return "Never started"
    passed = max(0.0, (time.time() if now is None else now) - run.since)
    match state:
        case State.READY:
            return f"Ready for {since_words(passed)}"
        case State.STARTING:
            return f"Starting · {deployment.phase.value}" if deployment.phase else "Starting"
        case State.STOPPING:
            return "Stopping…"
        case State.STOPPED:
            return "Stopped" if passed < 60 else f"Stopped {since_words(passed)} ago"
        case State.FAILED:
            return failed_words(run)
        case _:
            return "Preparing"


def since_words(seconds: float) -> str:
    """A length of time that goes on, without fractions: `12 s`, `12 min`, `3 h 5 min`."""
    return f"{int(seconds)} s" if seconds < 59.95 else duration(seconds)


def took_words(seconds: float) -> str:
    """How long something took, in tenths of seconds where it was short: `0.4 s`, `38.6 s`, `2 min 10 s`."""
    return f"{seconds:.1f} s" if seconds < 1 else duration(seconds)


def failed_words(run: Run) -> str:
    """At what it failed: `Failed while loading weights`."""
    states = [change.state for change in run.history]
    if State.STOPPING in states:
        return "Stopped, but not completely"
    if State.READY in states:
        return "Failed while serving"
    if State.STARTING not in states:
        return "Failed before the engine started"
    phase = failed_phase(run)
    return f"Failed while {_DOING[phase]}" if phase else "Failed while starting"


def failed_phase(run: Run) -> Phase | None:
    """The phase in which a start ended, None where it ended elsewhere or the log names none."""
    if run.state is not State.FAILED or any(each.state in (State.READY, State.STOPPING) for each in run.history):
        return None
    return next((span.phase for span in reversed(run.phases) if span.phase is not Phase.READY), None)


def stop_words(run: Run) -> str:
    """What was found after a stop: `no process left, port 8001 free, 2.1 s`; empty if nothing was looked at."""
    report = run.stop
    if report is None:
        return ""
    left = f"still running: {', '.join(report.processes_left)}" if report.processes_left else "no process left"
    port = (
        f"port {run.port} free" if report.port_free else f"port {run.port} held by {report.port_holder or 'somebody'}"
    )
    killed = ["it had to be killed"] if report.killed else []
    return ", ".join([left, *([port] if run.port else []), *killed, took_words(report.seconds)])

"""Waiting for a deployment, for those who don't have a window to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.deployments.deployment import Deployment, State
from core.deployments.fleet import Fleet
from core.errors import LaunchError
from core.events import Bus, DeploymentChanged, Event


async def wait_until_ready(
    fleet: Fleet, bus: Bus, deployment_id: str, say: Callable[[str, str], None] | None = None
) -> Deployment:
    """Wait until a deployment is ready.

    Args:
        fleet: where it is.
        bus: where its changes are told.
        deployment_id: which one.
        say: told the state and phase in words, and the id, whenever they change.

    Raises:
        LaunchError: it failed or was stopped; the message holds the cause.
    """
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def listen(event: Event) -> None:
        if isinstance(event, DeploymentChanged) and event.deployment_id == deployment_id:
            loop.call_soon_threadsafe(changed.set)

    unsubscribe = bus.subscribe(listen)
    told = ""
    try:
        while True:
            deployment = fleet.get(deployment_id)
            phase = deployment.phase
            text = f"{deployment.state.value}: {phase.value}" if phase else deployment.state.value
            if say is not None and text != told:
                told = text
                say(text, deployment_id)
            if deployment.state is State.READY:
                return deployment
            if not deployment.state.is_active:
                raise LaunchError(failure_text(deployment), remedy=f"See `servedeck logs {deployment.name}`.")
            await changed.wait()
            changed.clear()
    finally:
        unsubscribe()


def failure_text(deployment: Deployment) -> str:
    """Why a deployment does not run, in a sentence or two."""
    run = deployment.run
    if run is None or not run.history:
        return f"{deployment.name} has not been started."
    cause = f" {run.failure}" if run.failure else ""
    return f"{deployment.name} {run.state.value}: {run.history[-1].evidence}.{cause}"

"""What the core tells the world: frozen values on one bus.

Only rare facts travel here. Floods (log lines, samples) are pulled from buffers by whoever wants them.
Events carry names, not state: a receiver asks the core for the present state, so that no late event shows an old one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class DeploymentChanged(Event):
    """A deployment is new, or its state, phase, name or spec changed."""

    deployment_id: str


@dataclass(frozen=True, slots=True)
class DeploymentRemoved(Event):
    """A deployment is gone."""

    deployment_id: str


@dataclass(frozen=True, slots=True)
class InstallationsChanged(Event):
    """The set of installations changed."""


@dataclass(frozen=True, slots=True)
class InstallChanged(Event):
    """An install job began, moved on or ended; ask `installer.jobs()` for its state."""

    job_id: str


@dataclass(frozen=True, slots=True)
class LibraryChanged(Event):
    """The models on this machine changed (cache scanned, folder added or removed)."""


@dataclass(frozen=True, slots=True)
class HubStatusChanged(Event):
    """The Hub became reachable or unreachable; `problem` is empty when it answers."""

    problem: str


@dataclass(frozen=True, slots=True)
class SettingsChanged(Event):
    """Settings were saved."""


@dataclass(frozen=True, slots=True)
class DemoChanged(Event):
    """The demo moved on; `step` says what it is doing, `deployment_id` is set once it serves."""

    step: str
    deployment_id: str = ""
    done: bool = False
    problem: str = ""


Listener = Callable[[Event], None]


class Bus:
    """Publish and subscribe. Listeners run in the publisher's thread and must be quick."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add a listener; call what is returned to remove it."""
        with self._lock:
            self._listeners += (listener,)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Hand the event to every listener; one that raises is logged and does not stop the others."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                logger.exception("a listener failed on %r", event)

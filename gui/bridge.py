"""The one place where the core's thread and the GUI's thread meet.

Events of the bus become Qt signals, and coroutines of the core are run with their results handed to the GUI thread.
Nothing else crosses: the GUI never awaits, the core never touches a widget.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal
from shiboken6 import isValid

from core.errors import ServedeckError
from core.events import (
    DemoChanged,
    DeploymentChanged,
    DeploymentRemoved,
    Event,
    HubStatusChanged,
    InstallationsChanged,
    InstallChanged,
    LibraryChanged,
    SettingsChanged,
)

if TYPE_CHECKING:
    from core.app import App

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Job:
    """A coroutine that runs on the core's loop, and who wants to know how it ends."""

    def __init__(
        self,
        future: Future[Any],
        done: Callable[[Any], None] | None,
        failed: Callable[[BaseException], None] | None,
        owner: QObject | None,
    ) -> None:
        self._future = future
        self._done = done
        self._failed = failed
        self._owners = [each for each in (owner, _receiver(done), _receiver(failed)) if each is not None]
        self.is_finished = False
        """Its callback was called, or it was cancelled."""

    @classmethod
    def never(cls) -> Job:
        """One that was not even begun."""
        job = cls(Future(), None, None, None)
        job.cancel()
        return job

    def cancel(self) -> None:
        """Stop it; no callback will be called. Does nothing when it is over."""
        if not self.is_finished:
            self.is_finished = True
            self._future.cancel()

    @property
    def _is_wanted(self) -> bool:
        return not self.is_finished and all(isValid(each) for each in self._owners)


class Bridge(QObject):
    """One signal per event class, and `run`. Close it before the widgets go.

    Args:
        app: the core.
    """

    deployment_changed = Signal(str)
    deployment_removed = Signal(str)
    installations_changed = Signal()
    install_changed = Signal(str)
    library_changed = Signal()
    hub_status_changed = Signal(str)
    settings_changed = Signal()
    demo_changed = Signal(DemoChanged)
    unhandled = Signal(Exception)
    """A coroutine failed and nobody gave a `failed`: the window shows it."""

    _arrived = Signal(object)
    _ended = Signal(object)

    def __init__(self, app: App, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._app = app
        self._lock = threading.Lock()
        self._is_open = True
        self._jobs: set[Job] = set()
        self.hub_was_asked = False
        """Until then nobody knows whether the Hub answers."""
        self._arrived.connect(self._on_event, Qt.ConnectionType.QueuedConnection)
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)
        self._unsubscribe = app.bus.subscribe(self._forward)

    def run(
        self,
        work: Coroutine[Any, Any, T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[BaseException], None] | None = None,
        *,
        owner: QObject | None = None,
    ) -> Job:
        """Run a coroutine on the core's loop.

        Args:
            work: the coroutine.
            done: gets its result, in the GUI thread.
            failed: gets the exception, in the GUI thread; without it the window shows the error.
            owner: when it dies, nobody is told any more. Bound methods of a QObject have it as owner by themselves;
                give it with lambdas.

        Returns:
            The job, to cancel it.
        """
        if not self._is_open:
            # The window closes: the core's loop may be gone already, and nobody would hear of the result.
            work.close()
            return Job.never()
        future = self._app.loop.spawn(work)
        job = Job(future, done, failed, owner)
        self._jobs.add(job)
        future.add_done_callback(lambda _future: self._send(self._ended, job))
        return job

    def in_thread(
        self,
        work: Callable[[], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[BaseException], None] | None = None,
        *,
        owner: QObject | None = None,
    ) -> Job:
        """As `run`, for a function that blocks (files, NVML, keyring)."""
        return self.run(asyncio.to_thread(work), done, failed, owner=owner)

    @property
    def is_busy(self) -> bool:
        """Something that was asked of the core has not come back yet."""
        return bool(self._jobs)

    def ask_hub(self) -> None:
        """Find out whether the Hub answers; `hub_status_changed` follows, and then `hub_was_asked` is true."""

        def tell(problem: str) -> None:
            self.hub_was_asked = True
            self.hub_status_changed.emit(problem)

        def failed(error: BaseException) -> None:
            if not isinstance(error, ServedeckError):
                self.unhandled.emit(error)
                return
            tell(self._app.hub.problem or error.message)

        self.run(self._app.hub.search("", page_size=1), lambda _page: tell(""), failed, owner=self)

    def close(self) -> None:
        """Forward nothing more and cancel what still runs."""
        with self._lock:
            self._is_open = False
        self._unsubscribe()
        for job in tuple(self._jobs):
            job.cancel()
        self._jobs.clear()

    def _forward(self, event: Event) -> None:
        self._send(self._arrived, event)

    def _send(self, signal: Any, value: object) -> None:
        """Emit from any thread, unless the bridge is closed: its C++ half may be gone by then."""
        with self._lock:
            if self._is_open:
                signal.emit(value)

    def _on_event(self, event: Event) -> None:
        if not self._is_open:
            return
        match event:
            case DeploymentChanged():
                self.deployment_changed.emit(event.deployment_id)
            case DeploymentRemoved():
                self.deployment_removed.emit(event.deployment_id)
            case InstallationsChanged():
                self.installations_changed.emit()
            case InstallChanged():
                self.install_changed.emit(event.job_id)
            case LibraryChanged():
                self.library_changed.emit()
            case HubStatusChanged():
                self.hub_status_changed.emit(event.problem)
            case SettingsChanged():
                self.settings_changed.emit()
            case DemoChanged():
                self.demo_changed.emit(event)
            case _:
                logger.error("no signal for %s", type(event).__name__)

    def _on_ended(self, job: Job) -> None:
        self._jobs.discard(job)
        if not job._is_wanted:
            return
        job.is_finished = True
        try:
            result = job._future.result()
        except (CancelledError, asyncio.CancelledError):
            return
        except Exception as error:
            if job._failed is not None:
                job._failed(error)
            else:
                self.unhandled.emit(error)
            return
        if job._done is not None:
            job._done(result)


def _receiver(callback: Callable[..., None] | None) -> QObject | None:
    """The QObject whose method this is, or None."""
    owner = getattr(callback, "__self__", None)
    return owner if isinstance(owner, QObject) else None

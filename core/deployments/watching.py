"""A supervisor for each run that goes on, and the logs of the runs that somebody looked at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.deployments.deployment import Deployment, Run
from core.deployments.launch_spec import RuntimeKind
from core.deployments.store import DeploymentStore
from core.deployments.supervisor import RunLog, Supervisor
from core.engines.catalog import Catalog
from core.errors import ServedeckError
from core.runtimes.runtime import Runtime

if TYPE_CHECKING:
    import httpx2

logger = logging.getLogger(__name__)

DISK_INTERVAL = 1.0
"""Seconds between looks for what another process (the command line, another window) changed."""


async def disk_changes(store: DeploymentStore) -> AsyncIterator[tuple[set[str], set[str]]]:
    """Look at the deployments folder for ever; gives the ids that are gone and those that are new or changed."""
    # Nothing at first, so that the first look tells all: something may have changed since they were read.
    before: dict[str, tuple[float, ...]] = {}
    while True:
        await asyncio.sleep(DISK_INTERVAL)
        try:
            marks = await asyncio.to_thread(store.marks)
        except OSError as error:
            logger.warning("can't look at the deployments folder: %s", error)
            continue
        gone = {each for each in set(before) - set(marks) if not store.exists(each)}
        yield gone, {each for each, mark in marks.items() if before.get(each) != mark}
        before = marks


class Watches:
    """Who is watched, and by which task. For the fleet; all of it on the core loop.

    Args:
        store: where the runs are.
        catalog: the engines.
        runtimes: by their kind.
        on_change: called with a deployment's id and the run's folder after a supervisor changed something.
    """

    def __init__(
        self,
        store: DeploymentStore,
        catalog: Catalog,
        runtimes: Mapping[RuntimeKind, Runtime],
        on_change: Callable[[str, Path], None],
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._runtimes = runtimes
        self._on_change = on_change
        self._logs: dict[tuple[str, int], RunLog] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._client: httpx2.AsyncClient | None = None

    def log(self, deployment_id: str, run: Run) -> RunLog:
        """The log of a run; the same one each time."""
        return self._logs.setdefault((deployment_id, run.number), RunLog(run.folder))

    def watch(self, deployment: Deployment) -> None:
        """Have a supervisor for its latest run, if it is active and has none."""
        task = self._tasks.get(deployment.id)
        if (task is not None and not task.done()) or deployment.run is None or not deployment.state.is_active:
            return
        self._tasks[deployment.id] = asyncio.create_task(self._supervise(deployment))

    async def wait(self, deployment_id: str, timeout: float) -> None:
        """Wait until its supervisor is done (the run has ended), so many seconds at most."""
        task = self._tasks.get(deployment_id)
        if task is not None:
            await asyncio.wait([task], timeout=timeout)

    async def look_once(self, deployment: Deployment) -> None:
        """Bring its latest run up to date without watching it."""
        await self._supervisor(deployment).tick(wait_for_probe=True)

    def drop(self, deployment_id: str) -> None:
        """Watch it no more."""
        task = self._tasks.pop(deployment_id, None)
        if task is not None:
            task.cancel()

    def forget(self, deployment_id: str) -> None:
        """It is gone: let go of its logs."""
        for key in [key for key in self._logs if key[0] == deployment_id]:
            del self._logs[key]

    async def close(self) -> None:
        """Stop watching; the runs go on."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _supervise(self, deployment: Deployment) -> None:
        try:
            await self._supervisor(deployment).watch()
        except ServedeckError as error:
            logger.error("watching %s failed: %s", deployment.name, error.line)

    def _supervisor(self, deployment: Deployment) -> Supervisor:
        run = deployment.run
        assert run is not None
        if self._client is None:
            import httpx2  # a tenth of a second at start-up, where nothing runs yet

            # Endpoints are plain http: no certificates need to be read.
            self._client = httpx2.AsyncClient(timeout=httpx2.Timeout(5.0, connect=2.0), trust_env=False, verify=False)
        return Supervisor(
            self._store,
            self._runtimes[deployment.spec.runtime],
            self._catalog.get(deployment.spec.engine),
            deployment.spec,
            run,
            self.log(deployment.id, run),
            self._client,
            self._store.secrets(deployment.id).get("api_key", ""),
            lambda: self._on_change(deployment.id, run.folder),
        )

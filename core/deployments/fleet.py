"""The fleet: all deployments of this machine, whoever started them, and what can be done with them."""

from __future__ import annotations

import asyncio
import logging
import secrets as random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.deployments.deployment import Deployment, Run, State, StateChange, StopReport
from core.deployments.launch_spec import LaunchSpec, RuntimeKind, clean_name
from core.deployments.launching import Launching
from core.deployments.starting import RunStarter, env_secrets, is_abandoned, ports_in_use, raise_first, secrets_to_keep
from core.deployments.store import DeploymentStore
from core.deployments.supervisor import report_text
from core.deployments.watching import Watches, disk_changes
from core.engines.catalog import Catalog
from core.engines.options import FieldProblem
from core.errors import InputError, LaunchError, NotFoundError, ServedeckError, StopIncompleteError
from core.events import Bus, DeploymentChanged, DeploymentRemoved
from core.hub.facts import ModelConfig
from core.logs.buffer import LogBuffer
from core.runtimes import ports
from core.runtimes.process import ProcessRuntime
from core.runtimes.runtime import Runtime
from core.settings import SettingsStore

logger = logging.getLogger(__name__)

STOP_MARGIN = 20.0


class Fleet:
    """Holds the deployments and changes them. Methods with `async` run on the core loop; the others from any thread."""

    def __init__(
        self, store: DeploymentStore, launching: Launching, catalog: Catalog, settings: SettingsStore, bus: Bus
    ) -> None:
        self._store, self._launching = store, launching
        self._starter = RunStarter(store, launching, catalog, settings)
        self._catalog = catalog
        self._settings = settings
        self._bus = bus
        self._runtimes: dict[RuntimeKind, Runtime] = {RuntimeKind.PROCESS: ProcessRuntime()}
        self._watches = Watches(store, catalog, self._runtimes, self._refresh_run)
        self._deployments: dict[str, Deployment] = {}  # replaced, never changed: other threads read it
        self._starting: dict[str, asyncio.Task[Deployment]] = {}
        self._reserved: dict[str, int] = {}
        self._disk_watch: asyncio.Task[None] | None = None
        self.before_stop: list[Callable[[Deployment], None]] = []
        """Called before a deployment is stopped: whoever holds a stream to it must close it (vLLM waits for them)."""

    # --- looking -------------------------------------------------------------------------------------------------

    def deployments(self) -> tuple[Deployment, ...]:
        """All of them, newest first."""
        return tuple(sorted(self._deployments.values(), key=lambda each: (-each.created, each.id)))

    def get(self, id_or_name: str) -> Deployment:
        """By id or by name.

        Raises:
            NotFoundError: there is none.
        """
        found = self._deployments.get(id_or_name) or next(
            (each for each in self._deployments.values() if each.name == id_or_name), None
        )
        if found is None:
            raise NotFoundError(
                f"There is no deployment {id_or_name!r}.", field="name", remedy="`servedeck ps` lists them."
            )
        return found

    def unique_name(self, base: str) -> str:
        """A name that no deployment has, made from `base`."""
        clean = clean_name(base)
        taken = {each.name for each in self._deployments.values()}
        if clean not in taken:
            return clean
        return next(f"{clean}-{n}" for n in range(2, len(taken) + 3) if f"{clean}-{n}" not in taken)

    def check(
        self, spec: LaunchSpec, config: ModelConfig | None = None, *, deployment_id: str = ""
    ) -> tuple[FieldProblem, ...]:
        """What stands in the way of launching it; `deployment_id` is the one that would be relaunched with it."""
        known = self._deployments.get(deployment_id)
        own_port = known.run.port if known is not None and known.run is not None and known.state.is_active else None
        problems = self._launching.check(spec, config, own_port=own_port)
        if any(each.name == spec.name and each.id != deployment_id for each in self._deployments.values()):
            taken = FieldProblem("name", f"There is a deployment {spec.name} already.", "Choose another name.")
            problems = (taken, *problems)
        return problems

    def preview(self, spec: LaunchSpec) -> str:
        """The exact command as a shell text; see `Launching.preview`."""
        return self._launching.preview(spec, self._ports_in_use())

    def log(self, deployment_id: str, number: int | None = None) -> LogBuffer:
        """The log of a run (the latest, unless numbered), filled from the first byte on while the program runs.

        Raises:
            NotFoundError: there is no such run.
        """
        deployment, run = self._find_run(deployment_id, number)
        return self._watches.log(deployment.id, run).buffer

    async def read_log(self, deployment_id: str, number: int | None = None) -> LogBuffer:
        """As `log`, with everything read that is on disk by now. For runs that have ended and for the command line."""
        deployment, run = self._find_run(deployment_id, number)
        log = self._watches.log(deployment.id, run)
        await log.pump_all(is_over=not run.state.is_active)
        return log.buffer

    def api_key(self, deployment_id: str) -> str:
        """The key that its endpoint asks for, empty if none."""
        return self._store.secrets(self.get(deployment_id).id).get("api_key", "")

    def generate_key(self) -> str:
        """A new random API key."""
        return f"sd-{random.token_urlsafe(24)}"

    def free_port(self) -> int:
        """A port that is free now."""
        return self._launching.free_port(taken=self._ports_in_use())

    def port_holder(self, port: int) -> str:
        """Who listens on it; empty if nobody is seen."""
        return ports.holder(port)

    # --- the life of the fleet -----------------------------------------------------------------------------------

    async def open(self, *, watch: bool = True) -> None:
        """Read all deployments and attend to those that run.

        Args:
            watch: keep watching until `close`; without it every active run is looked at once.
        """
        for deployment_id in await asyncio.to_thread(self._store.ids):
            await self._reload(deployment_id)
        active = [each for each in self._deployments.values() if each.state.is_active]
        for each in active:
            self._fail_if_abandoned(each)
        if watch:
            for each in active:
                self._watches.watch(each)
            self._disk_watch = asyncio.create_task(self._watch_disk())
        else:
            await asyncio.gather(*(self._watches.look_once(each) for each in active))

    async def close(self) -> None:
        """Stop watching; deployments go on."""
        if self._disk_watch is not None:
            self._disk_watch.cancel()
            await asyncio.gather(self._disk_watch, return_exceptions=True)
        await self._watches.close()

    # --- commands ------------------------------------------------------------------------------------------------

    async def create(
        self, spec: LaunchSpec, *, api_key: str = "", secret_env: dict[str, str] | None = None
    ) -> Deployment:
        """Save a new deployment without starting it.

        Raises:
            InputError: something in the spec stands in the way; the field is named.
        """
        problems = await asyncio.to_thread(self.check, spec)
        raise_first(problems)
        secrets = secrets_to_keep(spec, api_key, secret_env or {})
        new_id = await asyncio.to_thread(self._store.create, spec, secrets)
        return await self._reload(new_id)

    async def start(self, deployment_id: str) -> Deployment:
        """Begin a new run; returns when its engine has been started (not: is ready).

        Raises:
            LaunchError: it runs already, or could not be started.
            ServedeckError: anything else in the way; the run is then `failed` with the reason.
        """
        deployment = self.get(deployment_id)
        if deployment.id in self._starting:
            raise LaunchError(f"{deployment.name} is starting already.")
        task = asyncio.create_task(self._start(deployment.id))
        self._starting[deployment.id] = task
        try:
            return await task
        finally:
            self._starting.pop(deployment.id, None)
            self._reserved.pop(deployment.id, None)

    async def launch(
        self, spec: LaunchSpec, *, api_key: str = "", secret_env: dict[str, str] | None = None
    ) -> Deployment:
        """`create` and `start`."""
        deployment = await self.create(spec, api_key=api_key, secret_env=secret_env)
        return await self.start(deployment.id)

    async def restart(self, deployment_id: str) -> Deployment:
        """Stop it if it runs, and begin a new run of the same spec."""
        deployment = self.get(deployment_id)
        if deployment.state.is_active and deployment.run is not None:
            await self.stop(deployment.id)
        return await self.start(deployment.id)

    async def relaunch(
        self,
        deployment_id: str,
        spec: LaunchSpec,
        *,
        api_key: str | None = None,
        secret_env: dict[str, str] | None = None,
    ) -> Deployment:
        """Replace its spec and begin a new run; a run that goes on is stopped first.

        Args:
            deployment_id: which one.
            spec: the new spec.
            api_key: a new key; None keeps the present one.
            secret_env: values of secret variables that are new or change; the others keep theirs.
        """
        deployment = self.get(deployment_id)
        raise_first(await asyncio.to_thread(self.check, spec, deployment_id=deployment.id))
        kept = self._store.secrets(deployment.id)
        key = kept.get("api_key", "") if api_key is None else api_key
        env = {**env_secrets(kept), **(secret_env or {})}
        secrets = secrets_to_keep(spec, key, env)
        if deployment.state.is_active and deployment.run is not None:
            await self.stop(deployment.id)
        self._store.save_spec(deployment.id, spec)
        self._store.save_secrets(deployment.id, secrets)
        await self._reload(deployment.id)
        return await self.start(deployment.id)

    async def rename(self, deployment_id: str, name: str) -> Deployment:
        """Give it another name.

        Raises:
            InputError: the name is not allowed or taken.
        """
        deployment = self.get(deployment_id)
        if any(each.name == name and each.id != deployment.id for each in self._deployments.values()):
            raise InputError(f"There is a deployment {name} already.", field="name", remedy="Choose another name.")
        self._store.save_spec(deployment.id, deployment.spec.changed(name=name))
        return await self._reload(deployment.id)

    async def stop(self, deployment_id: str) -> StopReport:
        """End its run and make sure that nothing of it is left; the report says what was found.

        Raises:
            InputError: it does not run.
            StopIncompleteError: it did not come to an end.
        """
        deployment = self.get(deployment_id)
        run = deployment.run
        if run is None or not deployment.state.is_active:
            raise InputError(f"{deployment.name} does not run.", field="name")
        starting = self._starting.get(deployment.id)
        if starting is not None and deployment.state is State.PREPARING:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            deployment = await self._reload(deployment.id)
            if not deployment.state.is_active:
                return StopReport((), True)
        for close_streams in self.before_stop:
            close_streams(deployment)
        engine = self._catalog.get(deployment.spec.engine)
        was_ready = any(change.state is State.READY for change in run.history)
        steps = engine.stop_steps(is_ready=was_ready, grace=self._settings.current.stop_grace_seconds)
        self._store.append_state(run.folder, StateChange(State.STOPPING, time.time(), "a stop was asked for"))
        deployment = await self._reload(deployment.id)
        runtime = self._runtimes[deployment.spec.runtime]
        await asyncio.to_thread(runtime.request_stop, run.folder, steps)
        self._watches.watch(deployment)
        await self._watches.wait(deployment.id, timeout=sum(step.wait for step in steps) + STOP_MARGIN)
        ended = await self._reload(deployment.id)
        if ended.run is None or ended.run.stop is None or ended.state.is_active:
            left = await asyncio.to_thread(runtime.leftovers, run.folder)
            raise StopIncompleteError(
                f"{deployment.name} did not stop; still running: {', '.join(left) or 'unknown'}.",
                remedy="Try again, or end these processes yourself.",
            )
        return ended.run.stop

    async def remove(self, deployment_id: str) -> None:
        """Delete it with its logs; it is stopped first.

        Raises:
            StopIncompleteError: something of it still runs; nothing is deleted then.
        """
        deployment = self.get(deployment_id)
        if deployment.run is not None and deployment.state.is_active:
            report = await self.stop(deployment.id)
            if not report.is_clean:
                raise StopIncompleteError(f"{deployment.name} is not removed: {report_text(report)}.")
        self._watches.drop(deployment.id)
        await asyncio.to_thread(self._store.remove, deployment.id)
        self._forget(deployment.id)

    # --- inside --------------------------------------------------------------------------------------------------

    async def _start(self, deployment_id: str) -> Deployment:
        with self._store.locked(deployment_id):
            deployment = await self._reload(deployment_id)
            if deployment.problem:
                raise LaunchError(deployment.problem, remedy="Remove it and create it anew.")
            if deployment.run is not None and deployment.state.is_active:
                raise LaunchError(f"{deployment.name} runs already.", remedy="Stop it first, or restart it.")
            folder = await asyncio.to_thread(self._starter.new_run, deployment_id)
        await self._reload(deployment_id)
        try:
            await self._begin(deployment, folder)
        except ServedeckError as error:
            await self._end(deployment_id, folder, State.FAILED, error.line)
            raise
        except OSError as error:
            await self._end(deployment_id, folder, State.FAILED, str(error))
            raise LaunchError(f"{deployment.name} could not be started: {error}.") from error
        except asyncio.CancelledError:
            await self._end(deployment_id, folder, State.STOPPED, "stopped before the engine was started")
            raise
        started = await self._reload(deployment_id)
        self._watches.watch(started)
        return started

    async def _end(self, deployment_id: str, folder: Path, state: State, evidence: str) -> None:
        """A start that came to nothing; one whose engine runs already (a stop that came late) goes on."""
        known = self._store.load_run(folder)
        if known is None or known.state is not State.STARTING:
            self._store.append_state(folder, StateChange(state, time.time(), evidence))
        await self._reload(deployment_id)

    def _ports_in_use(self, *, but: str = "") -> set[int]:
        return ports_in_use(self._deployments.values(), dict(self._reserved), but=but)

    async def _begin(self, deployment: Deployment, folder: Path) -> None:
        """Decide and start; another deployment that starts meanwhile keeps off the port that was chosen."""
        prepared = await self._starter.prepare(deployment, self._ports_in_use(but=deployment.id))
        self._reserved[deployment.id] = prepared.port
        await self._starter.start(deployment, folder, prepared, self._runtimes[prepared.spec.runtime])

    def _refresh_run(self, deployment_id: str, folder: Path) -> None:
        """A supervisor changed something: show it."""
        known = self._deployments.get(deployment_id)
        run = self._store.load_run(folder)
        if known is None or run is None:
            return
        runs = tuple(run if each.number == run.number else each for each in known.runs)
        self._deployments = {**self._deployments, deployment_id: replace(known, runs=runs)}
        self._bus.publish(DeploymentChanged(deployment_id))

    def _find_run(self, deployment_id: str, number: int | None) -> tuple[Deployment, Run]:
        deployment = self.get(deployment_id)
        wanted = (each for each in reversed(deployment.runs) if number in (None, each.number))
        run = next(wanted, None)
        if run is None:
            raise NotFoundError(f"{deployment.name} has no run{'' if number is None else f' {number}'}.")
        return deployment, run

    async def _reload(self, deployment_id: str) -> Deployment:
        deployment = await asyncio.to_thread(self._store.load, deployment_id)
        self._deployments = {**self._deployments, deployment_id: deployment}
        self._bus.publish(DeploymentChanged(deployment_id))
        return deployment

    def _forget(self, deployment_id: str) -> None:
        self._deployments = {key: each for key, each in self._deployments.items() if key != deployment_id}
        self._watches.forget(deployment_id)
        self._bus.publish(DeploymentRemoved(deployment_id))

    def _fail_if_abandoned(self, deployment: Deployment) -> None:
        """Say so where the program that prepared its run died over it."""
        run = deployment.run
        if run is not None and is_abandoned(run):
            evidence = "Servedeck ended before the engine was started"
            self._store.append_state(run.folder, StateChange(State.FAILED, time.time(), evidence))
            self._refresh_run(deployment.id, run.folder)

    async def _watch_disk(self) -> None:
        """See what another process did: new, changed and removed deployments."""
        async for removed, changed in disk_changes(self._store):
            for each in removed & set(self._deployments):
                self._forget(each)
            for each in changed:
                await self._adopt_change(each)

    async def _adopt_change(self, deployment_id: str) -> None:
        try:
            deployment = await self._reload(deployment_id)
        except NotFoundError:
            return
        if deployment_id not in self._starting:
            self._fail_if_abandoned(deployment)
            self._watches.watch(self._deployments[deployment_id])

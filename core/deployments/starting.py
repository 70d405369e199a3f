"""The beginning of a run: everything decided, written down, and handed to the runtime."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from core.deployments.deployment import Deployment, Run, State, StateChange
from core.deployments.launch_spec import LaunchSpec
from core.deployments.launching import Launching, Prepared
from core.deployments.store import DeploymentStore, RunFacts
from core.engines.catalog import Catalog
from core.engines.engine import Secrets
from core.engines.options import FieldProblem
from core.errors import InputError, StoreError
from core.files import read_json, write_json
from core.runtimes.keeper import KEEPER_FILE
from core.runtimes.processes import Identity
from core.runtimes.runtime import Plan, Runtime
from core.settings import SettingsStore

PREPARING_FILE = "preparing.json"


class RunStarter:
    """Begins runs for the fleet."""

    def __init__(self, store: DeploymentStore, launching: Launching, catalog: Catalog, settings: SettingsStore) -> None:
        self._store = store
        self._launching = launching
        self._catalog = catalog
        self._settings = settings

    def new_run(self, deployment_id: str) -> Path:
        """The folder of a new run, which says who prepares it: if that program dies, nobody else would. Blocks."""
        _, folder = self._store.new_run(deployment_id, self._settings.current.keep_runs)
        own = Identity.of(os.getpid())
        write_json(folder / PREPARING_FILE, own.to_json() if own else {})
        evidence = "resolving the model, the installation and the port"
        self._store.append_state(folder, StateChange(State.PREPARING, time.time(), evidence))
        return folder

    async def prepare(self, deployment: Deployment, taken: Collection[int]) -> Prepared:
        """Decide what the run will be.

        Args:
            deployment: whose run begins.
            taken: ports that other deployments are about to use.

        Raises:
            ServedeckError: something stands in the way.
        """
        kept = self._store.secrets(deployment.id)
        secrets = Secrets(api_key=kept.get("api_key", ""), env=env_secrets(kept))
        return await self._launching.prepare(deployment.spec, secrets, taken)

    async def start(self, deployment: Deployment, folder: Path, prepared: Prepared, runtime: Runtime) -> None:
        """Write it down and start it.

        Raises:
            LaunchError: the runtime could not.
            asyncio.CancelledError: a stop was asked for meanwhile. If the runtime had begun already, the run is
                `starting` then and must be stopped like any other.
        """
        if prepared.spec != deployment.spec:
            self._store.save_spec(deployment.id, prepared.spec)
        self._store.save_run(folder, _facts(prepared))
        engine = self._catalog.get(prepared.spec.engine)
        stop = engine.stop_steps(is_ready=True, grace=self._settings.current.stop_grace_seconds)
        plan = Plan(f"{deployment.id}-{folder.name}", prepared.steps, prepared.env, stop)
        seen = self._store.load_run(folder)
        if seen is not None and seen.state is State.STOPPING:  # another process asked for it meanwhile
            raise asyncio.CancelledError
        begun = asyncio.ensure_future(asyncio.to_thread(runtime.start, folder, plan))
        is_cancelled = False
        while not begun.done():  # a thread can't be called back, however often one asks: what it starts must be known
            try:
                await asyncio.shield(begun)
            except asyncio.CancelledError:
                is_cancelled = True
        begun.result()
        evidence = f"its keeper runs: {prepared.steps[0].name}"
        self._store.append_state(folder, StateChange(State.STARTING, time.time(), evidence))
        if is_cancelled:
            raise asyncio.CancelledError


def _facts(prepared: Prepared) -> RunFacts:
    return RunFacts(
        argv=prepared.command.argv,
        env=prepared.command.env,
        secret_env=tuple(sorted(prepared.command.secret_env)),
        host=prepared.spec.host,
        port=prepared.port,
        started=time.time(),
        engine_version=prepared.installation.version,
        served_name=prepared.served_name,
        spec=prepared.spec.to_toml(),
    )


def ports_in_use(deployments: Iterable[Deployment], reserved: Mapping[str, int], *, but: str = "") -> set[int]:
    """Ports of what starts or runs: an engine may take a while to bind the one that it was given.

    Args:
        deployments: all of them.
        reserved: ports that were chosen a moment ago, by the deployment's id.
        but: id of a deployment whose own ports don't count.
    """
    active = (each for each in deployments if each.state.is_active and each.id != but)
    of_runs = {each.run.port for each in active if each.run is not None}
    return of_runs | {port for each, port in reserved.items() if each != but}


def is_abandoned(run: Run) -> bool:
    """Its preparation died with the program that did it: it never got an engine and never will."""
    if run.state is not State.PREPARING or (run.folder / KEEPER_FILE).exists():
        return False
    try:
        preparer = Identity.from_json(read_json(run.folder / PREPARING_FILE))
    except (FileNotFoundError, StoreError):
        return True
    return preparer is None or not preparer.is_alive


def raise_first(problems: tuple[FieldProblem, ...]) -> None:
    """The first problem that is more than a warning as an error; the details hold all of them.

    Raises:
        InputError: there is one.
    """
    serious = [each for each in problems if not each.is_warning]
    if serious:
        first = serious[0]
        details = "\n".join(f"{each.field}: {each.message} {each.remedy}" for each in problems)
        raise InputError(first.message, field=first.field, remedy=first.remedy, details=details)


def secrets_to_keep(spec: LaunchSpec, api_key: str, secret_env: dict[str, str]) -> dict[str, str]:
    """What goes into the deployment's secrets file: all that the spec names, and nothing else.

    Raises:
        InputError: a value is missing; the field is named.
    """
    if spec.api_key and not api_key:
        raise InputError("The API key is missing.", field="api_key", remedy="Type one, or have one generated.")
    missing = [name for name in spec.secret_env if not secret_env.get(name)]
    if missing:
        raise InputError(f"{missing[0]} has no value.", field=missing[0], remedy="Type its value, or remove it.")
    kept = {f"env:{name}": secret_env[name] for name in spec.secret_env}
    return {"api_key": api_key, **kept} if spec.api_key else kept


def env_secrets(kept: dict[str, str]) -> dict[str, str]:
    """The secret variables among a deployment's secrets."""
    return {name.removeprefix("env:"): value for name, value in kept.items() if name.startswith("env:")}

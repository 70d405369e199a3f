"""Installing engines into environments of our own: venv, pip, a first start; with progress, log, cancel and resume."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from core.engines import architectures, environments, install_errors, managed, option_tables, probing, requirements
from core.engines.catalog import Catalog
from core.engines.engine import Engine, Installation, InstallRecipe
from core.engines.installations import Installations
from core.engines.logged_command import LoggedCommand
from core.errors import InstallationError, NotFoundError, ServedeckError
from core.events import Bus, InstallChanged
from core.paths import Paths

logger = logging.getLogger(__name__)

MAKE, CHECK = "Make the environment", "First start"
_SPARE = 500_000_000
"""Bytes that should be left on the disk."""
_KEPT_LOGS = 5
_PIP_WITH_PROGRESS = (24, 1)
"""From this version on pip tells the bytes of a download to a program."""
_TICK = 0.25
"""Seconds between looks at the log."""


@dataclass(frozen=True, slots=True)
class InstallJob:
    """One installation under way or ended."""

    id: str
    engine: str
    state: Literal["running", "done", "failed", "cancelled"]
    step: str
    step_number: int
    """From 1."""
    steps: int
    detail: str
    """The last line of the log that says something."""
    log: Path
    started: float
    ended: float | None = None
    problem: str = ""
    """Why it failed, with what to do about it."""


class Installer:
    """Runs installations on the core loop, one for each engine at a time.

    Args:
        catalog: the engines and their recipes.
        installations: refreshed when one ends.
        paths: environments, logs and option tables.
        bus: told of every step.
        has_nvidia: whether an NVIDIA driver is here; looked for by default.
    """

    def __init__(
        self,
        catalog: Catalog,
        installations: Installations,
        paths: Paths,
        bus: Bus,
        *,
        has_nvidia: Callable[[], bool] = requirements.has_nvidia,
    ) -> None:
        self._catalog = catalog
        self._installations = installations
        self._paths = paths
        self._bus = bus
        self._has_nvidia = has_nvidia
        self._jobs: dict[str, InstallJob] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def jobs(self) -> tuple[InstallJob, ...]:
        """All of this session, oldest first."""
        return tuple(self._jobs.values())

    def job(self, job_id: str) -> InstallJob:
        """One job as it is now.

        Raises:
            NotFoundError: there is none.
        """
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NotFoundError(f"There is no installation job {job_id!r}.") from None

    async def start(self, engine_id: str) -> InstallJob:
        """Begin installing, or continue what was broken off; the running job if there is one already.

        Raises:
            NotFoundError: there is no such engine.
            InstallationError: it can't be installed this way, the disk has not enough room, the environment is in use,
                or another Servedeck is at work in it.
        """
        engine = self._catalog.get(engine_id)
        for job in self._jobs.values():
            if job.engine == engine_id and job.state == "running":
                return job
        recipe = engine.recipe(has_nvidia=self._has_nvidia())
        if recipe is None:
            raise InstallationError(
                f"{engine.title} can't be installed into an environment.", remedy="It needs a container engine."
            )
        folder = self._paths.environments / engine.id
        # The job is there before the first pause, so that a second start meanwhile finds it.
        number = len(recipe.steps) + 2
        log = self._paths.logs / f"install-{engine.id}-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}.log"
        job = InstallJob(uuid.uuid4().hex[:12], engine.id, "running", MAKE, 1, number, "", log, time.time())
        self._jobs[job.id] = job
        try:
            await asyncio.to_thread(self._prepare, engine, recipe, folder)
            work = _Work(engine, recipe, folder, log, lambda **changes: self._change(job.id, **changes), self._paths)
        except BaseException:
            del self._jobs[job.id]
            raise
        self._tasks[job.id] = asyncio.create_task(self._run(job.id, work), name=f"install {engine.id}")
        self._bus.publish(InstallChanged(job.id))
        return self._jobs[job.id]

    async def cancel(self, job_id: str) -> None:
        """End a running job; returns when nothing of it runs any more. What was downloaded stays.

        Raises:
            NotFoundError: there is none.
        """
        self.job(job_id)
        task = self._tasks.get(job_id)
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    async def wait(self, job_id: str) -> InstallJob:
        """Wait for its end.

        Raises:
            NotFoundError: there is none.
        """
        self.job(job_id)
        task = self._tasks.get(job_id)
        if task is not None:
            await asyncio.wait([task])
        return self.job(job_id)

    async def close(self) -> None:
        """Cancel what runs: an installation can be continued later, half of one can't go on without us."""
        for job in self.jobs():
            if job.state == "running":
                await self.cancel(job.id)

    def _prepare(self, engine: Engine, recipe: InstallRecipe, folder: Path) -> None:
        users = managed.users(folder)
        if users:
            raise InstallationError(
                f"{engine.title} in {folder} is in use by {', '.join(users[:3])}.",
                remedy="Stop the deployments that use it, then install again.",
            )
        managed.begin(folder)
        there = environments.disk_use(folder)
        free = shutil.disk_usage(folder).free
        wanted = max(0, recipe.size_estimate - there) + _SPARE
        if free < wanted:
            managed.release(folder)
            raise InstallationError(
                f"{engine.title} needs about {wanted / 1e9:.1f} GB, and {folder.parent} has {free / 1e9:.1f} GB free.",
                remedy="Free space, then install again.",
            )
        _drop_old_logs(self._paths.logs, engine.id)

    async def _run(self, job_id: str, work: _Work) -> None:
        watch = asyncio.create_task(self._watch(job_id, work))
        state, problem = "failed", ""
        try:
            await work.run()
            state = "done"
        except asyncio.CancelledError:
            state = "cancelled"
            await work.end_probe()
        except ServedeckError as error:
            problem = error.line
        except OSError as error:
            problem = install_errors.explain(f"{error.strerror or error} (Errno {error.errno})", 1)
        except Exception as error:
            logger.exception("installing %s failed in a way nobody thought of", work.engine.id)
            problem = f"{type(error).__name__}: {error}. The program's own log has more."
        finally:
            watch.cancel()
            work.close(f"{state}{f': {problem}' if problem else ''}")
        self._change(job_id, state=state, problem=problem, ended=time.time())
        await self._installations.refresh()

    async def _watch(self, job_id: str, work: _Work) -> None:
        while True:
            await asyncio.sleep(_TICK)
            detail = work.command.detail()
            if detail != self._jobs[job_id].detail:
                self._change(job_id, detail=detail)

    def _change(self, job_id: str, **changes: Any) -> None:
        self._jobs[job_id] = replace(self._jobs[job_id], **changes)
        self._bus.publish(InstallChanged(job_id))


class _Work:
    """The steps of one installation."""

    def __init__(
        self,
        engine: Engine,
        recipe: InstallRecipe,
        folder: Path,
        log: Path,
        change: Callable[..., None],
        paths: Paths,
    ) -> None:
        self.engine = engine
        self._recipe = recipe
        self._folder = folder
        self._change = change
        self._paths = paths
        self._python = folder / "bin" / "python"
        env = probing.environment(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PIP_REQUIRE_VIRTUALENV="0")
        self.command = LoggedCommand(log, env, lambda pid: managed.note(folder, pid))
        self.command.write(f"Installing {engine.title} into {folder}, {time.strftime('%Y-%m-%d %H:%M:%S')}")

    async def run(self) -> None:
        """All steps.

        Raises:
            InstallationError: one failed.
        """
        await self._make_environment()
        resolver = requirements.Resolver(self._folder, self.command)
        for number, (title, arguments) in enumerate(self._recipe.steps, start=2):
            self._change(step=title, step_number=number, detail="")
            resolved = [part for each in arguments for part in await resolver.resolve(each)]
            await self._pip(*resolved)
        self._change(step=CHECK, step_number=len(self._recipe.steps) + 2, detail="")
        await self._first_start()

    async def _make_environment(self) -> None:
        base = getattr(sys, "_base_executable", "") or sys.executable
        if not (self._folder / "bin" / "pip").exists() or not self._python.exists():
            await self._checked(base, "-m", "venv", str(self._folder))
        if self._pip_version() < _PIP_WITH_PROGRESS:
            # Only for the progress: where it fails, the next step fails too and says why, or the old pip does it all.
            await self.command.run(str(self._python), "-m", "pip", "install", "--quiet", "--upgrade", "pip")

    def _site_packages(self) -> Path | None:
        return next(iter(sorted(self._folder.glob("lib/python3*/site-packages"))), None)

    def _pip_version(self) -> tuple[int, ...]:
        folder = self._site_packages()
        text = architectures.version_of(folder, "pip") if folder is not None else ""
        return tuple(int(each) for each in text.split(".")[:2] if each.isdigit())

    async def _pip(self, *arguments: str) -> None:
        first, *others = arguments
        options: tuple[str, ...] = ("--no-compile", "--prefer-binary") if first == "install" else ()
        if options and self._pip_version() >= _PIP_WITH_PROGRESS:
            options += ("--progress-bar", "raw")
        await self._checked(str(self._python), "-m", "pip", first, *options, *others)

    async def _checked(self, *argv: str) -> None:
        code = await self.command.run(*argv)
        if code != 0:
            output = await asyncio.to_thread(self.command.output)
            raise InstallationError(install_errors.explain(output, code), details=output[-20_000:])

    async def _first_start(self) -> None:
        """Start it once: that shows that it works, and gives its options."""
        site_packages = self._site_packages()
        version = architectures.version_of(site_packages, self.engine.distribution) if site_packages else ""
        if site_packages is None or not version:
            raise InstallationError(f"pip ended without an error, but {self.engine.distribution} is not there.")
        self.command.write(f"Asking {self.engine.title} {version} for its options")
        executable = self._folder / "bin" / self.engine.executable
        target = environments.target(version, site_packages)
        made = Installation(
            f"managed:{self.engine.id}",
            self.engine.id,
            "managed",
            executable,
            self._python,
            version,
            target,
            site_packages,
        )
        table = await asyncio.to_thread(self.engine.read_options, made)
        await asyncio.to_thread(option_tables.keep, self._paths, table)
        facts = {"engine": self.engine.id, "version": version, "target": target, "steps": list(self._recipe.steps)}
        await asyncio.to_thread(managed.finish, self._folder, facts)

    async def end_probe(self) -> None:
        """End the engine's own description of itself, if that is what was cancelled."""
        await asyncio.to_thread(_end_children_of, self._python)

    def close(self, outcome: str) -> None:
        """Write the outcome down."""
        try:
            self.command.write(f"[servedeck] {outcome}")
            managed.release(self._folder)
        except (OSError, ServedeckError) as error:
            logger.warning("the end of an installation can't be written down: %s", error)


def _end_children_of(python: Path) -> None:
    """End our own children that run that Python: probes, each in a group of its own."""
    for child in psutil.Process().children():
        try:
            if child.cmdline()[:1] == [str(python)]:
                os.killpg(child.pid, 9)
                child.wait(timeout=5)
        except (psutil.Error, OSError):
            continue


def _drop_old_logs(folder: Path, engine_id: str) -> None:
    """Keep the last few."""
    for path in sorted(folder.glob(f"install-{engine_id}-*.log"))[:-_KEPT_LOGS]:
        path.unlink(missing_ok=True)

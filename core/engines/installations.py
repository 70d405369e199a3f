"""The installations on this machine: found, added, made by us; each read without running it."""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from packaging.version import InvalidVersion, Version

from core.engines import architectures, environments, managed
from core.engines.catalog import Catalog
from core.engines.engine import Engine, Installation
from core.errors import InputError, InstallationError, NotFoundError, StoreError
from core.events import Bus, InstallationsChanged
from core.files import read_json, write_json
from core.paths import Paths

logger = logging.getLogger(__name__)

Kind = Literal["managed", "path", "environment", "added"]


class Installations:
    """Finds installations and keeps those that the user added.

    Args:
        catalog: the engines.
        paths: where managed environments and the list of added ones lie.
        bus: told when the set changed.
    """

    def __init__(self, catalog: Catalog, paths: Paths, bus: Bus) -> None:
        self._catalog = catalog
        self._paths = paths
        self._bus = bus
        self._all: tuple[Installation, ...] = ()
        self._turn = asyncio.Lock()
        self.scanned = False
        """They were looked for at least once."""
        self.problem = ""
        """Why the list of added ones can't be read; empty if it can."""

    def all(self) -> tuple[Installation, ...]:
        """All that were found, as of the last refresh: by engine, usable and newest first."""
        return self._all

    def of(self, engine_id: str) -> tuple[Installation, ...]:
        """Those of one engine."""
        return tuple(each for each in self._all if each.engine == engine_id)

    def choose(self, engine_id: str, installation_id: str | None = None) -> Installation:
        """The one to launch: that of the id, else the newest usable one.

        Raises:
            NotFoundError: there is no such engine.
            InstallationError: it isn't there, can't be used, or there is none.
        """
        engine = self._catalog.get(engine_id)
        found = self.of(engine_id)
        if installation_id is None:
            usable = [each for each in found if each.is_usable]
            if usable:
                return usable[0]
            raise self._none_usable(engine, found)
        for each in found:
            if each.id == installation_id:
                if each.problem:
                    raise InstallationError(each.problem, field="installation", remedy="Choose another installation.")
                return each
        raise InstallationError(
            f"The installation {installation_id} of {engine.title} isn't there any more.",
            field="installation",
            remedy="Choose another installation, or let the newest be taken.",
        )

    @staticmethod
    def _none_usable(engine: Engine, found: tuple[Installation, ...]) -> InstallationError:
        if not engine.executable:
            return InstallationError(
                f"{engine.title} needs a container engine, which this version of Servedeck can't use yet.",
                field="engine",
                remedy="Serve the model with vLLM or Transformers.",
            )
        if found:
            return InstallationError(
                f"No installation of {engine.title} can be used: {found[0].problem}",
                field="installation",
                remedy=f"Install it again: servedeck engines install {engine.id}.",
            )
        return InstallationError(
            f"{engine.title} is not installed.",
            field="installation",
            remedy=f"Install it on the Engines page, or with: servedeck engines install {engine.id}.",
        )

    async def refresh(self) -> tuple[Installation, ...]:
        """Look again. Disk use is added when it is known; the bus is told of every change."""
        async with self._turn:
            self._publish(await asyncio.to_thread(self._scan))
            self._publish(await asyncio.to_thread(self._measured, self._all))
            return self._all

    def _publish(self, found: tuple[Installation, ...]) -> None:
        changed = found != self._all or not self.scanned
        self._all, self.scanned = found, True
        if changed:
            self._bus.publish(InstallationsChanged())

    async def add(self, engine_id: str, path: str) -> Installation:
        """Take up an installation that the user names.

        Args:
            engine_id: of which engine.
            path: its executable, or the folder of its environment.

        Raises:
            NotFoundError: there is no such engine.
            InputError: there is nothing usable; the field is `path`.
            StoreError: the list can't be read or written.
        """
        engine = self._catalog.get(engine_id)
        if not engine.executable:
            raise InputError(
                f"{engine.title} can't be added by a path.", field="engine", remedy="It needs a container."
            )
        executable = await asyncio.to_thread(_executable, engine, path)
        made = await asyncio.to_thread(self._describe, engine, executable, "added")
        if made.problem:
            raise InputError(made.problem, field="path", remedy="Choose another environment, or mend this one.")
        async with self._turn:
            entries = await asyncio.to_thread(self._read_added)
            if not any(entry == {"engine": engine_id, "path": str(executable)} for entry in entries):
                entries.append({"engine": engine_id, "path": str(executable)})
                await asyncio.to_thread(write_json, self._paths.installations_file, entries)
        await self.refresh()
        real = executable.resolve()
        return next(each for each in self.of(engine_id) if each.executable.resolve() == real)

    async def remove(self, installation_id: str) -> None:
        """Delete a managed environment, or forget an added one. Whether something still runs from it, the caller asks.

        Raises:
            NotFoundError: there is none of that id.
            InstallationError: it was found by itself, so there is nothing to forget; or it can't be deleted.
        """
        found = next((each for each in self._all if each.id == installation_id), None)
        if found is None:
            known = ", ".join(each.id for each in self._all) or "none"
            raise NotFoundError(f"There is no installation {installation_id!r}.", remedy=f"There are: {known}.")
        if found.kind == "managed":
            await asyncio.to_thread(managed.delete, self._paths.environments / found.engine)
        elif found.kind == "added":
            async with self._turn:
                entries = await asyncio.to_thread(self._read_added)
                kept = [each for each in entries if Path(each["path"]).resolve() != found.executable.resolve()]
                await asyncio.to_thread(write_json, self._paths.installations_file, kept)
        else:
            raise InstallationError(
                f"{found.executable} was found on this machine; Servedeck didn't make it and doesn't delete it.",
                remedy="Uninstall it with what installed it.",
            )
        await self.refresh()

    def _scan(self) -> tuple[Installation, ...]:
        """Everything that is there; one environment is shown once, by the kind that says most."""
        found: list[Installation] = []
        try:
            added = self._read_added()
            self.problem = ""
        except StoreError as error:
            if error.line != self.problem:
                logger.error("the added installations can't be read: %s", error.line)
            added, self.problem = [], error.line
        for engine in self._catalog.all():
            if not engine.executable:
                continue
            mine = self._managed(engine)
            candidates: list[tuple[Path, Kind]] = [
                (Path(each["path"]), "added") for each in added if each["engine"] == engine.id
            ]
            candidates += [(each, "path") for each in environments.commands_on_path(engine.executable)]
            for folder in environments.known_folders():
                command = environments.command_in(folder, engine.executable)
                if command is not None:
                    candidates.append((command, "environment"))
            seen = {each.executable.resolve() for each in mine}
            for executable, kind in candidates:
                if executable.resolve() in seen:
                    continue
                seen.add(executable.resolve())
                mine.append(self._describe(engine, executable, kind))
            found += sorted(mine, key=_rank, reverse=True)
        for each in found:
            if each.is_usable and each.site_packages is not None:
                # So that the first question who can serve a model is answered at once.
                architectures.transformers_tables(each.site_packages)
                if each.engine == "vllm":
                    architectures.vllm_tables(each.site_packages)
        return tuple(found)

    def _managed(self, engine: Engine) -> list[Installation]:
        folder = self._paths.environments / engine.id
        if not folder.is_dir() or not managed.is_begun(folder):
            return []
        executable = folder / "bin" / engine.executable
        if not managed.is_complete(folder):
            problem = "Its installation was not finished. Install it again: what is there already is kept."
            return [
                Installation(
                    f"managed:{engine.id}", engine.id, "managed", executable, None, "", "unknown", None, None, problem
                )
            ]
        return [replace(self._describe(engine, executable, "managed"), id=f"managed:{engine.id}")]

    def _measured(self, found: tuple[Installation, ...]) -> tuple[Installation, ...]:
        return tuple(
            replace(each, size=environments.disk_use(self._paths.environments / each.engine))
            if each.kind == "managed"
            else each
            for each in found
        )

    def _describe(self, engine: Engine, executable: Path, kind: Kind) -> Installation:
        made = Installation(f"path:{executable}", engine.id, kind, executable, None, "", "unknown")
        if not executable.is_file():
            return replace(made, problem=f"{executable} is gone. Remove it from the list, or install it again.")
        environment = environments.describe(executable.resolve(), engine.distribution)
        site_packages = environment.site_packages
        version = architectures.version_of(site_packages, engine.distribution) if site_packages else ""
        made = replace(
            made,
            python=environment.python,
            version=version,
            target=environments.target(version, site_packages),
            site_packages=site_packages,
            problem=environment.problem,
        )
        if made.problem or environment.python is None:
            return made
        if site_packages is None:
            return replace(made, problem=f"{engine.title} is not installed in the environment of {executable}.")
        missing = [each for each in engine.needs if not architectures.version_of(site_packages, each)]
        if missing:
            return replace(
                made, problem=f"Its environment lacks {' and '.join(missing)}, without which it can't serve."
            )
        return replace(made, problem=_too_old(engine, made))

    def _read_added(self) -> list[dict[str, str]]:
        """Raises StoreError where the file is there, but is not what we wrote."""
        path = self._paths.installations_file
        try:
            entries: Any = read_json(path)
        except FileNotFoundError:
            return []
        keys = {"engine", "path"}
        if not isinstance(entries, list) or not all(isinstance(each, dict) and keys <= each.keys() for each in entries):
            raise StoreError(
                f"{path} is no list of installations.",
                field=str(path),
                remedy="Mend it, or move it away to start afresh.",
            )
        return [{"engine": str(each["engine"]), "path": str(each["path"])} for each in entries]


def _rank(installation: Installation) -> tuple[bool, Version, bool]:
    return installation.is_usable, _version(installation.version), installation.kind == "managed"


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


def _too_old(engine: Engine, installation: Installation) -> str:
    """Why an old version can't be driven; empty if it can."""
    site_packages = installation.site_packages
    if engine.id == "transformers" and site_packages is not None:
        serving = site_packages / "transformers" / "cli" / "serving"
        if not serving.is_dir():
            return f"Transformers {installation.version} has another serve command, or none. Install 5.19 or newer."
    return ""


def _executable(engine: Engine, path: str) -> Path:
    """The command that the user means.

    Raises:
        InputError: there is none; the field is `path`.
    """
    given = Path(path.strip()).expanduser().absolute()
    try:
        if given.is_dir():
            found = environments.command_in(given, engine.executable) or environments.command_in(
                given.parent, engine.executable if given.name == "bin" else ""
            )
            if found is None:
                raise InputError(
                    f"There is no {engine.executable} in {given / 'bin'}.",
                    field="path",
                    remedy=f"Choose an environment in which {engine.title} is installed.",
                )
            return found
        if not given.is_file():
            raise InputError(
                f"There is no file {given}.", field="path", remedy="Choose the executable or its environment."
            )
    except OSError as error:
        raise InputError(f"{given} can't be read: {error.strerror or error}.", field="path") from error
    if shutil.which(str(given)) is None:
        raise InputError(f"{given} can't be run.", field="path", remedy="Choose the executable, or make it executable.")
    if given.name.startswith("python"):
        sibling = environments.command_in(given.parent.parent, engine.executable)
        if sibling is None:
            raise InputError(
                f"There is no {engine.executable} beside {given}.", field="path", remedy="Install it there."
            )
        return sibling
    return given

"""The option tables of installed versions: asked once for each version, kept on disk."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

from pydantic import ValidationError

from core.engines import probing
from core.engines.catalog import Catalog
from core.engines.engine import Engine, Installation
from core.engines.options import OptionTable
from core.errors import ServedeckError
from core.files import write_text
from core.paths import Paths

logger = logging.getLogger(__name__)


class OptionTables:
    """Gives the best table at once, and asks installations for theirs.

    Args:
        catalog: the engines.
        paths: where read tables are kept.
    """

    def __init__(self, catalog: Catalog, paths: Paths) -> None:
        self._catalog = catalog
        self._paths = paths
        self._read: dict[tuple[str, str], OptionTable] = {}
        self._reading: dict[tuple[str, str], asyncio.Task[OptionTable]] = {}

    def table(self, engine_id: str, installation: Installation | None) -> OptionTable:
        """The table of the installation's version if it was read before, else the one that comes with Servedeck.

        Raises:
            NotFoundError: there is no such engine.
        """
        engine = self._catalog.get(engine_id)
        if installation is None or not installation.version:
            return engine.shipped_options()
        return self._kept(engine_id, installation.version) or engine.shipped_options()

    async def read(self, engine_id: str, installation: Installation) -> OptionTable:
        """Ask the installation, once for each version; the answer is kept.

        Raises:
            NotFoundError: there is no such engine.
            InstallationError: it doesn't answer.
            StoreError: the answer can't be kept.
        """
        engine = self._catalog.get(engine_id)
        key = (engine_id, installation.version)
        kept = await asyncio.to_thread(self._kept, *key) if installation.version else None
        if kept is not None:
            return kept
        task = self._reading.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(engine, installation))
            self._reading[key] = task
            task.add_done_callback(lambda ended: self._on_read(key, ended))
        return await asyncio.shield(task)

    async def _ask(self, engine: Engine, installation: Installation) -> OptionTable:
        """Goes on when whoever wanted it doesn't any more: the next one finds the answer kept."""
        table = await asyncio.to_thread(engine.read_options, installation)
        self._read[(engine.id, installation.version)] = table
        if installation.version:
            await asyncio.to_thread(keep, self._paths, table, installation.version)
        return table

    def close(self) -> None:
        """Ask nobody any more; what is being asked is ended."""
        probing.end_all()

    def _on_read(self, key: tuple[str, str], task: asyncio.Task[OptionTable]) -> None:
        del self._reading[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            # Who still waits gets it; nobody may be left.
            logger.info("the options of %s %s can't be read: %s", *key, error)

    def _kept(self, engine_id: str, version: str) -> OptionTable | None:
        key = (engine_id, version)
        if key not in self._read:
            table = load(self._paths, engine_id, version)
            if table is None:
                return None
            self._read[key] = table
        return self._read[key]


def keep(paths: Paths, table: OptionTable, version: str = "") -> None:
    """Keep a table under its version.

    Args:
        paths: where.
        table: what.
        version: of the installation, where that is not quite what the engine calls itself.

    Raises:
        StoreError: it can't be written.
    """
    write_text(_file(paths, table.engine, version or table.version), table.dump())


def load(paths: Paths, engine_id: str, version: str) -> OptionTable | None:
    """The kept table; None if there is none, or it can't be read (it is asked for anew then)."""
    path = _file(paths, engine_id, version)
    try:
        table = OptionTable.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, ServedeckError) as error:
        logger.info("%s can't be read and will be made anew: %s", path, error)
        return None
    return table if table.engine == engine_id else None


def _file(paths: Paths, engine_id: str, version: str) -> Path:
    return paths.options / f"{engine_id}-{re.sub(r'[^A-Za-z0-9.+_-]', '_', version)}.json"

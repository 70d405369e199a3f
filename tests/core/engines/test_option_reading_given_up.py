"""Nobody waits any more for the options of an installation that is being asked."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from core.engines.catalog import Catalog
from core.engines.installations import Installations
from core.engines.option_tables import OptionTables
from core.errors import InstallationError
from core.events import Bus
from core.paths import Paths
from tests.servers.environments import make_environment


async def test_a_failure_that_nobody_waits_for_is_no_fault_of_ours(home: Path, tmp_path: Path) -> None:
    """The autouse fixture fails the test if asyncio logs 'exception was never retrieved'."""
    paths = Paths.under(home)
    paths.prepare()
    installations = Installations(Catalog(), paths, Bus())
    installation = await installations.add("vllm", str(make_environment(tmp_path / "env", "vllm")))
    tables = OptionTables(Catalog(), paths)
    given_up = asyncio.create_task(tables.read("vllm", installation))
    while not tables._reading:
        await asyncio.sleep(0)
    (asked,) = tables._reading.values()
    given_up.cancel()
    await asyncio.wait([given_up, asked])
    assert asked.done()
    del asked
    gc.collect()
    with pytest.raises(InstallationError):
        await tables.read("vllm", installation)

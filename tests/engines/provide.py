"""Makes the real engines and the real model present: `python tests/engines/provide.py FOLDER`.

By Servedeck's own installer: FOLDER holds the managed environments `vllm` and `transformers`, and `models`. What is
there already is kept, so a second run takes a second.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.engines import managed
from core.engines.catalog import Catalog
from core.engines.demo_model import provide_model
from core.engines.installations import Installations
from core.engines.installer import Installer
from core.errors import ServedeckError
from core.events import Bus
from core.paths import Paths


class FolderPaths(Paths):
    """Everything right under one folder."""

    @property
    def environments(self) -> Path:
        return self.data

    @property
    def models(self) -> Path:
        return self.data / "models"


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


async def install(installer: Installer, catalog: Catalog, paths: Paths, engine: str) -> None:
    """One engine, unless what this version's recipe makes is there."""
    recipe = catalog.get(engine).recipe(has_nvidia=False)
    assert recipe is not None
    steps = json.loads(json.dumps(recipe.steps))
    folder = paths.environments / engine
    if managed.is_complete(folder) and json.loads((folder / managed.COMPLETE).read_text())["steps"] == steps:
        say(f"{engine} is there")
        return
    begun = time.monotonic()
    job = await installer.start(engine)
    told = ""
    while job.state == "running":
        if job.step != told:
            told = job.step
            say(f"{engine}: {job.step} ({job.step_number} of {job.steps})")
        await asyncio.sleep(0.2)
        job = installer.job(job.id)
    if job.state != "done":
        raise SystemExit(f"{engine} {job.state}: {job.problem}\n{job.log.read_text()[-4000:]}")
    say(f"{engine} is installed after {time.monotonic() - begun:.0f} s")


async def main(folder: Path) -> None:
    paths = FolderPaths(folder, folder / "config", folder / "logs")
    paths.prepare()
    catalog, bus = Catalog(), Bus()
    installations = Installations(catalog, paths, bus)
    # Tests run on the CPU, also where there is a GPU.
    installer = Installer(catalog, installations, paths, bus, has_nvidia=lambda: False)
    for engine in ("transformers", "vllm"):
        await install(installer, catalog, paths, engine)
    await installations.refresh()
    say(f"the model is {await provide_model(paths, installations, say)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("Usage: python tests/engines/provide.py FOLDER")
    try:
        asyncio.run(main(Path(sys.argv[1]).absolute()))
    except ServedeckError as error:
        raise SystemExit(error.line) from error

"""The composition root: builds the parts, owns their start and their end. Front ends know this class and events."""

from __future__ import annotations

import logging
import os
from types import TracebackType
from typing import Self

from core.chat.client import ChatClient
from core.demo import Demo
from core.deployments.fleet import Fleet
from core.deployments.launching import Launching
from core.deployments.store import DeploymentStore
from core.engines.catalog import Catalog
from core.engines.installations import Installations
from core.engines.installer import Installer
from core.engines.option_tables import OptionTables
from core.events import Bus
from core.hub.hub import Hub
from core.hub.library import Library
from core.loop import CoreLoop
from core.paths import Paths
from core.secrets import SecretStore
from core.settings import SettingsStore
from core.telemetry.gpus import GpuInventory
from core.telemetry.host import Host

logger = logging.getLogger(__name__)
DEFAULT_HUB = "https://huggingface.co"


class App:
    """All parts of Servedeck. Use as a context manager; the deployments themselves outlive it.

    Args:
        paths: where everything is kept.
        hub_endpoint: the Hub's address; by default `HF_ENDPOINT`, else huggingface.co.
        watch: attend to running deployments as long as the app is open; without it they are looked at once.

    Raises:
        StoreError: a folder or the settings can't be read or written.
    """

    def __init__(self, paths: Paths, *, hub_endpoint: str = "", watch: bool = True) -> None:
        paths.prepare()
        self.paths = paths
        self.bus = Bus()
        self.settings = SettingsStore(paths.settings_file, self.bus)
        self.loop = CoreLoop()  # after what may refuse: an event loop that never runs must be closed, too
        self.secrets = SecretStore()
        endpoint = hub_endpoint or os.environ.get("HF_ENDPOINT", "").strip() or DEFAULT_HUB
        self.hub = Hub(endpoint.rstrip("/"), self.secrets, self.bus)
        self.library = Library(paths, self.bus)
        self.engines = Catalog()
        self.installations = Installations(self.engines, paths, self.bus)
        self.options = OptionTables(self.engines, paths)
        self.installer = Installer(self.engines, self.installations, paths, self.bus)
        launching = Launching(self.engines, self.installations, self.options, self.hub, self.settings)
        self.fleet = Fleet(DeploymentStore(paths.deployments), launching, self.engines, self.settings, self.bus)
        self.chat = ChatClient(self.loop)
        self.fleet.before_stop.append(
            lambda deployment: self.chat.cancel_all(deployment.run.base_url if deployment.run else "")
        )
        self.host = Host(paths.data)
        self.gpus = GpuInventory()
        self.demo = Demo(self)
        self._watch = watch

    def __enter__(self) -> Self:
        self.loop.__enter__()
        self.loop.spawn(self.fleet.open(watch=self._watch)).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.loop.spawn(self._close()).result()
        finally:
            self.loop.__exit__(kind, error, trace)

    async def _close(self) -> None:
        self.options.close()
        await self.installer.close()
        await self.fleet.close()
        await self.hub.close()
        await self.chat.close()

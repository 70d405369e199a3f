"""Where Servedeck keeps its files. `SERVEDECK_HOME`, when set, holds all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from core.errors import StoreError

HOME_VARIABLE = "SERVEDECK_HOME"


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders, all absolute. `data` survives updates; `logs` holds our own log, not the engines'."""

    data: Path
    config: Path
    logs: Path

    @classmethod
    def from_environment(cls) -> Paths:
        """Folders under `SERVEDECK_HOME` when it is set, else the platform's own places."""
        home = os.environ.get(HOME_VARIABLE, "").strip()
        if home:
            return cls.under(Path(home).expanduser().absolute())
        return cls(
            data=Path(platformdirs.user_data_path("servedeck", appauthor=False)),
            config=Path(platformdirs.user_config_path("servedeck", appauthor=False)),
            logs=Path(platformdirs.user_log_path("servedeck", appauthor=False)),
        )

    @classmethod
    def under(cls, home: Path) -> Paths:
        """All folders under one."""
        return cls(data=home / "data", config=home / "config", logs=home / "logs")

    @property
    def settings_file(self) -> Path:
        """Settings, TOML."""
        return self.config / "settings.toml"

    @property
    def deployments(self) -> Path:
        """One folder a deployment: its spec, its runs, their logs."""
        return self.data / "deployments"

    @property
    def environments(self) -> Path:
        """Managed Python environments of engines."""
        return self.data / "engines"

    @property
    def installations_file(self) -> Path:
        """Installations that the user added by path, JSON."""
        return self.data / "installations.json"

    @property
    def options(self) -> Path:
        """Option tables read from installed engines, one file per engine and version."""
        return self.data / "options"

    @property
    def models(self) -> Path:
        """Models that we unpacked ourselves (the demo's)."""
        return self.data / "models"

    @property
    def library_file(self) -> Path:
        """Local model folders that the user added, JSON."""
        return self.data / "library.json"

    def prepare(self) -> None:
        """Create the folders, readable by their owner only.

        Raises:
            StoreError: a folder can't be made or written.
        """
        for folder in (self.data, self.config, self.logs, self.deployments, self.environments):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise StoreError(
                    f"Can't create {folder}: {error.strerror or error}.",
                    field=HOME_VARIABLE,
                    remedy=f"Set {HOME_VARIABLE} to a folder that you can write.",
                ) from error
            if not os.access(folder, os.W_OK | os.X_OK):
                raise StoreError(
                    f"Can't write {folder}.",
                    field=HOME_VARIABLE,
                    remedy=f"Set {HOME_VARIABLE} to a folder that you can write.",
                )

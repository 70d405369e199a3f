"""The settings: one validated model, stored as TOML, unknown keys kept."""

from __future__ import annotations

import threading
import tomllib
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import StoreError
from core.events import Bus, SettingsChanged
from core.files import write_text


class Settings(BaseModel):
    """What the user can set. Titles and descriptions are what the Settings page shows."""

    model_config = ConfigDict(frozen=True, extra="allow", validate_default=True)

    version: Literal[1] = 1
    theme: Literal["system", "light", "dark"] = Field(
        "system", title="Appearance", description="Dark, light, or as the desktop has it."
    )
    on_quit: Literal["ask", "keep", "stop"] = Field(
        "ask", title="When the window closes", description="What happens to deployments that still serve."
    )
    default_host: str = Field(
        "127.0.0.1",
        title="Bind new deployments to",
        description="127.0.0.1 keeps them on this machine; anything else needs an API key.",
    )
    first_port: int = Field(
        8000, ge=1024, le=65535, title="First port", description="Ports are chosen free, from this one on."
    )
    stop_grace_seconds: float = Field(
        10.0,
        ge=0.5,
        le=600,
        title="Grace when stopping",
        description="Seconds an engine gets to end by itself before it is killed.",
    )
    hub_page_size: int = Field(
        30, ge=5, le=100, title="Search results a page", description="Models asked from the Hub at a time."
    )
    keep_runs: int = Field(
        10, ge=1, le=1000, title="Runs kept", description="Ended runs of a deployment whose logs stay on disk."
    )


class SettingsStore:
    """Holds the present settings and saves changes.

    Args:
        path: the TOML file; need not exist.
        bus: told `SettingsChanged` after each save.

    Raises:
        StoreError: the file is there but is not valid; it is left as it is.
    """

    def __init__(self, path: Path, bus: Bus) -> None:
        self._path = path
        self._bus = bus
        self._lock = threading.Lock()
        self._settings = self._load()

    @property
    def current(self) -> Settings:
        """The settings as they are now."""
        return self._settings

    def change(self, **values: Any) -> Settings:
        """Set some values, save, and tell the bus.

        Raises:
            StoreError: a value is not allowed (the field is named), or the file can't be written.
        """
        with self._lock:
            merged = {**self._settings.model_dump(), **values}
            changed = _validated(merged, self._path)
            write_text(self._path, tomli_w.dumps(changed.model_dump(exclude_none=True)))
            self._settings = changed  # only what was saved is in force
        self._bus.publish(SettingsChanged())
        return changed

    def _load(self) -> Settings:
        try:
            values = tomllib.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Settings()
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise StoreError(
                f"Can't read the settings {self._path}: {error}.",
                field=str(self._path),
                remedy="Mend the file, or move it away to start with the defaults.",
            ) from error
        return _validated(values, self._path)


def _validated(values: dict[str, Any], path: Path) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"{field} in {path}: {first['msg']} (got {first['input']!r}).",
            field=field,
            remedy="Set it to an allowed value.",
        ) from error

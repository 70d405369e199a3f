"""The engines' data that comes with Servedeck, in `resources/engines/<engine>/`: read when first asked for."""

from __future__ import annotations

import functools
import importlib.resources
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.deployments.deployment import Phase
from core.engines.engine import LogTable, PhasePattern
from core.engines.options import OptionTable
from core.engines.support import Implementation


@dataclass(frozen=True, slots=True)
class OptionHint:
    """What an engine's parser can't say of an option."""

    default_text: str = ""
    suggestions: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    is_json: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    """Must be greater than this."""
    closed: bool = False
    """Other values than the known ones are refused when the engine starts, though its parser takes them."""
    opened_by: str = ""
    """An option that makes further values known."""
    refused: str = ""
    """Why a deployment can't use it."""


@dataclass(frozen=True, slots=True)
class Hints:
    """All of one engine."""

    options: Mapping[str, OptionHint] = field(default_factory=dict)
    reserved: Mapping[str, str] = field(default_factory=dict)
    """Options that a launch spec sets by a field of its own: option and where it is set."""

    def of(self, name: str) -> OptionHint:
        """What is known of an option."""
        return self.options.get(name, NO_HINT)


NO_HINT = OptionHint()


@dataclass(frozen=True, slots=True)
class History:
    """Options over the versions that were looked at."""

    versions: tuple[str, ...] = ()
    seen: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """First and last of those versions that had the option."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """What to do instead, a sentence."""


def text(engine: str, name: str) -> str:
    """A file of an engine's resources."""
    return importlib.resources.files("resources").joinpath("engines", engine, name).read_text(encoding="utf-8")


@functools.cache
def document(engine: str, name: str) -> Any:
    """A JSON file of an engine's resources."""
    return json.loads(text(engine, name))


@functools.cache
def option_table(engine: str, name: str) -> OptionTable:
    """The option table that comes with Servedeck."""
    return OptionTable.model_validate({**document(engine, name), "source": "shipped"})


@functools.cache
def log_table(engine: str) -> LogTable:
    """How to read the engine's log: `log.toml`."""
    table = tomllib.loads(text(engine, "log.toml"))
    after = table.get("loaded_default_after")
    return LogTable(
        phases=tuple(PhasePattern(Phase(each["phase"]), each["pattern"]) for each in table["phases"]),
        loaded=tuple((Implementation(each["implementation"]), each["pattern"]) for each in table.get("loaded", ())),
        loaded_default_after=(Implementation(after["implementation"]), after["pattern"]) if after else None,
        not_the_cause=tuple(table.get("not_the_cause", ())),
    )


@functools.cache
def hints(engine: str) -> Hints:
    """What the engine's parser can't say: `hints.toml`."""
    table = tomllib.loads(text(engine, "hints.toml"))
    options = {
        name: _hint({key: tuple(value) if isinstance(value, list) else value for key, value in each.items()})
        for name, each in table.get("options", {}).items()
    }
    return Hints(options, table.get("reserved", {}))


def _hint(values: dict[str, Any]) -> OptionHint:
    return OptionHint(**values)


@functools.cache
def history(engine: str) -> History:
    """Which versions had which options: `history.json`."""
    table = document(engine, "history.json")
    return History(
        tuple(table["versions"]), {name: (each[0], each[1]) for name, each in table["seen"].items()}, table["renamed"]
    )

"""The options of an engine as one version of it takes them: names, types, defaults, choices, help and group."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

OptionValue = bool | int | float | str | list[str]
"""A value in a launch spec. JSON options hold their text."""


class OptionKind(StrEnum):
    """How an option stands on the command line."""

    VALUE = "value"
    """`--name VALUE`"""
    LIST = "list"
    """`--name A B C`"""
    SWITCH = "switch"
    """`--name`, only to turn on"""
    PAIR = "pair"
    """`--name` or `--no-name`"""
    JSON = "json"
    """`--name '{…}'`"""


class ValueType(StrEnum):
    """What a value must be."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"


class Option(BaseModel):
    """One option. `name` is the long flag without its dashes, the key in a launch spec."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    flags: tuple[str, ...]
    kind: OptionKind
    type: ValueType
    default: Any = None
    default_text: str = ""
    """The default in words where the parser can't say it (`taken from the model's config`)."""
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    """Known good values where the parser accepts any text."""
    group: str = ""
    help: str = ""
    deprecated: bool = False
    human_size: bool = False
    """Integers may be written as `8k` or `1M`, and as `auto` where that is among the suggestions."""
    repeated: bool = False
    """A list whose flag stands before each value: `--name A --name B`."""

    @property
    def flag(self) -> str:
        """The long flag."""
        return next((flag for flag in self.flags if flag == f"--{self.name}"), self.flags[-1])


class OptionTable(BaseModel):
    """All options of one engine at one version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: str
    version: str
    source: Literal["installation", "shipped"]
    """Read from the installed engine, or the table that comes with Servedeck (perhaps of another version)."""
    options: tuple[Option, ...]

    def get(self, name: str) -> Option | None:
        """The option of that name or flag (`max-model-len`, `max_model_len`, `--max-model-len`, `-tp`), or None."""
        wanted = name.lstrip("-").replace("_", "-")
        for option in self.options:
            if option.name == wanted or any(flag.lstrip("-").replace("_", "-") == wanted for flag in option.flags):
                return option
        return None

    def dump(self) -> str:
        """JSON, as stored."""
        return json.dumps(self.model_dump(mode="json"), indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """Why a value can't be launched with; `field` is an option's name, or a field of the launch spec."""

    field: str
    message: str
    remedy: str = ""
    is_warning: bool = False
    """It can be launched all the same, such as with a deprecated option."""

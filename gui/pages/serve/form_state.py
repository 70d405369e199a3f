"""What the Serve form holds, without its widgets: texts as typed, and the launch spec that they mean."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from core.deployments.launch_spec import SECRET_NAME, CodeConsent, LaunchSpec
from core.engines.options import FieldProblem, OptionTable, OptionValue
from core.engines.support import Implementation
from core.errors import InputError
from core.hub.model_ref import ModelRef
from gui.pages.serve.option_values import from_text, to_text

OWN_OPTIONS = frozenset(
    (
        "api-key",
        "host",
        "implementation",
        "model",
        "model-impl",
        "model-tag",
        "port",
        "revision",
        "trust-remote-code",
        "help",
    )
)
"""Options that other parts of the form decide."""
_HARMLESS: dict[str, Any] = {
    "name": "model",
    "host": "127.0.0.1",
    "env": {},
    "extra_args": (),
    "port": None,
    "secret_env": (),
}
"""Stands in for a field that is wrong, so that the others can be looked at, too."""


@dataclass
class Variable:
    """An environment variable as typed."""

    name: str = ""
    value: str = ""
    is_kept: bool = False
    """A secret whose value the deployment has already; an empty `value` leaves it as it is."""

    @property
    def is_secret(self) -> bool:
        """By its name it holds a secret: its value is hidden and never saved in the launch spec."""
        return bool(SECRET_NAME.search(self.name))


@dataclass
class FormState:
    """All that the form decides. Texts are kept as they were typed, also while they mean nothing yet."""

    model: ModelRef
    name: str
    engine: str = ""
    installation: str = ""
    """Id; empty takes the newest usable one at each launch."""
    implementation: Implementation = Implementation.AUTO
    host: str = "127.0.0.1"
    port: str = ""
    entries: dict[str, str] = field(default_factory=dict)
    """Option name and the text in its editor; what has none has its default."""
    added: list[str] = field(default_factory=list)
    """Options that the user (or a given launch spec) added to those that are always shown."""
    extra: str = ""
    variables: list[Variable] = field(default_factory=list)
    api_key: str = field(default="", repr=False)
    has_kept_key: bool = False
    """The deployment has a key already; an empty `api_key` leaves it as it is."""
    trust_remote_code: bool = False
    consent: CodeConsent | None = None

    @classmethod
    def from_spec(cls, spec: LaunchSpec, *, keeps_secrets: bool) -> FormState:
        """The form of a launch spec.

        Args:
            spec: what it shows.
            keeps_secrets: it will relaunch the deployment of that spec, which has its secrets already.
        """
        secret = [Variable(name, is_kept=keeps_secrets) for name in spec.secret_env]
        return cls(
            model=spec.model,
            name=spec.name,
            engine=spec.engine,
            installation=spec.installation or "",
            implementation=spec.implementation,
            host=spec.host,
            port=str(spec.port) if spec.port is not None else "",
            entries={name: to_text(value) for name, value in spec.options.items()},
            added=list(spec.options),
            extra=shlex.join(spec.extra_args),
            variables=[*(Variable(name, value) for name, value in spec.env.items()), *secret],
            has_kept_key=keeps_secrets and spec.api_key,
            trust_remote_code=spec.trust_remote_code,
            consent=spec.consent,
        )

    @property
    def needs_key(self) -> bool:
        """Other machines can reach the endpoint (or the address can't be read yet): clients must show a key."""
        return self.host.strip() not in ("127.0.0.1", "::1", "localhost", "")

    @property
    def has_key(self) -> bool:
        """Clients will have to show one."""
        return bool(self.api_key or self.has_kept_key)

    def set_entry(self, name: str, text: str) -> None:
        """Keep what an editor shows."""
        if text.strip():
            self.entries[name] = text
        else:
            self.entries.pop(name, None)

    def differing(self, table: OptionTable) -> tuple[str, ...]:
        """Options whose text means something other than their default, or nothing."""
        found = []
        for name, text in self.entries.items():
            option = table.get(name)
            try:
                if option is None or from_text(option, text) is not None:
                    found.append(name)
            except InputError:
                found.append(name)
        return tuple(found)

    def secret_values(self) -> dict[str, str]:
        """The values of secret variables that were typed."""
        return {each.name: each.value for each in self._named() if each.is_secret and each.value}

    def build(self, table: OptionTable) -> tuple[LaunchSpec | None, tuple[FieldProblem, ...]]:
        """The launch spec that the form means, and what is wrong, field by field.

        With something wrong it is a draft: harmless values stand in the fields that are, so that the others can be
        checked, too; None where not even that can be made.
        """
        problems: list[FieldProblem] = []
        values = {
            "name": self.name.strip(),
            "model": self.model.model_dump(),
            "engine": self.engine,
            "installation": self.installation or None,
            "implementation": self.implementation,
            "host": self.host.strip() or "127.0.0.1",
            "port": self._port(problems),
            "options": self._options(table, problems),
            "extra_args": self._extra_args(problems),
            "env": {each.name: each.value for each in self._named() if not each.is_secret},
            "secret_env": tuple(each.name for each in self._named() if each.is_secret),
            "api_key": self.has_key,
            "trust_remote_code": self.trust_remote_code,
            "consent": self.consent.model_dump() if self.consent and self.trust_remote_code else None,
        }
        problems += self._variable_problems()
        spec = _validated(values, problems)
        return spec, tuple(problems)

    def _named(self) -> list[Variable]:
        return [Variable(each.name.strip(), each.value, each.is_kept) for each in self.variables if each.name.strip()]

    def _port(self, problems: list[FieldProblem]) -> int | None:
        text = self.port.strip()
        if not text:
            return None
        if text.isascii() and text.isdigit() and 1024 <= int(text) <= 65535:
            return int(text)
        problems.append(FieldProblem("port", f"“{text}” is no port.", "Type a number from 1024 to 65535, or nothing."))
        return None

    def _options(self, table: OptionTable, problems: list[FieldProblem]) -> dict[str, OptionValue]:
        found: dict[str, OptionValue] = {}
        for name, text in self.entries.items():
            option = table.get(name)
            if option is None:
                found[name] = text  # the check says that this version has no such option
                continue
            try:
                value = from_text(option, text)
            except InputError as error:
                problems.append(FieldProblem(option.name, error.message, error.remedy))
                continue
            if value is not None:
                found[option.name] = value
        return found

    def _extra_args(self, problems: list[FieldProblem]) -> tuple[str, ...]:
        try:
            return tuple(shlex.split(self.extra))
        except ValueError as error:
            problems.append(
                FieldProblem("extra_args", f"These arguments can't be read: {error}.", "Close every quotation mark.")
            )
            return ()

    def _variable_problems(self) -> Iterable[FieldProblem]:
        seen: set[str] = set()
        for each in self.variables:
            name = each.name.strip()
            if not name and each.value:
                yield FieldProblem("env", "A value has no name.", "Name the variable, or remove the row.")
            if name and name in seen:
                yield FieldProblem(name, f"{name} is there twice.", "Remove one of them.")
            if name and each.is_secret and not each.value and not each.is_kept:
                yield FieldProblem(name, f"{name} has no value.", "Type its value, or remove the row.")
            seen.add(name)


def _validated(values: dict[str, Any], problems: list[FieldProblem]) -> LaunchSpec | None:
    """Build the spec; fields that are wrong are told all at once, not one after the other."""
    for _ in range(len(_HARMLESS) + 2):
        try:
            return LaunchSpec.build(**values)
        except InputError as error:
            name = error.field.partition(".")[0]
            problems.append(FieldProblem(name, error.message, error.remedy))
            if name == "api_key":
                values = {**values, "api_key": True}
            elif name in _HARMLESS:
                values = {**values, name: _HARMLESS[name]}
            else:
                return None
    return None

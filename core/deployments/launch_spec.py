"""The launch spec: everything that decides a launch. Immutable, validated, saved as TOML, versioned."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from enum import StrEnum
from typing import Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.engines.options import OptionValue
from core.engines.support import Implementation
from core.errors import InputError
from core.hub.model_ref import ModelRef

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SECRET_NAME = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_?KEY|CREDENTIAL|PRIVATE_?KEY)", re.IGNORECASE)
SECRET_FLAGS = ("--api-key", "--hf-token", "--ssl-keyfile-password")


def clean_name(text: str) -> str:
    """A name that the spec accepts, as near to the text as it can be, with room for a number behind it."""
    clean = "".join(char if (char.isalnum() and char.isascii()) or char in "._-" else "-" for char in text)
    return clean.strip("._-")[:55] or "deployment"


class RuntimeKind(StrEnum):
    """How an installation is run."""

    PROCESS = "process"
    DOCKER = "docker"


class CodeConsent(BaseModel):
    """That the user agreed to run these files of the repository: with other files the consent is void."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commit: str | None = None
    files: tuple[tuple[str, int], ...]
    """Path and size in bytes."""


class LaunchSpec(BaseModel):
    """Everything that decides a launch.

    Secrets are not in it: the API key and values of secret environment variables lie in `core.secrets`; the spec only
    says that there is a key (`api_key`) and names the variables (`secret_env`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    name: str
    model: ModelRef
    engine: str
    installation: str | None = None
    """Id of the installation; None takes the newest usable one at each launch."""
    implementation: Implementation = Implementation.AUTO
    runtime: RuntimeKind = RuntimeKind.PROCESS
    host: str = "127.0.0.1"
    port: int | None = Field(None, ge=1024, le=65535)
    """None: a free one is chosen at each launch."""
    options: dict[str, OptionValue] = Field(default_factory=dict)
    extra_args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    secret_env: tuple[str, ...] = ()
    api_key: bool = False
    trust_remote_code: bool = False
    consent: CodeConsent | None = None

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("use letters, digits, '.', '_' and '-' (63 at most), starting with a letter or digit")
        return value

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        if value == "localhost":
            return "127.0.0.1"
        try:
            ipaddress.ip_address(value)
        except ValueError as error:
            raise ValueError("give an IP address, such as 127.0.0.1 or 0.0.0.0") from error
        return value

    @field_validator("env")
    @classmethod
    def _env(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not ENV_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of an environment variable")
            if "\0" in text:
                raise ValueError(f"the value of {name} holds a NUL character")
            if SECRET_NAME.search(name):
                raise ValueError(
                    f"{name} looks like a secret: give it as a secret variable, so that it isn't saved here"
                )
        return value

    @field_validator("extra_args")
    @classmethod
    def _extra_args(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for argument in value:
            if "\0" in argument:
                raise ValueError("an argument holds a NUL character")
            if argument.partition("=")[0].replace("_", "-") in SECRET_FLAGS:
                raise ValueError(
                    f"{argument.partition('=')[0]} would show a secret in the process list; "
                    "use the key field or a secret variable"
                )
        return value

    @model_validator(mode="after")
    def _open_port_needs_a_key(self) -> Self:
        if not self.is_loopback and not self.api_key:
            raise ValueError(f"host {self.host} can be reached from other machines, so an API key is needed")
        return self

    @property
    def is_loopback(self) -> bool:
        """Only this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback

    def to_toml(self) -> str:
        """Readable TOML, without what is unset."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_toml(cls, text: str, *, source: str) -> LaunchSpec:
        """Read what `to_toml` wrote.

        Raises:
            InputError: it is no TOML, or a field is wrong; `field` names it.
        """
        try:
            return cls.build(**tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise InputError(
                f"{source} is no TOML: {error}.", field=source, remedy="Mend or remove the file."
            ) from error

    @classmethod
    def build(cls, **values: Any) -> LaunchSpec:
        """Validate, with errors that name the field.

        Raises:
            InputError: a field is wrong.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            message = str(first["msg"]).removeprefix("Value error, ")
            field = ".".join(str(part) for part in first["loc"]) or (
                "api_key" if "API key" in message else "launch spec"
            )
            raise InputError(f"{message[:1].upper()}{message[1:]}.", field=field) from error

    def changed(self, **values: Any) -> LaunchSpec:
        """A copy with some fields changed, validated again."""
        return self.build(**{**self.model_dump(), **values})

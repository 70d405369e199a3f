"""Who can serve a model, said beforehand with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Implementation(StrEnum):
    """Which code runs the model inside the engine."""

    AUTO = "auto"
    NATIVE = "native"
    TRANSFORMERS = "transformers"


class Verdict(StrEnum):
    """How sure the answer is."""

    YES = "yes"
    LIKELY = "likely"
    """By the engine's own rules it should; only loading it proves it."""
    NEEDS_CODE = "needs code"
    """Only with trust_remote_code."""
    NO = "no"
    UNKNOWN = "unknown"
    """The config can't be read, or there is no table for that version."""


@dataclass(frozen=True, slots=True)
class ImplementationSupport:
    """Whether one implementation of an engine can serve a model, and why."""

    implementation: Implementation
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class EngineSupport:
    """What one engine, at one version, will do with a model."""

    engine: str
    version: str
    """The version that the answer is for."""
    version_is_installed: bool
    implementations: tuple[ImplementationSupport, ...]
    """Only those that the engine has."""
    auto: Implementation | None
    """What `auto` will load; None: nothing."""
    auto_reason: str
    note: str = ""
    """More that matters, such as 'in maintenance since December 2025' or 'needs a container engine'."""

    def of(self, implementation: Implementation) -> ImplementationSupport | None:
        """The answer for one implementation, None where the engine doesn't have it."""
        return next((each for each in self.implementations if each.implementation is implementation), None)

    @property
    def can_serve(self) -> bool:
        """At least one implementation may serve it."""
        return any(each.verdict in (Verdict.YES, Verdict.LIKELY, Verdict.NEEDS_CODE) for each in self.implementations)

"""Who can serve a model, as the window says it: an answer for each engine, and the words and tones of verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.deployments.launch_spec import RuntimeKind
from core.engines.engine import Engine, Installation
from core.engines.support import EngineSupport, Implementation, ImplementationSupport, Verdict
from core.hub.facts import ModelDetails
from gui.widgets.chip import ChipTone

if TYPE_CHECKING:
    from core.app import App

IMPLEMENTATION_NAMES = {
    Implementation.AUTO: "Auto",
    Implementation.NATIVE: "Native",
    Implementation.TRANSFORMERS: "Transformers",
}
_VERDICTS: dict[Verdict, tuple[str, ChipTone]] = {
    Verdict.YES: ("", "ok"),
    Verdict.LIKELY: ("likely", "ok"),
    Verdict.NEEDS_CODE: ("needs repo code", "warn"),
    Verdict.NO: ("no", "plain"),
    Verdict.UNKNOWN: ("unknown", "plain"),
}


@dataclass(frozen=True)
class ServingAnswer:
    """What one engine will do with a model."""

    engine: Engine
    installation: Installation | None
    """The one that the answer is for, None where it is for the version of our table."""
    support: EngineSupport

    @property
    def needs_container(self) -> bool:
        """It can't be run as a process."""
        return RuntimeKind.PROCESS not in self.engine.runtimes

    @property
    def version_text(self) -> str:
        """The installed version, else the one that the answer is for."""
        installed = self.installation.version if self.installation is not None else ""
        return installed or self.support.version or "version unknown"

    @property
    def basis(self) -> str:
        """What the answer was read from."""
        if self.support.version_is_installed:
            return "read from the installation"
        return f"by Servedeck's table of version {self.support.version}"


def newest_usable(app: App, engine_id: str) -> Installation | None:
    """The installation that a launch would take by itself, None if there is none."""
    if not any(each.is_usable for each in app.installations.of(engine_id)):
        return None
    return app.installations.choose(engine_id)


def who_can_serve(app: App, details: ModelDetails) -> tuple[ServingAnswer, ...]:
    """The answers of all engines. Reads tables, so call it off the GUI thread."""
    answers = []
    for engine in app.engines.all():
        installation = newest_usable(app, engine.id)
        support = engine.support(details.config, installation, has_code=bool(details.python_files))
        answers.append(ServingAnswer(engine, installation, support))
    return tuple(answers)


def chip_words(support: ImplementationSupport) -> tuple[str, ChipTone]:
    """`Native`, `Native · likely`, `Native · no`: colour alone says nothing."""
    suffix, tone = _VERDICTS[support.verdict]
    name = IMPLEMENTATION_NAMES[support.implementation]
    return (f"{name} · {suffix}" if suffix else name), tone


def short_version(version: str) -> str:
    """Without the part that names a build: `0.32.0+cpu` is `0.32.0`."""
    return version.partition("+")[0]

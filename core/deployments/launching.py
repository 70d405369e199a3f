"""From a launch spec to a run: model, installation, port, command, environment."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Collection
from dataclasses import dataclass, field

from core.deployments.launch_spec import LaunchSpec, RuntimeKind
from core.engines.catalog import Catalog
from core.engines.engine import Command, Engine, Installation, Secrets
from core.engines.installations import Installations
from core.engines.option_tables import OptionTables
from core.engines.options import FieldProblem
from core.errors import InputError, PortTakenError, ServedeckError
from core.hub.download import download_command
from core.hub.facts import ModelConfig, ModelDetails
from core.hub.hub import Hub
from core.runtimes import ports
from core.runtimes.runtime import Step
from core.settings import SettingsStore

NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "PYTHONSTARTUP", "HF_TOKEN")
"""Variables of our own surroundings that would mislead an engine in another environment, or that it need not know."""


@dataclass(frozen=True)
class Prepared:
    """Everything that a run needs, decided."""

    spec: LaunchSpec
    """With the commit that the revision stands for."""
    installation: Installation
    command: Command
    port: int
    served_name: str
    steps: tuple[Step, ...]
    env: dict[str, str] = field(repr=False)
    """The whole environment, secrets included."""


class Launching:
    """Decides what a launch spec means on this machine now."""

    def __init__(
        self,
        catalog: Catalog,
        installations: Installations,
        options: OptionTables,
        hub: Hub,
        settings: SettingsStore,
    ) -> None:
        self._catalog = catalog
        self._installations = installations
        self._options = options
        self._hub = hub
        self._settings = settings

    def check(
        self, spec: LaunchSpec, config: ModelConfig | None = None, *, own_port: int | None = None
    ) -> tuple[FieldProblem, ...]:
        """What stands in the way of launching it (or is worth a warning), field by field; empty if nothing is known.

        Args:
            spec: the launch spec.
            config: the model's, where it is known: more can be checked then.
            own_port: a port that this deployment holds itself, and gives back before it starts again.
        """
        try:
            engine = self._catalog.get(spec.engine)
        except ServedeckError as error:
            return (FieldProblem("engine", error.message, error.remedy),)
        if spec.runtime not in engine.runtimes or spec.runtime is not RuntimeKind.PROCESS:
            return (_runtime_problem(engine, spec),)
        problems: list[FieldProblem] = []
        try:
            installation = self._installations.choose(spec.engine, spec.installation)
        except ServedeckError as error:
            return (FieldProblem("installation", error.message, error.remedy),)
        problems += engine.check(spec, self._options.table(spec.engine, installation), config)
        if spec.api_key and not engine.supports_api_key:
            problems.append(
                FieldProblem(
                    "api_key",
                    f"{engine.title} can't ask for an API key.",
                    "Bind it to 127.0.0.1, or use an engine that supports keys.",
                )
            )
        if spec.trust_remote_code and spec.consent is None:
            problems.append(
                FieldProblem(
                    "trust_remote_code", "Nobody agreed to run this repository's code yet.", "Confirm its files."
                )
            )
        problems += self._port_problems(spec, own_port)
        return tuple(problems)

    def preview(self, spec: LaunchSpec, taken: Collection[int] = ()) -> str:
        """The exact command as text for a shell, a flag a line, without secrets.

        Args:
            spec: the launch spec.
            taken: ports that other deployments hold or are about to.

        Raises:
            ServedeckError: there is no usable installation, or the spec can't become a command.
        """
        engine = self._catalog.get(spec.engine)
        installation = self._installations.choose(spec.engine, spec.installation)
        table = self._options.table(spec.engine, installation)
        port = spec.port or self.free_port(spec.host, taken)
        placeholder = Secrets("placeholder" if spec.api_key else "", "", dict.fromkeys(spec.secret_env, "placeholder"))
        command = engine.command(spec, installation, table, port, placeholder)
        return shell_text(command.argv, {**self._own_env(spec), **command.env}, tuple(command.secret_env))

    def free_port(self, host: str = "127.0.0.1", taken: Collection[int] = ()) -> int:
        """A port that is free now, from the first port of the settings on.

        Raises:
            PortTakenError: none is.
        """
        return ports.choose(host, self._settings.current.first_port, taken)

    async def prepare(self, spec: LaunchSpec, secrets: Secrets, taken: Collection[int]) -> Prepared:
        """Decide everything for a run that begins now.

        Args:
            spec: the launch spec.
            secrets: API key and secret variables of this deployment.
            taken: ports that other deployments are about to use.

        Raises:
            ServedeckError: it can't be launched as it is; the message says why.
        """
        engine = self._catalog.get(spec.engine)
        installation = await asyncio.to_thread(self._installations.choose, spec.engine, spec.installation)
        details = await self._hub.details(spec.model)
        spec = spec.changed(model=details.ref.model_dump())
        _require_consent(spec, details)
        table = self._options.table(engine.id, installation)
        problems = [each for each in engine.check(spec, table, details.config) if not each.is_warning]
        if problems:
            first = problems[0]
            raise InputError(first.message, field=first.field, remedy=first.remedy)
        if spec.port is not None:
            await asyncio.to_thread(ports.require_free, spec.host, spec.port)
            port = spec.port
        else:
            port = await asyncio.to_thread(self.free_port, spec.host, taken)
        command = engine.command(spec, installation, table, port, secrets)
        steps = self._steps(spec, details, command)
        env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        env |= self._own_env(spec) | command.env | command.secret_env
        shown = Command(command.argv, self._own_env(spec) | command.env, command.secret_env)
        return Prepared(spec, installation, shown, port, engine.served_name(spec), steps, env)

    def _steps(self, spec: LaunchSpec, details: ModelDetails, command: Command) -> tuple[Step, ...]:
        engine_step = Step("engine", command.argv)
        if spec.model.kind == "folder" or details.cached:
            return (engine_step,)
        token = self._hub.token()
        env = {"HF_HUB_OFFLINE": "0", **({"HF_TOKEN": token} if token else {})}
        return (Step("download", download_command(details.ref), env), engine_step)

    def _own_env(self, spec: LaunchSpec) -> dict[str, str]:
        """What we set for every engine: the model is on disk when it starts, so it need not ask the Hub."""
        return {"HF_HUB_OFFLINE": "1", **spec.env}

    def _port_problems(self, spec: LaunchSpec, own_port: int | None) -> list[FieldProblem]:
        try:
            if spec.port is not None and spec.port != own_port:
                ports.require_free(spec.host, spec.port)
            elif spec.port is None:
                ports.is_free(spec.host, 0)
        except PortTakenError as error:
            return [FieldProblem("port", error.message, error.remedy)]
        except OSError as error:
            return [
                FieldProblem(
                    "host", f"{spec.host} can't be bound: {error.strerror}.", "Use an address of this machine."
                )
            ]
        return []


def _runtime_problem(engine: Engine, spec: LaunchSpec) -> FieldProblem:
    if RuntimeKind.PROCESS not in engine.runtimes:
        return FieldProblem(
            "engine",
            f"{engine.title} needs a container engine, which this version of Servedeck can't use yet.",
            "Serve the model with vLLM or Transformers.",
        )
    return FieldProblem(
        "runtime",
        f"{spec.runtime.value} is not available: this version of Servedeck launches processes only.",
        "Use the runtime process.",
    )


def _require_consent(spec: LaunchSpec, details: ModelDetails) -> None:
    """Code that nobody has agreed to is never run: the files must be those that were confirmed."""
    if not spec.trust_remote_code:
        return
    files = tuple(sorted((each.path, each.size or 0) for each in details.python_files))
    if spec.consent is None or tuple(sorted(spec.consent.files)) != files:
        raise InputError(
            "The repository's code is not the code that was agreed to.",
            field="trust_remote_code",
            remedy="Open Edit and relaunch, look at the files and confirm them again.",
        )


def shell_text(argv: tuple[str, ...], env: dict[str, str], secret_env: tuple[str, ...]) -> str:
    """A command for a POSIX shell, a flag with its values a line; secret variables appear as `NAME="$NAME"`."""
    lines = [f"{name}={shlex.quote(value)}" for name, value in sorted(env.items())]
    lines += [f'{name}="${name}"' for name in sorted(secret_env)]
    current: list[str] = []
    for argument in argv:
        if argument.startswith("-") and current and not _is_number(argument):
            lines.append(shlex.join(current))
            current = []
        current.append(argument)
    if current:
        lines.append(shlex.join(current))
    return " \\\n  ".join(lines)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

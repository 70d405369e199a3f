"""What `transformers serve` will do with a model: the same steps as its `ModelManager._load_model`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.engines.architectures import TransformersTables, version_of
from core.engines.support import EngineSupport, Implementation, ImplementationSupport, Verdict
from core.hub.facts import ModelConfig

_QUANTIZATION_PACKAGES = {
    "aqlm": ("aqlm",),
    "auto-round": ("auto-round",),
    "awq": ("gptqmodel",),
    "bitsandbytes": ("bitsandbytes",),
    "compressed-tensors": ("compressed-tensors",),
    "eetq": ("kernels",),
    "gptq": ("optimum", "gptqmodel"),
    "hqq": ("hqq",),
    "quanto": ("optimum-quanto",),
    "quark": ("amd-quark",),
    "spqr": ("spqr-quant",),
    "torchao": ("torchao",),
    "vptq": ("vptq",),
}
"""What Transformers asks for before it loads such a checkpoint."""


def answer(
    config: ModelConfig | None, tables: TransformersTables, *, is_installed: bool, site_packages: Path | None
) -> EngineSupport:
    """The verdict for one config at one version.

    Args:
        config: the model's, None where it can't be read.
        tables: of the version.
        is_installed: the tables were read from the installation.
        site_packages: of the installation, to see which packages it has.
    """
    verdict, reason = _judge(config, tables)
    note = ""
    if config is not None and verdict in (Verdict.YES, Verdict.LIKELY, Verdict.NEEDS_CODE):
        missing = _missing_packages(config, site_packages) if is_installed else ()
        if missing:
            verdict = Verdict.NO
            reason = (
                f"The checkpoint is quantized with {config.quantization}; Transformers needs {' and '.join(missing)} "
                "for that, which this environment lacks."
            )
        elif config.quantization:
            note = f"The checkpoint is quantized ({config.quantization})."
    serves = verdict in (Verdict.YES, Verdict.LIKELY, Verdict.NEEDS_CODE)
    return EngineSupport(
        engine="transformers",
        version=tables.version,
        version_is_installed=is_installed,
        implementations=(ImplementationSupport(Implementation.TRANSFORMERS, verdict, reason),),
        auto=Implementation.TRANSFORMERS if serves else None,
        auto_reason=reason,
        note=note,
    )


def _judge(config: ModelConfig | None, tables: TransformersTables) -> tuple[Verdict, str]:
    name = f"Transformers {tables.version}"
    if config is None:
        return Verdict.UNKNOWN, "The model's config.json can't be read."
    model_type = config.model_type
    if not model_type:
        return Verdict.NO, "config.json names no model type, which Transformers needs."
    needs_code = model_type not in tables.model_types
    if needs_code and "AutoConfig" not in config.auto_map:
        return Verdict.NO, f"{name} doesn't know the model type {model_type}; a newer version may."
    if model_type in tables.multimodal:
        loaded = tables.multimodal[model_type][0]
        return Verdict.YES, f"{name} has {loaded}, for text with images, sound or video."
    if not config.architectures:
        return Verdict.NO, "config.json names no architecture, which transformers serve needs."
    architecture = config.architectures[0]
    return _judge_architecture(architecture, config, tables, name, needs_code)


def _judge_architecture(
    architecture: str, config: ModelConfig, tables: TransformersTables, name: str, needs_code: bool
) -> tuple[Verdict, str]:
    if config.is_encoder_decoder or architecture in _names(tables.seq2seq) - _names(tables.causal):
        return (
            Verdict.NO,
            f"{architecture} is an encoder-decoder model: transformers serve takes the prompt's length off its answer, "
            "so that little or nothing is left of it.",
        )
    if architecture in _names(tables.causal) | _names(tables.multimodal):
        if needs_code:
            return (
                Verdict.NEEDS_CODE,
                f"{name} has {architecture}, but doesn't know the model type {config.model_type}: "
                "the repository's own code has to run to read the configuration.",
            )
        return Verdict.YES, f"{name} has {architecture}."
    if architecture in tables.other:
        return Verdict.NO, f"{architecture} writes no text: transformers serve can load it, but not chat with it."
    if any(key.startswith("AutoModel") for key in config.auto_map):
        return (
            Verdict.NO,
            f"{architecture} is in the repository's own code; transformers serve loads only classes of Transformers, "
            "also with trust_remote_code.",
        )
    return Verdict.NO, f"{name} has no {architecture}."


def _names(mapping: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(each for names in mapping.values() for each in names)


def _missing_packages(config: ModelConfig, site_packages: Path | None) -> tuple[str, ...]:
    if site_packages is None or config.quantization is None:
        return ()
    needed = _QUANTIZATION_PACKAGES.get(config.quantization, ())
    return tuple(each for each in needed if not version_of(site_packages, each))

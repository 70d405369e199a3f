"""Which architectures a version of vLLM or Transformers knows: read from its own source files, else from our tables."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.engines import shipped
from core.engines.static_reading import Tables, class_flag, read_tables


class Attention(StrEnum):
    """Whether vLLM can put its own attention into a Transformers class (vLLM asks the same two questions)."""

    DECLARED = "declared"
    """The class says so."""
    POSSIBLE = "possible"
    """Its code looks as if."""
    NO = "no"
    ABSENT = "absent"
    """Transformers has no such class."""
    UNKNOWN = "unknown"
    """It has the class, but our table doesn't say more."""


@dataclass(frozen=True)
class TransformersTables:
    """What one version of Transformers knows. Model types to class names, as in its auto classes."""

    version: str
    model_types: frozenset[str]
    causal: Mapping[str, tuple[str, ...]]
    multimodal: Mapping[str, tuple[str, ...]]
    """Text and images, sound or video in, text out."""
    seq2seq: Mapping[str, tuple[str, ...]]
    other: frozenset[str]
    """Classes for everything else."""
    attention: Mapping[str, Attention] = field(default_factory=dict)
    site_packages: Path | None = None
    """Where it lies, for what is read only when asked."""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Model types whose module has another name."""

    @functools.cached_property
    def type_of_class(self) -> dict[str, str]:
        """Class name to model type, for classes that write text."""
        return {
            name: model_type
            for mapping in (self.seq2seq, self.multimodal, self.causal)
            for model_type, names in mapping.items()
            for name in names
        }

    def attention_of(self, name: str, model_type: str = "") -> Attention:
        """Whether vLLM can put its own attention into a class. Reads one file of the installation, if there is one."""
        if name in self.attention:
            return self.attention[name]
        if self.site_packages is None:
            return Attention.UNKNOWN if name in self.other else Attention.ABSENT
        candidates = dict.fromkeys(each for each in (self.type_of_class.get(name, ""), model_type) if each)
        for each in candidates:
            plain = each.replace("-", "_")
            for file in dict.fromkeys((self.modules.get(each, plain), plain)):
                found = _read_attention(self.site_packages, self.modules.get(each, plain), file, name)
                if found is not Attention.ABSENT:
                    return found
        return Attention.ABSENT


@dataclass(frozen=True)
class VllmTables:
    """What one version of vLLM knows."""

    version: str
    generation: frozenset[str]
    multimodal: frozenset[str]
    pooling: frozenset[str]
    drafts: frozenset[str]
    listed: frozenset[str]
    """Registered, but run by the Transformers implementation."""
    backends: frozenset[str]
    """The wrappers that this implementation consists of."""
    gone: Mapping[str, str]
    """Class name to the last version that had it."""
    plugins: Mapping[str, str]
    """Class name to the address of its plugin."""
    config_types: frozenset[str]
    """Model types whose configuration vLLM reads itself."""
    transformers: TransformersTables

    @functools.cached_property
    def registered(self) -> frozenset[str]:
        """All that the registry has a class for."""
        return self.generation | self.multimodal | self.pooling | self.drafts | self.listed | self.backends


def transformers_tables(site_packages: Path | None) -> tuple[TransformersTables, bool]:
    """The tables of the Transformers that is installed there, and True; ours and False where they can't be read."""
    if site_packages is not None:
        file = site_packages / "transformers" / "models" / "auto" / "modeling_auto.py"
        found = _installed_transformers(site_packages, _stamp(file))
        if found is not None:
            return found, True
    return shipped_transformers("transformers", "architectures-5.23.0.json"), False


def vllm_tables(site_packages: Path | None) -> tuple[VllmTables, bool]:
    """The tables of the vLLM that is installed there, and True; ours and False where they can't be read."""
    if site_packages is not None:
        file = site_packages / "vllm" / "model_executor" / "models" / "registry.py"
        found = _installed_vllm(site_packages, _stamp(file))
        if found is not None:
            _seen_vllm[found.version] = found
            return found, True
    return shipped_vllm(), False


_seen_vllm: dict[str, VllmTables] = {}


def vllm_tables_of(version: str) -> VllmTables | None:
    """The tables of a version that were read from an installation in this session, or None."""
    return _seen_vllm.get(version)


def _stamp(file: Path) -> tuple[int, int]:
    """What changes when another version is installed into the same place."""
    try:
        status = file.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def version_of(site_packages: Path, distribution: str) -> str:
    """The installed version of a distribution by the name of its metadata folder; empty if it isn't there."""
    name = re.sub(r"[-_.]+", "[-_.]+", distribution)
    wanted = re.compile(rf"{name}-([^-]+)\.dist-info", re.IGNORECASE)
    try:
        names = sorted(each.name for each in site_packages.iterdir() if each.name.endswith(".dist-info"))
    except OSError:
        return ""
    return next((match.group(1) for name in names if (match := wanted.fullmatch(name))), "")


# --- Transformers ----------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=32)
def _installed_transformers(site_packages: Path, stamp: tuple[int, int]) -> TransformersTables | None:
    if stamp == (0, 0):
        return None
    auto = site_packages / "transformers" / "models" / "auto"
    try:
        tables: Tables = {}
        for name in ("auto_mappings.py", "configuration_auto.py", "modeling_auto.py"):
            if (auto / name).is_file():
                tables = read_tables(auto / name, tables)
    except (OSError, ValueError):
        return None
    types = tables.get("CONFIG_MAPPING_NAMES")
    causal = _classes(tables.get("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"))
    if not isinstance(types, dict) or not causal:
        return None
    seq2seq = _classes(tables.get("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES"))
    multimodal = _classes(tables.get("MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES")) | _classes(
        tables.get("MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES")
    )
    writing = {name for mapping in (causal, seq2seq, multimodal) for names in mapping.values() for name in names}
    every = {
        name
        for key, mapping in tables.items()
        if key.startswith("MODEL_") and key.endswith("_NAMES")
        for names in _classes(mapping).values()
        for name in names
    }
    special = tables.get("SPECIAL_MODEL_TYPE_TO_MODULE_NAME")
    return TransformersTables(
        version=version_of(site_packages, "transformers"),
        model_types=frozenset(str(each) for each in types),
        causal=causal,
        multimodal=multimodal,
        seq2seq=seq2seq,
        other=frozenset(every - writing),
        site_packages=site_packages,
        modules={str(key): str(value) for key, value in special.items()} if isinstance(special, dict) else {},
    )


def _classes(mapping: Any) -> dict[str, tuple[str, ...]]:
    """Model type to class names; a type with several has a list."""
    if not isinstance(mapping, dict):
        return {}
    return {
        str(key): tuple(str(each) for each in value) if isinstance(value, (list, tuple)) else (str(value),)
        for key, value in mapping.items()
    }


@functools.lru_cache(maxsize=1024)
def _read_attention(site_packages: Path, module: str, file: str, name: str) -> Attention:
    """As `is_backend_compatible()` and `_can_set_attn_implementation()` of Transformers decide, from the source."""
    if not re.fullmatch(r"\w+", module + file):
        return Attention.ABSENT
    path = site_packages / "transformers" / "models" / module / f"modeling_{file}.py"
    try:
        declared = class_flag(path, name, "_supports_attention_backend")
        if declared is None:
            return Attention.ABSENT
        if declared:
            return Attention.DECLARED
        code = path.read_text(encoding="utf-8")
    except (OSError, ValueError, RecursionError):
        return Attention.ABSENT
    has_own_attention = re.search(r"^class \w*Attention\w*\(nn\.Module\):", code, re.MULTILINE)
    uses_interface = "ALL_ATTENTION_FUNCTIONS.get_interface(" in code or "ALL_ATTENTION_FUNCTIONS[" in code
    return Attention.POSSIBLE if uses_interface or not has_own_attention else Attention.NO


@functools.cache
def shipped_transformers(engine: str, name: str) -> TransformersTables:
    """The table that comes with Servedeck."""
    table = shipped.document(engine, name)
    return TransformersTables(
        version=table["version"],
        model_types=frozenset(table["model_types"]),
        causal=_classes(table["causal"]),
        multimodal=_classes(table["multimodal"]),
        seq2seq=_classes(table["seq2seq"]),
        other=frozenset(table["other"]),
        attention={each: Attention(kind) for kind, names in table.get("attention", {}).items() for each in names},
    )


# --- vLLM ------------------------------------------------------------------------------------------------------------

_POOLING = (
    "_EMBEDDING_MODELS",
    "_LATE_INTERACTION_MODELS",
    "_REWARD_MODELS",
    "_TOKEN_CLASSIFICATION_MODELS",
    "_SEQUENCE_CLASSIFICATION_MODELS",
    "_CROSS_ENCODER_MODELS",
)


@functools.lru_cache(maxsize=32)
def _installed_vllm(site_packages: Path, stamp: tuple[int, int]) -> VllmTables | None:
    if stamp == (0, 0):
        return None
    package = site_packages / "vllm"
    try:
        registry = read_tables(package / "model_executor" / "models" / "registry.py")
    except (OSError, ValueError):
        return None
    try:
        configs = read_tables(package / "transformers_utils" / "config.py").get("_CONFIG_REGISTRY")
    except (OSError, ValueError):
        configs = None
    if not isinstance(registry.get("_TEXT_GENERATION_MODELS"), dict):
        return None

    def names(*tables: str) -> frozenset[str]:
        return frozenset(str(each) for table in tables for each in _dictionary(registry.get(table)))

    transformers, _ = transformers_tables(site_packages)
    return VllmTables(
        version=version_of(site_packages, "vllm"),
        generation=names("_TEXT_GENERATION_MODELS"),
        multimodal=names("_MULTIMODAL_MODELS"),
        pooling=names(*_POOLING),
        drafts=names("_SPECULATIVE_DECODING_MODELS"),
        listed=names("_TRANSFORMERS_SUPPORTED_MODELS"),
        backends=names("_TRANSFORMERS_BACKEND_MODELS", "_TRANSFORMERS_MODELS"),
        gone={str(key): str(value) for key, value in _dictionary(registry.get("_PREVIOUSLY_SUPPORTED_MODELS")).items()},
        plugins={str(key): str(value) for key, value in _dictionary(registry.get("_OOT_SUPPORTED_MODELS")).items()},
        config_types=frozenset(str(each) for each in _dictionary(configs)),
        transformers=transformers,
    )


def _dictionary(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


@functools.cache
def shipped_vllm() -> VllmTables:
    """The table that comes with Servedeck."""
    table = shipped.document("vllm", "architectures-0.32.0.json")
    sets = {name: frozenset(table[name]) for name in ("generation", "multimodal", "pooling", "drafts", "listed")}
    return VllmTables(
        version=table["version"],
        **sets,
        backends=frozenset(table["backends"]),
        gone=table["gone"],
        plugins=table["plugins"],
        config_types=frozenset(table["config_types"]),
        transformers=shipped_transformers("vllm", "transformers-5.19.0.json"),
    )

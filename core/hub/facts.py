"""What is known of a model: values read from the Hub, the cache or a folder. Nothing here is estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from core.hub.model_ref import ModelRef


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One row of a search. None means that the Hub did not say, never zero."""

    id: str
    downloads: int | None = None
    likes: int | None = None
    updated: datetime | None = None
    pipeline_tag: str | None = None
    library: str | None = None
    gated: str | None = None
    """None, `auto` (a form, access at once) or `manual` (the author decides)."""
    private: bool = False
    parameters: int | None = None
    dtype: str | None = None
    """The dtype that holds most parameters in the safetensors files, such as `BF16`."""
    license: str | None = None
    tags: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    custom_code: bool = False


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Some results and where the next ones are (None: that was all)."""

    models: tuple[ModelSummary, ...]
    next_page: str | None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a repository or folder; size in bytes, None where unknown."""

    path: str
    size: int | None = None


@dataclass(frozen=True)
class ModelConfig:
    """A `config.json`, with the few things that decide who can serve the model."""

    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def architectures(self) -> tuple[str, ...]:
        """Class names, first the one that engines try first; empty where the file names none."""
        value = self.raw.get("architectures")
        return tuple(str(each) for each in value) if isinstance(value, list) else ()

    @property
    def model_type(self) -> str:
        """The Transformers model type, empty where missing."""
        value = self.raw.get("model_type")
        return value if isinstance(value, str) else ""

    @property
    def auto_map(self) -> Mapping[str, Any]:
        """Classes that live in the repository's own code."""
        value = self.raw.get("auto_map")
        return value if isinstance(value, dict) else {}

    @property
    def is_encoder_decoder(self) -> bool:
        """True for BART, T5 and their like."""
        return self.raw.get("is_encoder_decoder") is True

    @property
    def text(self) -> Mapping[str, Any]:
        """The part that describes the language model: `text_config` and its other names, else the whole."""
        for name in ("text_config", "language_config", "llm_config"):
            part = self.raw.get(name)
            if isinstance(part, dict):
                return part
        return self.raw

    @property
    def context_length(self) -> int | None:
        """Positions the model was made for, in tokens."""
        for name in ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "n_ctx"):
            value = self.text.get(name, self.raw.get(name))
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        return None

    @property
    def dtype(self) -> str | None:
        """The dtype that the checkpoint names, such as `bfloat16`."""
        for part in (self.raw, self.text):
            for name in ("dtype", "torch_dtype"):
                if isinstance(part.get(name), str):
                    return str(part[name])
        return None

    @property
    def quantization(self) -> str | None:
        """The quantization method that the checkpoint names, such as `awq`, `fp8`, `gptq`."""
        for part in (self.raw, self.text):
            value = part.get("quantization_config") or part.get("compression_config")
            if isinstance(value, dict):
                return str(value.get("quant_method") or "unnamed")
        return None

    @property
    def attention_heads(self) -> int | None:
        """Query heads; tensor parallel sizes must divide them."""
        value = self.text.get("num_attention_heads")
        return value if isinstance(value, int) and value > 0 else None


@dataclass(frozen=True)
class ModelDetails:
    """All that is known of one model at one commit."""

    ref: ModelRef
    """With `commit` set, for a Hub model."""
    summary: ModelSummary
    config: ModelConfig | None
    """None where it can't be read; `config_problem` says why."""
    config_problem: str = ""
    files: tuple[ModelFile, ...] = ()
    has_chat_template: bool | None = None
    """None where it can't be known (gated, unreadable)."""
    cached: bool = False
    """Every file that serving needs lies on this disk."""
    cached_path: Path | None = None
    from_cache_only: bool = False
    """The Hub was not asked or did not answer; the facts are those of the local copy."""

    @property
    def python_files(self) -> tuple[ModelFile, ...]:
        """Code of the repository: what would run with trust_remote_code."""
        return tuple(each for each in self.files if each.path.endswith(".py"))

    @property
    def download_size(self) -> int | None:
        """Bytes of the files that serving needs (see `serving_files`), None where a size is unknown."""
        sizes = [each.size for each in serving_files(self.files)]
        return None if any(size is None for size in sizes) else sum(size for size in sizes if size is not None)


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """A model that lies on this machine."""

    ref: ModelRef
    path: Path
    size: int
    """Bytes on disk."""
    complete: bool
    problem: str = ""
    modified: datetime | None = None
    config: ModelConfig | None = None


WEIGHT_SUFFIXES = (
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".gguf",
    ".h5",
    ".msgpack",
    ".onnx",
    ".tflite",
    ".ot",
)
IGNORED_FOLDERS = ("onnx/", "openvino/", "coreml/", "original/", "metal/", "flax/", "tf/", ".cache/")


def serving_files(files: tuple[ModelFile, ...]) -> tuple[ModelFile, ...]:
    """The files of a repository that serving it with vLLM or Transformers needs.

    Safetensors where there are any (else `.bin`), every small file (configuration, tokenizer, templates, code), and
    none of the copies for other frameworks.
    """
    wanted = [each for each in files if not each.path.startswith(IGNORED_FOLDERS)]
    has_safetensors = any(each.path.endswith(".safetensors") for each in wanted)
    keep = ".safetensors" if has_safetensors else ".bin"
    consolidated = has_safetensors and any(
        each.path.startswith("model") and each.path.endswith(keep) for each in wanted
    )
    return tuple(
        each
        for each in wanted
        if (not each.path.endswith(WEIGHT_SUFFIXES) or each.path.endswith(keep))
        and not (consolidated and each.path.startswith("consolidated"))
    )

"""A model's facts in the window's words. What the Hub did not say is left out, never guessed."""

from __future__ import annotations

from typing import NamedTuple

from core.hub.facts import ModelConfig, ModelDetails, ModelSummary
from core.hub.model_ref import ModelRef
from gui.widgets.chip import ChipTone
from gui.wording import count, grouped

_LICENCES = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "other": "Other licence",
    "openrail": "OpenRAIL",
    "bigscience-bloom-rail-1.0": "BLOOM RAIL",
    "bsd-3-clause": "BSD-3-Clause",
    "unknown": "Licence unknown",
}
_PACKED = frozenset(("I32", "U32", "I64", "U8", "I8", "I16", "U16"))
"""Types that hold several quantized weights in one number, so that their count is not that of the parameters."""
_QUANTIZATIONS = ("awq", "gptq", "fp8", "bitsandbytes", "compressed-tensors", "mxfp4", "hqq", "aqlm", "exl2")
_DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}


class Fact(NamedTuple):
    """A chip of the model's facts: what it says, how it looks, and a longer text."""

    text: str
    tone: ChipTone = "plain"
    why: str = ""


def licence(name: str) -> str:
    """A licence as people write it; those that nobody agreed on a spelling for stay as they are."""
    known = _LICENCES.get(name.lower())
    if known is not None:
        return known
    if name.lower().startswith("cc-"):
        return name.upper()
    return name[:1].upper() + name[1:]


def parameters(number: int) -> str:
    """`1.54 B`, `135 M`: three digits, as model names have them."""
    for unit, factor in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= factor * 0.9995:
            value = number / factor
            digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
            return f"{value:.{digits}f} {unit}"
    return str(number)


def summary_line(model: ModelSummary) -> str:
    """`1.5 B · BF16 · Apache-2.0`, for a row of a list."""
    size = count(model.parameters) if model.parameters and not is_packed(model) else ""
    terms = licence(model.license) if model.license else ""
    return " · ".join(part for part in (size, weights_type(model), terms) if part)


def is_packed(model: ModelSummary) -> bool:
    """Its weights are quantized and packed: the Hub counts the packs, not the parameters."""
    return model.dtype in _PACKED


def weights_type(model: ModelSummary) -> str:
    """`BF16`; for packed weights the quantization that the model is tagged with."""
    if not is_packed(model):
        return model.dtype or ""
    return next((each.upper() for each in _QUANTIZATIONS if each in model.tags), "quantized")


def popularity(model: ModelSummary) -> tuple[str, ...]:
    """`↓ 9.1 M` and `♥ 534`, as far as they are known."""
    downloads = f"↓ {count(model.downloads)}" if model.downloads is not None else ""
    likes = f"♥ {count(model.likes)}" if model.likes is not None else ""
    return tuple(part for part in (downloads, likes) if part)


def summary_marks(model: ModelSummary) -> tuple[str, ...]:
    """What a user must know before choosing it: `gated`, `private`, `repo code`."""
    marks = (("gated", bool(model.gated)), ("private", model.private), ("repo code", model.custom_code))
    return tuple(text for text, is_so in marks if is_so)


def commit_text(ref: ModelRef) -> str:
    """`main @ 989aa79`, `local folder`."""
    if ref.kind == "folder":
        return "local folder"
    revision = ref.revision or "main"
    if ref.commit is None:
        return revision
    return ref.commit[:7] if ref.commit.startswith(revision) else f"{revision} @ {ref.commit[:7]}"


def facts(details: ModelDetails) -> tuple[Fact, ...]:
    """The chips under a model's name."""
    found = [*_architecture(details), *_shape(details)]
    if details.summary.license:
        found.append(Fact(licence(details.summary.license), why="The licence that the model's author names"))
    if details.ref.kind == "hub":
        found.append(_gate(details.summary.gated))
        if details.summary.private:
            found.append(Fact("Private", why="Only accounts with access to this repository see it"))
    found.append(_code(details))
    if details.has_chat_template is False:
        found.append(Fact("No chat template", "warn", "Chat requests need a template: this model completes text"))
    return tuple(found)


def foreign_code(config: ModelConfig | None) -> tuple[str, ...]:
    """Other repositories whose code `config.json` names (`org/name--module.Class`)."""
    classes = config.auto_map.values() if config else ()
    names = (str(each).partition("--")[0] for each in classes if "--" in str(each))
    return tuple(dict.fromkeys(names))


def _architecture(details: ModelDetails) -> list[Fact]:
    names = details.config.architectures if details.config else details.summary.architectures
    if names:
        return [Fact(names[0], why="The class that config.json names")]
    model_type = details.config.model_type if details.config else ""
    return [Fact(model_type, why="The model type of config.json; it names no class")] if model_type else []


def _shape(details: ModelDetails) -> list[Fact]:
    """Parameters, dtype, context and quantization."""
    summary, config = details.summary, details.config
    found = []
    if summary.parameters and not is_packed(summary):
        found.append(Fact(f"{parameters(summary.parameters)} parameters", why=f"{grouped(summary.parameters)} in all"))
    named = config.dtype if config else None
    dtype = (summary.dtype if not is_packed(summary) else None) or (_DTYPES.get(named, named) if named else None)
    if dtype:
        found.append(Fact(dtype, why="The type of most weights"))
    if config and config.context_length:
        found.append(Fact(f"{grouped(config.context_length)} context", why="Tokens that the model was made for"))
    if config and config.quantization:
        found.append(Fact(f"{config.quantization} quantized", why="The method that config.json names"))
    return found


def _gate(gated: str | None) -> Fact:
    if not gated:
        return Fact("Not gated", "ok", "Anyone can download it")
    how = "its author decides who gets access" if gated == "manual" else "access is given at once"
    return Fact("Gated", "warn", f"You must accept its licence on its page; {how}")


def _code(details: ModelDetails) -> Fact:
    files = details.python_files
    if files:
        return Fact("Repo code", "warn", f"The repository brings Python code: {', '.join(each.path for each in files)}")
    if foreign := foreign_code(details.config):
        return Fact("Code of another repository", "warn", f"config.json names Python code of {', '.join(foreign)}")
    return Fact("No repo code", "ok", "Serving it runs no code of the repository")

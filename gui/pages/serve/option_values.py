"""Values of options as text in a form, and back. Knows no widgets."""

from __future__ import annotations

import json
import re
from typing import Any

from core.engines.arguments import parse_value
from core.engines.options import Option, OptionKind, OptionValue, ValueType
from core.hub.facts import ModelConfig
from gui.wording import grouped

ON, OFF = "true", "false"
_GROUPED = re.compile(r"[+-]?\d{1,3}([,_ ]\d{3})+")
_DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}


def is_boolean(option: Option) -> bool:
    """Its values are true and false."""
    return option.kind in (OptionKind.SWITCH, OptionKind.PAIR)


def is_switch(option: Option) -> bool:
    """It is on or off and nothing else: a toggle shows it. A pair without a default has a third state: unset."""
    return option.kind is OptionKind.SWITCH or (option.kind is OptionKind.PAIR and isinstance(option.default, bool))


def to_text(value: OptionValue) -> str:
    """As an editor shows a value; a list has one entry a line."""
    if isinstance(value, bool):
        return ON if value else OFF
    if isinstance(value, list):
        return "\n".join(value)
    return str(value)


def from_text(option: Option, text: str) -> OptionValue | None:
    """The value that a text means, None where it means the default.

    Raises:
        InputError: it means nothing; `field` is the option.
    """
    stripped = text.strip()
    if not stripped:
        return None
    value = _parsed(option, stripped)
    return None if is_default(option, value) else value


def _parsed(option: Option, text: str) -> OptionValue:
    if option.kind is OptionKind.LIST:
        return [line.strip() for line in text.splitlines() if line.strip()]
    if option.type is ValueType.INTEGER and _GROUPED.fullmatch(text):
        text = re.sub(r"[,_ ]", "", text)
    return parse_value(option, text)


def is_default(option: Option, value: OptionValue) -> bool:
    """The engine would do the same without the option."""
    default: Any = option.default
    if option.kind is OptionKind.SWITCH:
        return value is False
    if default is None:
        return False
    if option.kind is OptionKind.JSON or option.type is ValueType.JSON:
        try:
            wanted = json.loads(default) if isinstance(default, str) else default
            return bool(json.loads(str(value)) == wanted)
        except (ValueError, RecursionError):
            return False
    if isinstance(value, bool) or isinstance(default, bool):
        return value is default
    if isinstance(value, (int, float)) and isinstance(default, (int, float)):
        return value == default
    if isinstance(value, list):
        return isinstance(default, list) and value == [str(each) for each in default]
    return str(value) == str(default)


def default_words(option: Option, config: ModelConfig | None = None) -> str:
    """What happens without a value, for the placeholder: `8,192 from the model`, `0.92`, `not set`."""
    from_model = _from_model(option, config)
    if from_model:
        return from_model
    if option.default_text:
        return option.default_text
    default = option.default
    if default is None or default in ("", [], {}):
        return "not set"
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, (list, dict)):
        return json.dumps(default)
    return grouped(default) if isinstance(default, int) and default > 9999 else str(default)


def _from_model(option: Option, config: ModelConfig | None) -> str:
    if config is None:
        return ""
    if option.name == "max-model-len" and config.context_length:
        return f"{grouped(config.context_length)} from the model"
    if option.name == "dtype" and config.dtype and option.default in (None, "auto"):
        return f"auto ({_DTYPES.get(config.dtype, config.dtype)})"
    if option.name == "quantization" and option.default is None:
        return f"{config.quantization} from the model" if config.quantization else "none, as the model"
    return ""


def first_sentence(text: str, limit: int = 110) -> str:
    """The first sentence of a help text, cut at `limit` characters."""
    plain = " ".join(text.split())
    end = re.search(r"[.!?](\s|$)", plain)
    sentence = plain[: end.start()] if end else plain
    return sentence if len(sentence) <= limit else sentence[: limit - 1].rstrip() + "…"

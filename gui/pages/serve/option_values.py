"""Values of options as text in a form, and back. Knows no widgets."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from core.engines.options import Option, OptionKind, OptionValue, ValueType
from core.errors import InputError
from core.hub.facts import ModelConfig
from gui.wording import grouped

ON, OFF = "true", "false"
_HUMAN = re.compile(r"\d+(\.\d+)?\s*[kmgtKMGT]|auto|-1")
_GROUPED = re.compile(r"[+-]?\d{1,3}([,_ ]\d{3})+")
_DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}


def is_switch(option: Option) -> bool:
    """It is on or off and nothing else: a toggle shows it."""
    return option.kind is OptionKind.SWITCH or (
        isinstance(option.default, bool) and (option.kind is OptionKind.PAIR or option.type is ValueType.BOOLEAN)
    )


def is_boolean(option: Option) -> bool:
    """Its values are true and false."""
    return option.kind in (OptionKind.SWITCH, OptionKind.PAIR) or option.type is ValueType.BOOLEAN


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
    if is_boolean(option):
        return text == ON
    if option.kind is OptionKind.LIST:
        return [line.strip() for line in text.splitlines() if line.strip()]
    if option.kind is OptionKind.JSON or option.type is ValueType.JSON:
        return _json(option, text)
    if option.type is ValueType.INTEGER:
        return _integer(option, text)
    if option.type is ValueType.NUMBER:
        return _number(option, text)
    return text


def _integer(option: Option, text: str) -> int | str:
    plain = re.sub(r"[,_ ]", "", text) if _GROUPED.fullmatch(text) else text
    try:
        return int(plain)
    except ValueError:
        pass
    if option.human_size and _HUMAN.fullmatch(text):
        return text.replace(" ", "")
    also = ", or a size like 8k or 1M" if option.human_size else ""
    raise InputError(f"“{text}” is no whole number.", field=option.name, remedy=f"Type digits{also}.")


def _number(option: Option, text: str) -> float:
    try:
        value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"“{text}” is no number.", field=option.name, remedy="Type a number, such as 0.85.")
    return value


def _json(option: Option, text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"This is no JSON: {error}.", field=option.name, remedy='Type JSON, such as {"key": 1}.'
        ) from error
    return text


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

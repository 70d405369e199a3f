"""From what a probe says of a parser to options: `probes/describe_*.py` give the input."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from core.engines.options import Option, OptionKind, OptionTable, ValueType
from core.engines.shipped import Hints, OptionHint
from core.errors import InstallationError

_JSON_CONVERTERS = {"loads", "parse_dataclass"}
_BOILERPLATE = (
    re.compile(r"\s*Parse human-readable integers like.*", re.DOTALL),
    re.compile(r"\s*Should either be a valid JSON string or JSON keys passed individually\.\s*"),
)
_CHOICES_IN_METAVAR = re.compile(r"\{([^{}]+)\}")


def vllm_table(answer: Any, hints: Hints) -> OptionTable:
    """The options of `vllm serve` from the answer of `describe_vllm.py`.

    Raises:
        InstallationError: it is no such answer.
    """
    try:
        values = {name: tuple(each) for name, each in answer["values"].items()}
        options = [
            _from_argparse(each, hints, values)
            for each in answer["actions"]
            if _name(each["flags"]) not in {"", "help", *hints.reserved}
        ]
        return OptionTable(engine="vllm", version=answer["version"], source="installation", options=tuple(options))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable("vLLM", error) from error


def transformers_table(answer: Any, hints: Hints) -> OptionTable:
    """The options of `transformers serve` from the answer of `describe_transformers.py`.

    Raises:
        InstallationError: it is no such answer.
    """
    try:
        values = {name: tuple(each) for name, each in answer["values"].items()}
        options = [
            _from_click(each, hints, values)
            for each in answer["parameters"]
            if not each["hidden"] and _name(each["flags"]) not in {"", "help", *hints.reserved}
        ]
        return OptionTable(
            engine="transformers", version=answer["version"], source="installation", options=tuple(options)
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable("Transformers", error) from error


def _unreadable(title: str, error: Exception) -> InstallationError:
    return InstallationError(
        f"{title} described its options in a way that Servedeck can't read: {type(error).__name__}: {error}.",
        remedy="Please report it with the engine's version.",
    )


def _name(flags: list[str]) -> str:
    return next((flag[2:] for flag in flags if flag.startswith("--")), "")


def _from_argparse(action: Mapping[str, Any], hints: Hints, values: Mapping[str, tuple[str, ...]]) -> Option:
    name = _name(action["flags"])
    hint = hints.of(name)
    converters = set(action["types"])
    default = None if action["default"] == "==SUPPRESS==" else action["default"]
    human = bool(converters & {"human_readable_int", "human_readable_int_or_auto"})
    suggestions = hint.suggestions or values.get(name, ()) or _from_metavar(action["metavar"])
    if "human_readable_int_or_auto" in converters:
        suggestions = ("auto", *suggestions)
    repeated = action["action"] == "_AppendAction"
    is_list = repeated or action["nargs"] in ("+", "*") or (isinstance(action["nargs"], int) and action["nargs"] > 1)
    if action["action"] == "BooleanOptionalAction":
        kind, value_type = OptionKind.PAIR, ValueType.BOOLEAN
    elif action["nargs"] == 0:
        kind, value_type = OptionKind.SWITCH, ValueType.BOOLEAN
    elif hint.is_json or converters & _JSON_CONVERTERS or _is_dict_or_text(converters, default):
        kind, value_type = OptionKind.JSON, ValueType.JSON
    else:
        kind = OptionKind.LIST if is_list else OptionKind.VALUE
        value_type = _number_type(converters, human)
    if kind is OptionKind.JSON and isinstance(default, str):
        default = None  # the text of a Python object, not JSON
    return Option(
        name=name,
        flags=tuple(flag for flag in action["flags"] if not flag.startswith("--no-") or flag == f"--{name}"),
        kind=kind,
        type=value_type,
        default=default,
        default_text=hint.default_text,
        choices=hint.choices or _choices(action["choices"]),
        suggestions=tuple(dict.fromkeys(suggestions)),
        group=_group(action["group"]),
        help=_help(action["help"]),
        deprecated=action["deprecated"] or "deprecated" in action["help"].lower()[:90],
        human_size=human,
        repeated=repeated,
    )


def _is_dict_or_text(converters: set[str], default: Any) -> bool:
    """`--hf-overrides` and its like take JSON or a name; those that begin as a dictionary mean JSON."""
    return "union_dict_and_str" in converters and (default is None or isinstance(default, dict))


def _number_type(converters: set[str], human: bool) -> ValueType:
    if human or "int" in converters:
        return ValueType.INTEGER
    return ValueType.NUMBER if "float" in converters else ValueType.TEXT


def _choices(choices: list[Any] | None) -> tuple[str, ...]:
    return tuple(str(each) for each in choices or () if each is not None and str(each) != "None")


def _from_metavar(metavar: str | None) -> tuple[str, ...]:
    found = _CHOICES_IN_METAVAR.search(metavar or "")
    return tuple(found.group(1).split(",")) if found else ()


def _group(title: str) -> str:
    """`ModelConfig` is the group Model; what argparse calls options is General."""
    return "General" if title.lower() in ("options", "optional arguments", "") else title.removesuffix("Config")


def _help(text: str) -> str:
    for pattern in _BOILERPLATE:
        text = pattern.sub("", text)
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(_unwrapped(paragraph) for paragraph in paragraphs)


def _unwrapped(paragraph: str) -> str:
    """Lines broken for a terminal joined again; list items stay on their own."""
    return "".join(_joined(paragraph.splitlines()))


def _joined(lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number:
            yield "\n" if re.match(r"\s*([-*•]|\d+[.)])\s", line) else " "
        yield line.strip()


def _from_click(parameter: Mapping[str, Any], hints: Hints, values: Mapping[str, tuple[str, ...]]) -> Option:
    name = _name(parameter["flags"])
    hint: OptionHint = hints.of(name)
    if parameter["is_flag"]:
        kind = OptionKind.PAIR if parameter["off_flags"] else OptionKind.SWITCH
        value_type = ValueType.BOOLEAN
    elif hint.is_json:
        kind, value_type = OptionKind.JSON, ValueType.JSON
    else:
        kind = OptionKind.LIST if parameter["multiple"] else OptionKind.VALUE
        value_type = _click_type(parameter["type"])
    choices = tuple(parameter["choices"] or ()) or hint.choices
    if not choices and hint.closed:
        choices = values.get(name, ())
    return Option(
        name=name,
        flags=tuple(parameter["flags"]),
        kind=kind,
        type=value_type,
        default=parameter["default"],
        default_text=hint.default_text,
        choices=choices,
        suggestions=() if choices else hint.suggestions or values.get(name, ()),
        group="Continuous batching" if name.startswith("cb-") or name == "continuous-batching" else "General",
        help=_help(parameter["help"]),
        deprecated=parameter["deprecated"],
        repeated=kind is OptionKind.LIST,
    )


def _click_type(name: str) -> ValueType:
    if name.startswith("integer"):
        return ValueType.INTEGER
    return ValueType.NUMBER if name.startswith("float") else ValueType.TEXT

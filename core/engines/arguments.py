"""Options as arguments of a command line, and texts as values of options."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping

from core.engines.options import Option, OptionKind, OptionTable, OptionValue, ValueType
from core.errors import InputError

_HUMAN_SIZE = re.compile(r"(\d+)(\.\d+)?([kmgtKMGT]?)")
_DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_TRUE = {"true", "yes", "on", "1", ""}
_FALSE = {"false", "no", "off", "0"}


def option_arguments(options: Mapping[str, OptionValue], table: OptionTable) -> tuple[str, ...]:
    """The arguments for all options, in the order given.

    Raises:
        InputError: an option is unknown to the table, or its value can't be written; `field` names the option.
    """
    arguments: list[str] = []
    for name, value in options.items():
        option = table.get(name)
        if option is None:
            raise InputError(
                f"{table.engine} {table.version} has no option {name}.", field=name, remedy="Remove it, or rename it."
            )
        arguments += _arguments(option, value)
    return tuple(arguments)


def _arguments(option: Option, value: OptionValue) -> list[str]:
    if option.kind in (OptionKind.SWITCH, OptionKind.PAIR):
        if not isinstance(value, bool):
            raise _unwritable(option, f"{option.name} is on or off; it takes no value.")
        if value:
            return [option.flag]
        return [f"--no-{option.name}"] if option.kind is OptionKind.PAIR else []
    if option.kind is OptionKind.LIST:
        return _list_arguments(option, value if isinstance(value, list) else [scalar_text(option, value)])
    text = scalar_text(option, value)
    # `--name -5` would be read as two options.
    return [f"{option.flag}={text}"] if text.startswith("-") else [option.flag, text]


def _list_arguments(option: Option, values: list[str]) -> list[str]:
    texts = [_checked(option, str(each)) for each in values]
    if option.repeated:
        return [
            part
            for text in texts
            for part in ([f"{option.flag}={text}"] if text.startswith("-") else [option.flag, text])
        ]
    if not texts:
        return []
    bad = next((text for text in texts if text.startswith("-")), None)
    if bad is not None and len(texts) > 1:
        raise _unwritable(option, f"A value of {option.name} can't begin with a dash: {bad}")
    return [f"{option.flag}={bad}"] if bad is not None else [option.flag, *texts]


def scalar_text(option: Option, value: OptionValue) -> str:
    """One value as the command line takes it.

    Raises:
        InputError: it can't be written.
    """
    if isinstance(value, (bool, list)):
        raise _unwritable(option, f"{option.name} takes one value, not {value!r}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise _unwritable(option, f"{option.name} can't be {value}.")
    if isinstance(value, float) and value.is_integer() and option.type is ValueType.INTEGER:
        value = int(value)
    return _checked(option, str(value))


def _checked(option: Option, text: str) -> str:
    if "\0" in text:
        raise _unwritable(option, f"{option.name} holds a NUL character.")
    return text


def _unwritable(option: Option, message: str) -> InputError:
    return InputError(message, field=option.name, remedy="Change or remove the value.")


def human_integer(text: str) -> int | None:
    """`8192`, `8k` (8000), `8K` (8192), `25.6k`; None if it is none of these. As vLLM reads them."""
    match = _HUMAN_SIZE.fullmatch(text.strip())
    if match is None:
        return None
    whole, fraction, unit = match.groups()
    if fraction:
        # vLLM: decimals with decimal units only.
        return int(float(whole + fraction) * _DECIMAL[unit]) if unit and unit in _DECIMAL else None
    return int(whole) * (_DECIMAL[unit] if unit in _DECIMAL else _BINARY[unit])


def option_value(table: OptionTable, text: str) -> tuple[str, OptionValue]:
    """What `--set NAME=VALUE` means: the option's own name, and the value in its type.

    A flag needs no value (`enforce-eager`, `enforce-eager=false`); several values of a list stand apart by spaces,
    quoted as in a shell; JSON is kept as its text.

    Raises:
        InputError: there is no such option, or the value is not of its type; `field` names the option.
    """
    name, equals, value = text.partition("=")
    option = table.get(name.strip())
    if option is None:
        raise InputError(
            f"{table.engine} {table.version} has no option {name.strip() or text!r}.",
            field=name.strip() or "--set",
            remedy="The options are those of the Serve form; extra arguments are not checked.",
        )
    if not equals and option.kind not in (OptionKind.SWITCH, OptionKind.PAIR):
        raise InputError(f"{option.name} needs a value.", field=option.name, remedy=f"Write {option.name}=VALUE.")
    return option.name, parse_value(option, value)


def parse_value(option: Option, text: str) -> OptionValue:
    """A text in the option's type.

    Raises:
        InputError: it is not of that type.
    """
    if option.kind in (OptionKind.SWITCH, OptionKind.PAIR):
        lowered = text.strip().lower()
        if lowered not in _TRUE | _FALSE:
            raise InputError(f"{text!r} is neither true nor false.", field=option.name, remedy="Write true or false.")
        return lowered in _TRUE
    if option.kind is OptionKind.LIST:
        try:
            return shlex.split(text)
        except ValueError as error:
            raise InputError(
                f"The values of {option.name} can't be told apart: {error}.",
                field=option.name,
                remedy="Mend the quotes.",
            ) from error
    if option.type is ValueType.INTEGER:
        return _parse_integer(option, text.strip())
    if option.type is ValueType.NUMBER:
        return _parse_number(option, text.strip())
    if option.kind is OptionKind.JSON:
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"This is no JSON: {error}.", field=option.name, remedy='Write it as {"key": 1}.'
            ) from error
    return text


def _parse_integer(option: Option, text: str) -> OptionValue:
    try:
        return int(text)
    except ValueError:
        if option.human_size and (human_integer(text) is not None or text in option.suggestions):
            return text
    also = " or a size such as 8k" if option.human_size else ""
    raise InputError(f"{text!r} is no whole number.", field=option.name, remedy=f"Write digits{also}.")


def _parse_number(option: Option, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{text!r} is no number.", field=option.name, remedy="Write a number, such as 0.85.")
    return number

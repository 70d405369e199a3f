"""What an engine's version would refuse of options and extra arguments, found before it is started."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence

from core.engines.arguments import human_integer
from core.engines.options import FieldProblem, Option, OptionKind, OptionTable, OptionValue, ValueType
from core.engines.shipped import Hints, History, OptionHint

EXTRA_ARGS = "extra_args"


class OptionChecker:
    """Checks against one table.

    Args:
        title: the engine's name for sentences.
        table: the options of the version that will run.
        hints: what its parser can't say.
        history: which versions had which options.
    """

    def __init__(self, title: str, table: OptionTable, hints: Hints, history: History | None = None) -> None:
        self._name = f"{title} {table.version}"
        self._table = table
        self._hints = hints
        self._history = history or History()

    def options(self, options: Mapping[str, OptionValue]) -> Iterator[FieldProblem]:
        """Problems of the options of a launch spec."""
        for name, value in options.items():
            plain = name.lstrip("-").replace("_", "-")
            if plain in self._hints.reserved:
                yield FieldProblem(name, f"{plain} is set by {self._hints.reserved[plain]}.", "Remove it here.")
                continue
            option = self._table.get(name)
            if option is None:
                yield FieldProblem(name, *self.unknown(plain))
                continue
            hint = self._hints.of(option.name)
            if hint.refused and value is not False:
                yield FieldProblem(name, hint.refused, "Remove it.")
                continue
            message = value_problem(option, hint, value)
            if message:
                yield FieldProblem(name, message, _remedy(option))
            elif option.deprecated:
                yield FieldProblem(
                    name,
                    f"{option.name} is deprecated in {self._name}.",
                    self._history.renamed.get(option.name, option.help),
                    is_warning=True,
                )
            else:
                yield from self._closed(name, option, hint, value, options)

    def unknown(self, name: str) -> tuple[str, str]:
        """Message and remedy for an option that the table lacks."""
        message = f"{self._name} has no option {name}"
        seen = self._history.seen.get(name)
        if seen is not None:
            first, last = seen
            message += f"; {last} still had it" if last != self._history.versions[-1] else f"; it came by {first}"
        known = [each.name for each in self._table.options]
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        remedy = self._history.renamed.get(name) or (f"Did you mean {close[0]}?" if close else "Remove it.")
        return f"{message}.", remedy

    def _closed(
        self, field: str, option: Option, hint: OptionHint, value: OptionValue, options: Mapping[str, OptionValue]
    ) -> Iterator[FieldProblem]:
        """Values that the parser takes and the engine then refuses when it starts."""
        is_open = hint.opened_by in options or f"--{hint.opened_by}" in options
        if not hint.closed or not option.suggestions or is_open or value in ("", *option.suggestions):
            return
        close = difflib.get_close_matches(str(value), option.suggestions, n=1)
        remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(option.suggestions)}."
        # Quantizations can be added by plugins that nothing announces, so that is no reason to refuse a launch.
        is_warning = option.name == "quantization"
        yield FieldProblem(field, f"{self._name} knows no {option.name} named {value}.", remedy, is_warning)

    def extra_args(self, arguments: Sequence[str]) -> Iterator[FieldProblem]:
        """Problems of arguments given as they stand. The field is `extra_args`."""
        flags = {flag: each for each in self._table.options for flag in each.flags}
        flags |= {f"--no-{each.name}": each for each in self._table.options if each.kind is OptionKind.PAIR}
        if arguments and not _is_flag(arguments[0]):
            yield FieldProblem(
                EXTRA_ARGS, f"{arguments[0]!r} stands without an option.", "Begin with an option, such as --seed 1."
            )
        takes_none = ""
        for argument in arguments:
            if not _is_flag(argument):
                if takes_none:
                    yield FieldProblem(
                        EXTRA_ARGS,
                        f"{takes_none} takes no value, but {argument!r} follows it.",
                        f"Write {takes_none} alone.",
                    )
                takes_none = ""
                continue
            name, equals, _ = argument.partition("=")
            found = self._flag(name, flags)
            if isinstance(found, FieldProblem):
                yield found
                takes_none = ""
                continue
            is_bare = found is not None and found.kind in (OptionKind.SWITCH, OptionKind.PAIR)
            if is_bare and equals:
                yield FieldProblem(EXTRA_ARGS, f"{name} takes no value.", f"Write {name} alone.")
            takes_none = name if is_bare and not equals else ""
            hint = self._hints.of(found.name) if found is not None else None
            if hint is not None and hint.refused:
                yield FieldProblem(EXTRA_ARGS, hint.refused, f"Remove {name}.")

    def _flag(self, flag: str, flags: Mapping[str, Option]) -> Option | FieldProblem | None:
        """The option of a flag as typed, or what is wrong with it; None if it is right, but of no option of ours."""
        if not flag.startswith("--"):
            return self._short_flag(flag, flags)
        plain = "--" + flag[2:].replace("_", "-")
        option = flags.get(plain) or flags.get(plain.partition(".")[0])  # `--hf-overrides.rope_theta`
        if option is not None:
            return option
        bare = plain[2:].removeprefix("no-")
        reserved = self._hints.reserved.get(plain[2:]) or self._hints.reserved.get(bare)
        if reserved is not None:
            return FieldProblem(EXTRA_ARGS, f"{flag} is set by {reserved}.", "Remove it here.")
        starts = {each.name: each for known, each in flags.items() if known.startswith(plain)}
        if len(starts) == 1:
            return next(iter(starts.values()))
        if starts:
            return FieldProblem(EXTRA_ARGS, f"{flag} may mean {', '.join(sorted(starts))}.", "Write the whole name.")
        message, remedy = self.unknown(plain[2:])
        return FieldProblem(EXTRA_ARGS, message, remedy)

    def _short_flag(self, flag: str, flags: Mapping[str, Option]) -> Option | FieldProblem | None:
        head = flag.partition(".")[0]  # `-cc.mode=3`
        if head in flags:
            return flags[head]
        if flag[:2] in flags or re.fullmatch(r"-O\d?", flag):  # `-O3`, `-qawq`
            return flags.get(flag[:2])
        return FieldProblem(EXTRA_ARGS, f"{self._name} has no option {flag}.", "Remove it.")


def _is_flag(argument: str) -> bool:
    return len(argument) > 1 and argument.startswith("-") and not re.fullmatch(r"-\d+(\.\d+)?([eE][+-]?\d+)?", argument)


def value_problem(option: Option, hint: OptionHint, value: OptionValue) -> str:
    """What is wrong with a value, a sentence; empty if nothing is known to be."""
    if option.kind in (OptionKind.SWITCH, OptionKind.PAIR):
        return "" if isinstance(value, bool) else f"{option.name} is on or off, not {value!r}."
    if isinstance(value, bool):
        return f"{option.name} takes a value; it can't just be on or off."
    if option.kind is OptionKind.LIST:
        values: list[OptionValue] = list(value) if isinstance(value, list) else [value]
        if not values:
            return f"{option.name} needs at least one value."
        return next((problem for each in values if (problem := _scalar_problem(option, hint, each))), "")
    if isinstance(value, list):
        return f"{option.name} takes one value, not {len(value)}."
    return _scalar_problem(option, hint, value)


def _scalar_problem(option: Option, hint: OptionHint, value: OptionValue) -> str:
    if option.type is ValueType.INTEGER:
        number: float | None = _integer(option, value)
        if number is None:
            return "" if _is_word(option, value) else f"{option.name} must be a whole number, not {value!r}."
    elif option.type is ValueType.NUMBER:
        number = _number(value)
        if number is None:
            return f"{option.name} must be a number, not {value!r}."
    else:
        number = None
        if option.type is ValueType.JSON and (problem := _json_problem(option, value)):
            return problem
    if option.choices and str(value) not in option.choices and not _same_number(number, option.choices):
        return f"{option.name} can't be {value!r}."
    return _range_problem(option, hint, number)


def _is_word(option: Option, value: OptionValue) -> bool:
    """`auto` and -1 for a size that the engine chooses."""
    return option.human_size and str(value).strip() in option.suggestions


def _integer(option: Option, value: OptionValue) -> int | None:
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    text = str(value).strip()
    if re.fullmatch(r"[+-]?\d{1,30}", text):
        return int(text)
    return human_integer(text) if option.human_size else None


def _number(value: OptionValue) -> float | None:
    try:
        number = float(str(value))
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _same_number(number: float | None, choices: tuple[str, ...]) -> bool:
    return number is not None and any(_number(each) == number for each in choices)


def _json_problem(option: Option, value: OptionValue) -> str:
    try:
        json.loads(str(value))
    except (ValueError, RecursionError) as error:
        return f"{option.name} must be JSON: {error}."
    return ""


def _range_problem(option: Option, hint: OptionHint, number: float | None) -> str:
    if number is None or ("auto" in option.suggestions and number == -1):
        return ""
    if hint.above is not None and number <= hint.above:
        return f"{option.name} must be greater than {hint.above:g}, not {number:g}."
    if hint.minimum is not None and number < hint.minimum:
        return f"{option.name} must be at least {hint.minimum:g}, not {number:g}."
    if hint.maximum is not None and number > hint.maximum:
        return f"{option.name} must be at most {hint.maximum:g}, not {number:g}."
    return ""


def _remedy(option: Option) -> str:
    if option.choices:
        return f"Choose one of {', '.join(option.choices)}."
    if option.default_text:
        return f"Without it: {option.default_text}."
    return f"The default is {option.default}." if option.default not in (None, "", [], {}) else "Change or remove it."

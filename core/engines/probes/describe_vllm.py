"""Run by the Python of a vLLM environment: writes what `vllm serve` takes as JSON to the file that argv names.

vLLM's own command builds its parser; it is caught the moment it would parse, so that what we see is what it takes.
"""

import argparse
import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


class _ParserReady(BaseException):
    """Ends vLLM's `main` once its parser is complete; no `except Exception` of vLLM may hold it."""


def _caught_parser() -> Any:
    caught: list[Any] = []

    def catch(self: Any, *_args: Any, **_kwargs: Any) -> Any:
        caught.append(self)
        raise _ParserReady

    # With `--help` among the arguments vLLM reads the help texts, which it skips otherwise.
    sys.argv = ["vllm", "serve", "--help=all"]
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="vllm")
    main = entry.load()
    try:
        from vllm.utils.argparse_utils import FlexibleArgumentParser
    except ImportError:  # up to 0.10
        from vllm.utils import FlexibleArgumentParser
    FlexibleArgumentParser.parse_args = catch
    FlexibleArgumentParser.parse_known_args = catch
    try:
        main()
    except _ParserReady:
        pass
    return caught[0]


def _serve_parser(parser: Any) -> Any:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices["serve"]
    raise SystemExit("vLLM's parser has no subcommands")


def _type_names(converter: Any, depth: int = 3) -> list[str]:
    """Names of the converter and of those that it wraps (`optional_type(int)` holds `int` in a closure cell)."""
    if converter is None:
        return []
    names = [getattr(converter, "__name__", type(converter).__name__)]
    if depth:
        for cell in getattr(converter, "__closure__", None) or ():
            try:
                held = cell.cell_contents
            except ValueError:
                continue
            if callable(held):
                names += _type_names(held, depth - 1)
    return names


def _plain(value: Any) -> Any:
    """The value if JSON can hold it, else its text."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return str(value)
    return value


def _action(action: Any, group: str, deprecated: bool) -> dict[str, Any]:
    return {
        "flags": list(action.option_strings),
        "dest": action.dest,
        "group": group,
        "action": type(action).__name__,
        "nargs": action.nargs,
        "types": _type_names(action.type),
        "default": _plain(action.default),
        "choices": None if action.choices is None else [_plain(each) for each in action.choices],
        "metavar": action.metavar if isinstance(action.metavar, str) else None,
        "help": action.help or "",
        "deprecated": bool(getattr(action, "deprecated", False)) or deprecated,
    }


def _known_values(problems: list[str]) -> dict[str, list[str]]:
    """Values that the parser takes as any text, from vLLM's registries."""
    values: dict[str, list[str]] = {}

    def ask(option: str, load: Callable[[], Iterable[Any]]) -> None:
        try:
            values[option] = sorted(str(each) for each in load())
        except Exception as error:
            problems.append(f"{option}: {type(error).__name__}: {error}")

    def quantizations() -> list[Any]:
        from vllm.model_executor.layers import quantization

        hidden = set(getattr(quantization, "DEPRECATED_QUANTIZATION_METHODS", ()))
        return [each for each in quantization.QUANTIZATION_METHODS if each not in hidden]

    def tool_parsers() -> list[Any]:
        try:
            from vllm.tool_parsers import ToolParserManager
        except ImportError:
            from vllm.entrypoints.openai.tool_parsers import ToolParserManager
        return _registered(ToolParserManager)

    def reasoning_parsers() -> list[Any]:
        from vllm.reasoning import ReasoningParserManager

        return _registered(ReasoningParserManager)

    ask("quantization", quantizations)
    ask("tool-call-parser", tool_parsers)
    ask("reasoning-parser", reasoning_parsers)
    return values


def _registered(manager: Any) -> list[Any]:
    if hasattr(manager, "list_registered"):
        return list(manager.list_registered())
    for name in ("tool_parsers", "reasoning_parsers"):
        if hasattr(manager, name):
            return list(getattr(manager, name))
    raise LookupError(f"{manager.__name__} has no list")


def _main(target: str) -> None:
    serve = _serve_parser(_caught_parser())
    deprecated = getattr(serve, "_deprecated", ())
    problems: list[str] = []
    answer = {
        "version": importlib.metadata.version("vllm"),
        "actions": [
            _action(action, group.title or "", action in deprecated)
            for group in serve._action_groups
            for action in group._group_actions
        ],
        "values": _known_values(problems),
        "problems": problems,
    }
    Path(target).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1])

"""Run by the Python of a Transformers environment: writes what `transformers serve` takes as JSON to the file in argv.

Transformers up to 5.19 builds its command with Typer, later ones with huggingface_hub's own layer; both end as click
parameters, which is what is read here.
"""

import importlib.metadata
import inspect
import json
import sys
from pathlib import Path
from typing import Any


def _serve_command() -> Any:
    from transformers.cli.transformers import app

    group = app
    if not hasattr(group, "commands"):
        import typer.main

        group = typer.main.get_command(app)
    command = group.commands["serve"]
    return command.materialize() if hasattr(command, "materialize") else command


def _own_names(command: Any) -> set[str]:
    """Names that Transformers' own function takes: the command line's layer adds some for its own output."""
    function = inspect.unwrap(command.callback) if command.callback else None
    return set(inspect.signature(function).parameters) if function else set()


def _plain(value: Any) -> Any:
    value = getattr(value, "value", value)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return str(value)
    return value


def _parameter(parameter: Any) -> dict[str, Any]:
    kind = parameter.type
    choices = getattr(kind, "choices", None)
    default = parameter.default
    if callable(default) or type(default).__name__ == "Sentinel":  # click 8.3 marks 'unset' with a sentinel
        default = None
    return {
        "flags": list(parameter.opts),
        "off_flags": list(parameter.secondary_opts),
        "name": parameter.name,
        "is_flag": bool(getattr(parameter, "is_flag", False)),
        "multiple": bool(getattr(parameter, "multiple", False)) or parameter.nargs != 1,
        "type": getattr(kind, "name", type(kind).__name__),
        "default": _plain(default),
        "choices": None if choices is None else [str(_plain(each)) for each in choices],
        "help": getattr(parameter, "help", None) or "",
        "hidden": bool(getattr(parameter, "hidden", False)),
        "deprecated": bool(getattr(parameter, "deprecated", False)),
    }


def _known_values(problems: list[str]) -> dict[str, list[str]]:
    try:
        from transformers.utils import logging

        return {"log-level": list(logging.log_levels)}
    except Exception as error:
        problems.append(f"log-level: {type(error).__name__}: {error}")
        return {}


def _main(target: str) -> None:
    command = _serve_command()
    names = _own_names(command)
    problems: list[str] = []
    answer = {
        "version": importlib.metadata.version("transformers"),
        "parameters": [
            _parameter(each)
            for each in command.params
            if each.param_type_name == "option" and (not names or each.name in names)
        ],
        "values": _known_values(problems),
        "problems": problems,
    }
    Path(target).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1])

"""Reading tables out of an engine's source files without running them: what is needed of Python's syntax, no more."""

from __future__ import annotations

import ast
import contextlib
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Tables = dict[str, Any]
"""Names of a module and their values: strings, lists, dictionaries; a name whose value can't be told is left out."""

_PARSING = threading.Lock()
"""`ast.parse` in two threads at once fails now and then on Python 3.11: "AST constructor recursion depth mismatch"."""
_DICTIONARIES = {"OrderedDict", "dict", "LazyConfigDict", "_LazyConfigMapping"}


class _NotPlainError(Exception):
    """An expression that is no plain data."""


def read_tables(path: Path, known: Mapping[str, Any] | None = None) -> Tables:
    """The plain data that a module binds to names at its top level.

    Args:
        path: the module's file.
        known: names that it may import from modules read before.

    Raises:
        OSError: it can't be read.
        ValueError: it is no Python.
    """
    tree = _parsed(path)
    tables: Tables = dict(known or {})
    for statement in tree.body:
        try:
            _read_statement(statement, tables)
        except (_NotPlainError, TypeError, ValueError, RecursionError):
            continue
    return tables


def _parsed(path: Path) -> ast.Module:
    text = path.read_text(encoding="utf-8")
    try:
        with _PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of their code, such as an invalid escape in a string
            return ast.parse(text)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{path} is no Python that can be read: {error}") from error


def _read_statement(statement: ast.stmt, tables: Tables) -> None:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        _read_update(statement.value, tables)
        return
    else:
        return
    if isinstance(target, ast.Name):
        tables[target.id] = _value(value, tables)


def _read_update(call: ast.Call, tables: Tables) -> None:
    """`NAME.update({...})`."""
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr == "update" and isinstance(function.value, ast.Name):
        old, new = tables.get(function.value.id), _value(call.args[0], tables)
        if isinstance(old, dict) and isinstance(new, dict):
            tables[function.value.id] = {**old, **new}


def _value(node: ast.expr, tables: Tables) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in tables:
            return tables[name]
        case ast.List() | ast.Tuple() | ast.Set():
            return _items(node.elts, tables)
        case ast.Dict():
            return _dictionary(node, tables)
        case ast.Call():
            return _called(node, tables)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            return _value(inner, tables)
    raise _NotPlainError


def _items(nodes: list[ast.expr], tables: Tables) -> list[Any]:
    items: list[Any] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            items.extend(_value(node.value, tables))
        else:
            items.append(_value(node, tables))
    return items


def _dictionary(node: ast.Dict, tables: Tables) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            # What is computed (vLLM repeats some text models among its embedding models) is not plain: left out.
            with contextlib.suppress(_NotPlainError):
                found.update(_value(value, tables))
        else:
            found[_value(key, tables)] = _value(value, tables)
    return found


def _called(node: ast.Call, tables: Tables) -> Any:
    """`OrderedDict([...])`, `OrderedDict(**{...})`, `LazyConfigDict(name="…")`, `list(NAME.items())` and their like."""
    function = node.func
    if isinstance(function, ast.Attribute) and function.attr in ("items", "keys", "values"):
        holder = _value(function.value, tables)
        return [list(each) if isinstance(each, tuple) else each for each in getattr(holder, function.attr)()]
    if not isinstance(function, ast.Name):
        raise _NotPlainError
    if function.id in ("list", "tuple", "set", "frozenset", "sorted"):
        return list(_value(node.args[0], tables)) if node.args else []
    if function.id not in _DICTIONARIES:
        raise _NotPlainError
    found: dict[str, Any] = {}
    for argument in node.args:
        given = _value(argument, tables)
        found.update(given if isinstance(given, dict) else {pair[0]: pair[1] for pair in given})
    for keyword in node.keywords:
        value = _value(keyword.value, tables)
        found.update(value if keyword.arg is None else {keyword.arg: value})
    return found


def class_flag(path: Path, class_name: str, flag: str) -> bool | None:
    """Whether a class sets `flag = True`, itself or by a base class of the same file; None if there is no such class.

    Raises:
        OSError: the file can't be read.
        ValueError: it is no Python.
    """
    tree = _parsed(path)
    classes = {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}
    if class_name not in classes:
        return None
    waiting, seen = [class_name], set()
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in classes:
            continue
        seen.add(name)
        value = _flag_of(classes[name], flag)
        if value is not None:
            return value
        waiting.extend(base.id for base in classes[name].bases if isinstance(base, ast.Name))
    return False


def _flag_of(definition: ast.ClassDef, flag: str) -> bool | None:
    for statement in definition.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == flag for target in targets):
            value = statement.value if isinstance(statement, ast.Assign) else None
            return bool(isinstance(value, ast.Constant) and value.value)
    return None

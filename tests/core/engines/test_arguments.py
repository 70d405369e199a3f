"""Options become arguments that the engine's own kind of parser reads back as the same values."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.arguments import human_integer, option_arguments, option_value, parse_value
from core.engines.catalog import Catalog
from core.engines.options import Option, OptionKind, OptionTable, OptionValue, ValueType
from core.errors import InputError

VLLM = Catalog().get("vllm").shipped_options()
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


def option(name: str, kind: OptionKind, value_type: ValueType, **more: Any) -> Option:
    return Option(name=name, flags=(f"--{name}",), kind=kind, type=value_type, **more)


TABLE = OptionTable(
    engine="vllm",
    version="1",
    source="shipped",
    options=(
        option("text", OptionKind.VALUE, ValueType.TEXT),
        option("number", OptionKind.VALUE, ValueType.NUMBER),
        option("whole", OptionKind.VALUE, ValueType.INTEGER, human_size=True, suggestions=("auto",)),
        option("json", OptionKind.JSON, ValueType.JSON),
        option("pair", OptionKind.PAIR, ValueType.BOOLEAN, default=False),
        option("switch", OptionKind.SWITCH, ValueType.BOOLEAN, default=False),
        option("list", OptionKind.LIST, ValueType.TEXT),
        option("again", OptionKind.LIST, ValueType.TEXT, repeated=True),
    ),
)


def parser_of(table: OptionTable) -> argparse.ArgumentParser:
    """The parser that the table describes, built of argparse's own actions as vLLM builds its own."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("model", nargs="?")
    types: dict[ValueType, Any] = {ValueType.INTEGER: int, ValueType.NUMBER: float, ValueType.JSON: json.loads}
    for each in table.options:
        if each.kind is OptionKind.PAIR:
            parser.add_argument(*each.flags, dest=each.name, action=argparse.BooleanOptionalAction)
        elif each.kind is OptionKind.SWITCH:
            parser.add_argument(*each.flags, dest=each.name, action="store_true")
        elif each.repeated:
            parser.add_argument(*each.flags, dest=each.name, action="append")
        else:
            nargs = "+" if each.kind is OptionKind.LIST else None
            parser.add_argument(*each.flags, dest=each.name, nargs=nargs, type=types.get(each.type, str))
    return parser


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXT,
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "whole": st.integers(-(10**12), 10**12),
    "json": st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.dictionaries(TEXT, inner)
    ).map(json.dumps),
    "pair": st.booleans(),
    "switch": st.booleans(),
    "list": st.lists(TEXT.filter(lambda text: not text.startswith("-")), min_size=1, max_size=4),
    "again": st.lists(TEXT, min_size=1, max_size=4),
}


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_what_is_written_is_read_back(options: dict[str, OptionValue]) -> None:
    arguments = option_arguments(options, TABLE)
    read = vars(parser_of(TABLE).parse_args(["some/model", *arguments]))
    for name, value in options.items():
        wanted = json.loads(str(value)) if name == "json" else value
        assert read[name] == wanted, (name, arguments)


@given(TEXT, st.sampled_from(list(VALUES)))
def test_a_typed_text_becomes_a_value_or_a_clear_error(text: str, name: str) -> None:
    wanted = TABLE.get(name)
    assert wanted is not None
    value, problem = _parsed(wanted, text)
    if problem is not None:
        assert problem.field == name
    elif value is not None and not _dashes(value):
        option_arguments({name: value}, TABLE)


def _parsed(wanted: Option, text: str) -> tuple[OptionValue | None, InputError | None]:
    try:
        return parse_value(wanted, text), None
    except InputError as error:
        return None, error


def _dashes(value: OptionValue) -> bool:
    return isinstance(value, list) and any(each.startswith("-") for each in value)


@pytest.mark.parametrize("value", [True, False])
def test_flags_take_no_value(value: bool) -> None:
    assert option_arguments({"pair": value}, TABLE) == (("--pair",) if value else ("--no-pair",))
    assert option_arguments({"switch": value}, TABLE) == (("--switch",) if value else ())


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"nope": 1}, "nope"),
        ({"pair": "yes"}, "pair"),
        ({"text": True}, "text"),
        ({"text": ["a", "b"]}, "text"),
        ({"text": "a\0b"}, "text"),
        ({"number": float("nan")}, "number"),
        ({"list": ["a", "-b"]}, "list"),
    ],
)
def test_what_cannot_be_written_names_its_field(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        option_arguments(options, TABLE)
    assert caught.value.field == field
    assert caught.value.remedy


def test_a_value_that_begins_with_a_dash_is_bound_to_its_option() -> None:
    assert option_arguments({"whole": -1}, TABLE) == ("--whole=-1",)
    assert option_arguments({"list": ["--x"]}, TABLE) == ("--list=--x",)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8192", 8192),
        ("8k", 8000),
        ("8K", 8192),
        ("1M", 2**20),
        ("25.6k", 25600),
        ("1.5K", None),
        ("k", None),
        ("", None),
        ("auto", None),
        ("8kk", None),
        ("1.5", None),
    ],
)
def test_sizes_are_read_as_vllm_reads_them(text: str, number: int | None) -> None:
    assert human_integer(text) == number


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("max-model-len=8k", ("max-model-len", "8k")),
        ("max_model_len=2048", ("max-model-len", 2048)),
        ("max-model-len=auto", ("max-model-len", "auto")),
        ("gpu-memory-utilization=0.85", ("gpu-memory-utilization", 0.85)),
        ("enforce-eager", ("enforce-eager", True)),
        ("enforce-eager=false", ("enforce-eager", False)),
        ("--dtype=float32", ("dtype", "float32")),
        ("-tp=2", ("tensor-parallel-size", 2)),
        ("served-model-name='a b' c", ("served-model-name", ["a b", "c"])),
        ('hf-overrides={"a": 1}', ("hf-overrides", '{"a": 1}')),
    ],
)
def test_set_on_the_command_line(text: str, wanted: tuple[str, OptionValue]) -> None:
    assert option_value(VLLM, text) == wanted


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("nope=1", "nope"),
        ("max-model-len", "max-model-len"),
        ("max-model-len=long", "max-model-len"),
        ("seed=1.5", "seed"),
        ("seed=8k", "seed"),
        ("gpu-memory-utilization=much", "gpu-memory-utilization"),
        ("gpu-memory-utilization=nan", "gpu-memory-utilization"),
        ("enforce-eager=maybe", "enforce-eager"),
        ("hf-overrides={", "hf-overrides"),
        ("served-model-name='a", "served-model-name"),
        ("", "--set"),
    ],
)
def test_a_wrong_set_names_the_option(text: str, field: str) -> None:
    with pytest.raises(InputError) as caught:
        option_value(VLLM, text)
    assert caught.value.field == field


def test_every_option_of_the_real_tables_can_be_written_and_read_back() -> None:
    for engine in ("vllm", "transformers"):
        table = Catalog().get(engine).shipped_options()
        parser = parser_of(table)
        for each in table.options:
            value = _some_value(each)
            read = vars(parser.parse_args(["model", *option_arguments({each.name: value}, table)]))
            expected = json.loads(str(value)) if each.type is ValueType.JSON else value
            assert read[each.name] == expected, each.name


def _some_value(each: Option) -> OptionValue:
    if each.kind in (OptionKind.SWITCH, OptionKind.PAIR):
        return True
    if each.kind is OptionKind.JSON:
        return '{"key": [1, 2]}'
    if each.type is ValueType.INTEGER and each.kind is OptionKind.VALUE:
        return int(each.choices[0]) if each.choices else 7
    if each.type is ValueType.NUMBER:
        return 0.5
    value = each.choices[0] if each.choices else "value"
    if each.kind is OptionKind.LIST:
        return [3, 4] if each.type is ValueType.INTEGER else [value]  # type: ignore[list-item]
    return value

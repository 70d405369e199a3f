"""The Serve form without its widgets: texts as typed and what they mean."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.deployments.launch_spec import CodeConsent, LaunchSpec
from core.engines.options import Option, OptionKind, OptionTable, ValueType
from core.engines.support import Implementation
from core.errors import InputError
from core.hub.facts import ModelConfig
from core.hub.model_ref import ModelRef
from gui.models.options import find_options
from gui.pages.serve.form_state import FormState, Variable
from gui.pages.serve.option_values import default_words, first_sentence, from_text, to_text

REF = ModelRef(kind="hub", id="acme/tiny", commit="a" * 40)


def option(name: str, kind: OptionKind = OptionKind.VALUE, type_: ValueType = ValueType.TEXT, **more: object) -> Option:
    return Option(name=name, flags=(f"--{name}",), kind=kind, type=type_, **more)  # type: ignore[arg-type]


LENGTH = option("max-model-len", type_=ValueType.INTEGER, human_size=True)
SHARE = option("gpu-memory-utilization", type_=ValueType.NUMBER, default=0.92)
EAGER = option("enforce-eager", OptionKind.PAIR, ValueType.BOOLEAN, default=False)
LORA = option("enable-lora", OptionKind.PAIR, ValueType.BOOLEAN, default=None)
NAMES = option("served-model-name", OptionKind.LIST)
CONFIG = option(
    "compilation-config", OptionKind.JSON, ValueType.JSON, default={"level": 3}, help="How to compile. More."
)
DTYPE = option("dtype", choices=("auto", "half"), default="auto", help="Type of the weights, such as half.")
TABLE = OptionTable(
    engine="vllm", version="0.32.0", source="shipped", options=(LENGTH, SHARE, EAGER, LORA, NAMES, CONFIG, DTYPE)
)


def state(**values: object) -> FormState:
    return FormState(model=REF, name="tiny", engine="vllm", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("which", "text", "value"),
    [
        (LENGTH, " 8192 ", 8192),
        (LENGTH, "16,384", 16384),
        (LENGTH, "8k", "8k"),
        (LENGTH, "", None),
        (SHARE, "0.85", 0.85),
        (SHARE, "0.92", None),
        (EAGER, "true", True),
        (EAGER, "false", None),
        (LORA, "false", False),
        (NAMES, "one\n two \n\n", ["one", "two"]),
        (CONFIG, '{"level": 3}', None),
        (CONFIG, '{"level": 2}', '{"level": 2}'),
        (DTYPE, "auto", None),
        (DTYPE, "half", "half"),
    ],
)
def test_a_text_means_a_value_or_the_default(which: Option, text: str, value: object) -> None:
    assert from_text(which, text) == value


@pytest.mark.parametrize(("which", "text"), [(LENGTH, "long"), (SHARE, "nan"), (SHARE, "much"), (CONFIG, "{")])
def test_a_text_that_means_nothing_names_its_option(which: Option, text: str) -> None:
    with pytest.raises(InputError) as caught:
        from_text(which, text)
    assert caught.value.field == which.name
    assert caught.value.remedy


@given(st.text())
def test_no_text_breaks_an_editor(text: str) -> None:
    for each in TABLE.options:
        if each.kind in (OptionKind.PAIR, OptionKind.SWITCH):
            continue
        try:
            value = from_text(each, text)
        except InputError:
            continue
        if value is not None:
            assert from_text(each, to_text(value)) == value


def test_defaults_are_said_in_words() -> None:
    config = ModelConfig({"max_position_embeddings": 32768, "torch_dtype": "bfloat16"})
    assert default_words(LENGTH, config) == "32,768 from the model"
    assert default_words(LENGTH) == "not set"
    assert default_words(DTYPE, config) == "auto (BF16)"
    assert default_words(SHARE) == "0.92"
    assert default_words(EAGER) == "off"
    assert first_sentence("One sentence. Another one.") == "One sentence"
    assert first_sentence("Version 0.5 of it") == "Version 0.5 of it"


def test_a_form_becomes_a_launch_spec() -> None:
    form = state(
        port="8123",
        entries={"max-model-len": "4096", "gpu-memory-utilization": "0.92", "enforce-eager": "true"},
        extra="--seed 1 --name 'a b'",
        variables=[Variable("OMP_NUM_THREADS", "2"), Variable("HF_API_KEY", "hush"), Variable()],
        implementation=Implementation.TRANSFORMERS,
    )
    spec, problems = form.build(TABLE)
    assert problems == ()
    assert spec is not None
    assert spec.port == 8123
    assert spec.options == {"max-model-len": 4096, "enforce-eager": True}
    assert spec.extra_args == ("--seed", "1", "--name", "a b")
    assert spec.env == {"OMP_NUM_THREADS": "2"}
    assert spec.secret_env == ("HF_API_KEY",)
    assert form.secret_values() == {"HF_API_KEY": "hush"}
    assert "hush" not in spec.to_toml()
    assert form.differing(TABLE) == ("max-model-len", "enforce-eager")


def test_everything_that_is_wrong_is_told_at_once() -> None:
    form = state(
        port="80",
        host="everywhere",
        entries={"max-model-len": "long"},
        extra="--name 'a",
        variables=[Variable("A B", "1"), Variable("MY_TOKEN", ""), Variable("", "x")],
    )
    form.name = "not a name"
    spec, problems = form.build(TABLE)
    assert spec is not None, "a draft, so that the rest can be checked"
    assert {each.field for each in problems} == {
        "name",
        "port",
        "host",
        "max-model-len",
        "extra_args",
        "env",
        "MY_TOKEN",
    }


def test_an_address_for_all_needs_a_key() -> None:
    form = state(host="0.0.0.0")
    assert form.needs_key
    assert [each.field for each in form.build(TABLE)[1]] == ["api_key"]
    form.api_key = "sd-1"
    spec, problems = form.build(TABLE)
    assert problems == ()
    assert spec is not None
    assert spec.api_key
    assert "sd-1" not in repr(form)


def test_a_secret_argument_is_refused() -> None:
    _, problems = state(extra="--api-key=hush").build(TABLE)
    assert [each.field for each in problems] == ["extra_args"]


def test_an_option_of_another_version_is_kept_and_not_lost() -> None:
    spec, problems = state(entries={"old-flag": "1"}).build(TABLE)
    assert problems == ()
    assert spec is not None
    assert spec.options == {"old-flag": "1"}


@pytest.mark.parametrize("keeps", [True, False])
def test_a_launch_spec_comes_back_as_it_was(*, keeps: bool) -> None:
    consent = CodeConsent(commit="a" * 40, files=(("modeling.py", 10),))
    spec = LaunchSpec(
        name="tiny",
        model=REF,
        engine="vllm",
        host="0.0.0.0",
        api_key=True,
        port=8200,
        options={"max-model-len": 4096, "served-model-name": ["one", "two"], "enforce-eager": True},
        extra_args=("--x", "a b"),
        env={"A": "1"},
        secret_env=("MY_TOKEN",),
        trust_remote_code=True,
        consent=consent,
    )
    form = FormState.from_spec(spec, keeps_secrets=keeps)
    again, problems = form.build(TABLE)
    if keeps:
        assert again == spec
    else:  # a copy has no secrets yet
        assert {each.field for each in problems} == {"api_key", "MY_TOKEN"}


def test_options_are_found_by_name_and_help() -> None:
    assert [each.name for each in find_options(TABLE.options, "max_model")] == ["max-model-len"]
    assert [each.name for each in find_options(TABLE.options, "--dty")] == ["dtype"]
    assert [each.name for each in find_options(TABLE.options, "type weights")] == ["dtype"]
    assert next(each.name for each in find_options(TABLE.options, "comp")) == "compilation-config"
    assert find_options(TABLE.options, "") == ()
    assert find_options(TABLE.options, "nothing like it") == ()


def test_a_round_trip_of_json_keeps_its_text() -> None:
    text = json.dumps({"level": 1})
    assert to_text(from_text(CONFIG, text) or "") == text

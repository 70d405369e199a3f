"""What is told before a launch: the field, the sentence, the remedy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.deployments.launch_spec import LaunchSpec
from core.engines.catalog import Catalog
from core.engines.options import FieldProblem, OptionTable
from core.engines.support import Implementation
from core.hub.facts import ModelConfig

CATALOG = Catalog()
VLLM = CATALOG.get("vllm")
TRANSFORMERS = CATALOG.get("transformers")
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_attention_heads": 9}


def spec(engine: str = "vllm", **values: Any) -> LaunchSpec:
    model = {"kind": "hub", "id": "org/name", "commit": "a" * 40}
    return LaunchSpec.build(**{"name": "x", "model": model, "engine": engine, **values})


def check(engine: str = "vllm", config: dict[str, Any] | None = None, **values: Any) -> list[FieldProblem]:
    owner = CATALOG.get(engine)
    made = None if config is None else ModelConfig(config)
    return list(owner.check(spec(engine, **values), owner.shipped_options(), made))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max-model-len": 2048},
        {"max-model-len": "8k"},
        {"max-model-len": "auto"},
        {"max-model-len": -1},
        {"max_model_len": 2048},
        {"dtype": "float32", "enforce-eager": True},
        {"gpu-memory-utilization": 1},
        {"gpu-memory-utilization": "0.5"},
        {"served-model-name": ["a", "b"]},
        {"hf-overrides": '{"rope_theta": 1}'},
        {"max-lora-rank": 16},
        {"enable-auto-tool-choice": True, "tool-call-parser": "hermes"},
        {"tool-call-parser": "mine", "tool-parser-plugin": "/x.py"},
        {"enable-lora": True, "lora-modules": ["a=/b"]},
        {"headless": False},
        {"optimization-level": "2"},
        {"optimization-level": 3},
    ],
)
def test_what_vllm_takes_is_no_problem(options: dict[str, Any]) -> None:
    assert check(options=options) == []


@pytest.mark.parametrize(
    ("options", "field", "words", "remedy"),
    [
        (
            {"swap-space": 4},
            "swap-space",
            "vLLM 0.32.0 has no option swap-space; 0.15.1 still had it",
            "Nothing replaces",
        ),
        ({"task": "embed"}, "task", "has no option task", "Use runner"),
        ({"max-model-length": 1}, "max-model-length", "has no option", "Did you mean max-model-len?"),
        ({"zzz": 1}, "zzz", "has no option zzz", "Remove it"),
        ({"port": 1}, "port", "set by the port", "Remove it here"),
        ({"model-impl": "vllm"}, "model-impl", "set by the implementation", "Remove"),
        ({"max-model-len": "long"}, "max-model-len", "whole number", "taken from the model"),
        ({"max-model-len": 0}, "max-model-len", "at least 1", ""),
        ({"seed": "8k"}, "seed", "whole number", "default is 0"),
        ({"seed": True}, "seed", "takes a value", ""),
        ({"gpu-memory-utilization": 1.5}, "gpu-memory-utilization", "at most 1", ""),
        ({"gpu-memory-utilization": 0}, "gpu-memory-utilization", "greater than 0", ""),
        ({"gpu-memory-utilization": "much"}, "gpu-memory-utilization", "must be a number", ""),
        ({"dtype": "float8"}, "dtype", "can't be 'float8'", "bfloat16"),
        ({"max-lora-rank": 3}, "max-lora-rank", "can't be 3", "16"),
        ({"enforce-eager": "yes"}, "enforce-eager", "on or off", ""),
        ({"hf-overrides": "{"}, "hf-overrides", "must be JSON", ""),
        ({"served-model-name": []}, "served-model-name", "at least one", ""),
        ({"dtype": ["a", "b"]}, "dtype", "one value", ""),
        ({"headless": True}, "headless", "never be ready", "Remove"),
        ({"ssl-keyfile": "/k"}, "ssl-keyfile", "plain HTTP", "Remove"),
        ({"tool-call-parser": "hermse"}, "tool-call-parser", "knows no tool-call-parser named hermse", "hermes"),
        ({"enable-auto-tool-choice": True}, "tool-call-parser", "need a parser", "Choose"),
        ({"lora-modules": ["a=/b"]}, "lora-modules", "needs enable-lora", "Turn enable-lora on"),
        ({"enable-log-outputs": True}, "enable-log-outputs", "needs enable-log-requests", ""),
    ],
)
def test_what_vllm_refuses_is_told_at_the_field(options: dict[str, Any], field: str, words: str, remedy: str) -> None:
    problems = check(options=options)
    assert [each.field for each in problems] == [field]
    assert words in problems[0].message
    assert remedy in problems[0].remedy
    assert problems[0].message.endswith(".")
    assert not problems[0].is_warning


def test_an_option_of_a_later_version_says_where_it_was_seen() -> None:
    shipped = VLLM.shipped_options()
    old = OptionTable(
        engine="vllm",
        version="0.9.2",
        source="installation",
        options=tuple(each for each in shipped.options if each.name != "shutdown-timeout"),
    )
    problem = VLLM.check(spec(options={"shutdown-timeout": 3}), old, None)[0]
    assert "vLLM 0.9.2 has no option shutdown-timeout; it came by 0.24.0" in problem.message


def test_deprecated_options_and_unknown_quantizations_are_warnings() -> None:
    problems = check(options={"log-config-file": "/x"})
    assert problems[0].is_warning
    assert "deprecated" in problems[0].message
    problems = check(options={"quantization": "awqq"})
    assert problems[0].is_warning
    assert "awq" in problems[0].remedy


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seed", "1"), ""),
        (("--enforce-eager",), ""),
        (("--no-enforce-eager",), ""),
        (("--enforce_eager",), ""),
        (("-tp", "2"), ""),
        (("-tp=2",), ""),
        (("-O3",), ""),
        (("-cc.mode=3",), ""),
        (("--hf-overrides.rope_theta", "1"), ""),
        (("--max-model", "8k"), ""),
        (("--served-model-name", "a", "b", "--seed", "-1"), ""),
        (("--swap-space", "4"), "still had it"),
        (("--port", "1"), "set by the port"),
        (("--no-trust-remote-code",), "switch for the repository's code"),
        (("stray",), "without an option"),
        (("--enforce-eager", "true"), "takes no value"),
        (("--enforce-eager=true",), "takes no value"),
        (("--enable-p",), "may mean"),
        (("-zz",), "no option -zz"),
        (("--headless",), "never be ready"),
        (("--uds", "/x"), "socket file"),
    ],
)
def test_extra_arguments(arguments: tuple[str, ...], words: str) -> None:
    problems = check(extra_args=arguments)
    if not words:
        assert problems == []
    else:
        assert [each.field for each in problems] == ["extra_args"]
        assert words in problems[0].message


@pytest.mark.parametrize(
    ("options", "more", "config", "field", "words"),
    [
        ({"tensor-parallel-size": 2}, {}, {}, "tensor-parallel-size", "9 attention heads"),
        ({"tensor-parallel-size": 3}, {}, {}, "", ""),
        ({"max-model-len": 100_000}, {}, {"max_position_embeddings": 8192}, "max-model-len", "8,192 tokens"),
        ({"max-model-len": "16K"}, {}, {"max_position_embeddings": 8192}, "max-model-len", "16,384"),
        ({"max-model-len": 8192}, {}, {"max_position_embeddings": 8192}, "", ""),
        (
            {"max-model-len": 100_000},
            {"env": {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"}},
            {"max_position_embeddings": 8192},
            "",
            "",
        ),
        ({"max-model-len": 9000, "hf-overrides": "{}"}, {}, {"max_position_embeddings": 8192}, "", ""),
        (
            {"max-model-len": 9000},
            {},
            {"max_position_embeddings": 8192, "rope_scaling": {"rope_type": "linear", "factor": 4}},
            "",
            "",
        ),
        (
            {"max-model-len": 9000},
            {},
            {"max_position_embeddings": 8192, "rope_scaling": {"rope_type": "llama3", "factor": 4}},
            "max-model-len",
            "8,192",
        ),
        ({"max-model-len": 9000}, {}, {"max_position_embeddings": 8192, "model_max_length": 16384}, "", ""),
    ],
)
def test_what_the_model_forbids(
    options: dict[str, Any], more: dict[str, Any], config: dict[str, Any], field: str, words: str
) -> None:
    problems = check(config={**LLAMA, **config}, options=options, **more)
    assert [each.field for each in problems] == ([field] if field else [])
    assert not field or words in problems[0].message


def test_an_old_vllm_has_no_choice_of_implementations() -> None:
    table = VLLM.shipped_options().model_copy(update={"version": "0.6.6"})
    problems = VLLM.check(spec(implementation=Implementation.NATIVE), table, None)
    assert [each.field for each in problems] == ["implementation"]
    assert VLLM.check(spec(), table, None) == ()


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"implementation": "native"}, "implementation", "no native implementation"),
        ({"host": "0.0.0.0", "api_key": True}, "host", "can't ask for an API key"),
        ({"options": {"quantization": "awq"}}, "quantization", "can't be 'awq'"),
        ({"options": {"log-level": "loud"}}, "log-level", "can't be 'loud'"),
        ({"options": {"cb-max-memory-percent": 2}}, "cb-max-memory-percent", "at most 1"),
        ({"options": {"trust-remote-code": True}}, "trust-remote-code", "is set by"),
        ({"options": {"max-model-len": 1}}, "max-model-len", "Transformers 5.23.0 has no option"),
        ({"model": {"kind": "folder", "id": "/a@b/c"}}, "model", "reads what follows an @"),
        ({"extra_args": ("--nope",)}, "extra_args", "no option nope"),
        ({"options": {"dtype": "float32", "compile": False, "chat-template-kwargs": "{}"}}, "", ""),
        ({"extra_args": ("--log-level", "info", "--no-compile")}, "", ""),
    ],
)
def test_what_transformers_refuses(values: dict[str, Any], field: str, words: str) -> None:
    problems = check("transformers", **values)
    assert [each.field for each in problems] == ([field] if field else [])
    assert not field or words in problems[0].message


VALUES = st.one_of(
    st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.text(max_size=5), max_size=3)
)
NAMES = st.one_of(st.sampled_from([each.name for each in VLLM.shipped_options().options]), st.text(max_size=12))


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.lists(st.text(max_size=12), max_size=5))
def test_no_value_makes_the_check_fail(options: dict[str, Any], arguments: list[str]) -> None:
    clean = tuple(each.replace("\0", "") for each in arguments if not each.replace("_", "-").startswith("--"))
    for engine in ("vllm", "transformers"):
        for problem in check(engine, config=LLAMA, options=options, extra_args=clean):
            assert problem.message
            assert problem.field in {*options, "extra_args", "tool-call-parser", "tensor-parallel-size"}

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.deployments.launch_spec import CodeConsent, LaunchSpec, RuntimeKind, clean_name
from core.engines.support import Implementation
from core.errors import InputError

MODEL = {"kind": "hub", "id": "Qwen/Qwen2.5-1.5B-Instruct"}


def spec(**values: Any) -> LaunchSpec:
    return LaunchSpec.build(**{"name": "qwen", "model": MODEL, "engine": "vllm", **values})


FULL = spec(
    model={**MODEL, "revision": "main", "commit": "a" * 40},
    installation="managed:vllm",
    implementation="transformers",
    host="0.0.0.0",
    port=8123,
    options={
        "max-model-len": 8192,
        "gpu-memory-utilization": 0.9,
        "enforce-eager": True,
        "lora-modules": ["a=/x", "b=/y"],
        "hf-overrides": '{"rope": "a\\"b"}',
        "chat-template": "/tmp/é\n.jinja",
    },
    extra_args=("--seed", "7"),
    env={"VLLM_CPU_KVCACHE_SPACE": "2", "EMPTY": ""},
    secret_env=("MY_TOKEN",),
    api_key=True,
    trust_remote_code=True,
    consent=CodeConsent(commit="a" * 40, files=(("modeling.py", 100),)).model_dump(),
)


def test_the_saved_form_is_the_spec() -> None:
    for each in (spec(), FULL):
        assert LaunchSpec.from_toml(each.to_toml(), source="spec.toml") == each


def test_the_saved_form_can_be_read_by_people() -> None:
    text = FULL.to_toml()
    assert 'name = "qwen"' in text
    assert "max-model-len = 8192" in text
    assert tomllib.loads(text)["implementation"] == "transformers"


def test_values_keep_their_types() -> None:
    options = LaunchSpec.from_toml(FULL.to_toml(), source="").options
    assert options["enforce-eager"] is True
    assert isinstance(options["max-model-len"], int)
    assert isinstance(options["gpu-memory-utilization"], float)


def test_defaults_are_the_safe_ones() -> None:
    made = spec()
    assert (made.implementation, made.runtime) == (Implementation.AUTO, RuntimeKind.PROCESS)
    assert (made.host, made.port, made.trust_remote_code, made.api_key) == ("127.0.0.1", None, False, False)
    assert made.is_loopback


def test_it_can_not_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        spec().port = 8000  # type: ignore[misc]


def test_a_copy_with_changes_is_validated() -> None:
    assert spec().changed(port=8001).port == 8001
    with pytest.raises(InputError) as caught:
        spec().changed(port=80)
    assert caught.value.field == "port"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "../up"}, "name"),
        ({"name": "-x"}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"port": "many"}, "port"),
        ({"host": "example.org"}, "host"),
        ({"host": ""}, "host"),
        ({"host": "0.0.0.0"}, "api_key"),
        ({"host": "::"}, "api_key"),
        ({"host": "192.168.1.2"}, "api_key"),
        ({"implementation": "fast"}, "implementation"),
        ({"runtime": "podman"}, "runtime"),
        ({"env": {"A B": "1"}}, "env"),
        ({"env": {"A": "x\0y"}}, "env"),
        ({"env": {"HF_TOKEN": "x"}}, "env"),
        ({"env": {"AWS_SECRET_ACCESS_KEY": "x"}}, "env"),
        ({"env": {"my_password": "x"}}, "env"),
        ({"extra_args": ["--api-key", "sd-x"]}, "extra_args"),
        ({"extra_args": ["--api-key=sd-x"]}, "extra_args"),
        ({"extra_args": ["--api_key=sd-x"]}, "extra_args"),
        ({"extra_args": ["a\0b"]}, "extra_args"),
        ({"model": {"kind": "hub", "id": "x", "commit": "main"}}, "model.commit"),
        ({"model": None}, "model"),
        ({"version": 2}, "version"),
        ({"gpu": 1}, "gpu"),
    ],
)
def test_what_is_wrong_names_its_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        spec(**values)
    assert caught.value.field == field
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_loopback_needs_no_key(host: str) -> None:
    assert spec(host=host).is_loopback


def test_other_addresses_take_a_key() -> None:
    assert not spec(host="0.0.0.0", api_key=True).is_loopback


def test_a_refused_secret_is_not_repeated_in_the_message() -> None:
    for values in ({"env": {"HF_TOKEN": "hf_verysecret"}}, {"extra_args": ["--api-key=sd-verysecret"]}):
        with pytest.raises(InputError) as caught:
            spec(**values)
        assert "verysecret" not in caught.value.line + caught.value.details


@pytest.mark.parametrize("text", ["", "name = ", "name = 'x'", "\0", "[model]\nkind = 'hub'"])
def test_a_damaged_file_is_told(text: str) -> None:
    with pytest.raises(InputError) as caught:
        LaunchSpec.from_toml(text, source="/x/spec.toml")
    assert caught.value.field


@given(st.text(max_size=200))
def test_no_text_crashes_the_reader(text: str) -> None:
    with pytest.raises(InputError):
        LaunchSpec.from_toml(text, source="x")


option_values = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), max_size=4),
)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z-]{0,20}", fullmatch=True), option_values, max_size=5))
def test_every_option_survives_the_file(options: dict[str, Any]) -> None:
    made = spec(options=options)
    again = LaunchSpec.from_toml(made.to_toml(), source="x")
    assert again == made
    assert [type(each) for each in again.options.values()] == [type(each) for each in made.options.values()]


@given(st.text(max_size=100))
def test_any_text_makes_a_name(text: str) -> None:
    name = clean_name(text)
    assert spec(name=name).name == name
    assert spec(name=f"{name}-1234567").name

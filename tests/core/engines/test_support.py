"""Who can serve a model, said beforehand: from the tables that Servedeck ships."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.architectures import Attention, shipped_transformers, shipped_vllm
from core.engines.catalog import Catalog
from core.engines.support import Implementation, Verdict
from core.hub.facts import ModelConfig

CATALOG = Catalog()
N, T = Implementation.NATIVE, Implementation.TRANSFORMERS
CODE = {"AutoConfig": "modeling.Config", "AutoModelForCausalLM": "modeling.Model"}


def config(architecture: str, model_type: str, **more: Any) -> dict[str, Any]:
    return {"architectures": [architecture], "model_type": model_type, **more}


@pytest.mark.parametrize(
    ("raw", "native", "transformers", "auto", "words"),
    [
        (config("LlamaForCausalLM", "llama"), "yes", "likely", N, "vLLM 0.32.0 has its own LlamaForCausalLM"),
        (config("Qwen2VLForConditionalGeneration", "qwen2_vl"), "yes", "likely", N, "with images"),
        (config("ArceeForCausalLM", "arcee"), "no", "yes", T, "lists ArceeForCausalLM, but has no code of its own"),
        (config("SmolLM3ForCausalLM", "smollm3"), "no", "yes", T, "Transformers implementation"),
        (config("Phi4MultimodalForCausalLM", "phi4_multimodal"), "no", "likely", T, "supported until 0.12.0"),
        (config("AriaTextForCausalLM", "aria_text"), "no", "likely", T, "falls back"),
        (config("GPTNeoForCausalLM", "gpt_neo"), "no", "no", None, "not in a form"),
        (config("MambaForCausalLM", "mamba"), "yes", "no", N, "its own MambaForCausalLM"),
        (config("BambaForCausalLM", "bamba"), "no", "no", None, "state space"),
        (config("T5ForConditionalGeneration", "t5", is_encoder_decoder=True), "no", "no", None, "encoder-decoder"),
        (config("BartForConditionalGeneration", "bart", is_encoder_decoder=True), "no", "no", None, "bart-plugin"),
        (config("BertModel", "bert"), "yes", "unknown", N, "not for chat"),
        (config("LlamaForSequenceClassification", "llama"), "likely", "unknown", N, "for classification"),
        (config("EagleLlamaForCausalLM", "eagle"), "no", "no", None, "draft model"),
        (config("FooForCausalLM", "foo"), "no", "no", None, "knows the model type foo"),
        (config("FooForCausalLM", "llama"), "no", "no", None, "has no FooForCausalLM"),
        (config("FooForCausalLM", "llama", auto_map=CODE), "no", "needs code", T, "repository's own code"),
        (config("FooForCausalLM", "foo", auto_map=CODE), "no", "needs code", T, "just to read the configuration"),
        (config("LlamaForCausalLM", "foo", auto_map=CODE), "needs code", "needs code", N, "just to read"),
        (config("ChatGLMModel", "chatglm", auto_map=CODE), "yes", "needs code", N, "its own ChatGLMModel"),
        (
            config("FooForCausalLM", "foo", auto_map={"AutoConfig": "org/other--m.C", "AutoModel": "org/other--m.M"}),
            "no",
            "needs code",
            T,
            "code of the repository org/other",
        ),
        ({"model_type": "llama"}, "yes", "likely", N, "its type llama stands for LlamaForCausalLM"),
        ({}, "no", "no", None, "names neither"),
        ({"architectures": None, "model_type": "clip"}, "no", "no", None, "names no architecture"),
        (
            config("LlamaForCausalLM", "llama", quantization_config={"quant_method": "bitsandbytes"}),
            "no",
            "no",
            None,
            "vllm-bnb-plugin",
        ),
        (config("LlamaForCausalLM", "llama", quantization_config={"quant_method": "awq"}), "yes", "likely", N, "own"),
        (
            {"architectures": ["Nope", "LlamaForCausalLM"], "model_type": "llama"},
            "yes",
            "no",
            N,
            "its own LlamaForCausalLM",
        ),
    ],
)
def test_vllm(raw: dict[str, Any], native: str, transformers: str, auto: Implementation | None, words: str) -> None:
    support = CATALOG.get("vllm").support(ModelConfig(raw), None)
    assert (support.version, support.version_is_installed) == ("0.32.0", False)
    assert [each.verdict.value for each in support.implementations] == [native, transformers]
    assert support.auto is auto
    assert words in support.auto_reason
    assert all(each.reason.endswith(".") for each in support.implementations)


@pytest.mark.parametrize(
    ("raw", "verdict", "words"),
    [
        (config("LlamaForCausalLM", "llama"), "yes", "Transformers 5.23.0 has LlamaForCausalLM"),
        (config("GPTNeoForCausalLM", "gpt_neo"), "yes", "GPTNeoForCausalLM"),
        (config("Qwen2VLForConditionalGeneration", "qwen2_vl"), "yes", "images"),
        (config("Whatever", "qwen2_vl"), "yes", "Qwen2VLForConditionalGeneration"),
        (config("T5ForConditionalGeneration", "t5", is_encoder_decoder=True), "no", "encoder-decoder"),
        (config("BertModel", "bert"), "no", "writes no text"),
        (config("FooForCausalLM", "llama"), "no", "has no FooForCausalLM"),
        (config("FooForCausalLM", "llama", auto_map=CODE), "no", "also with trust_remote_code"),
        (config("FooForCausalLM", "foo"), "no", "doesn't know the model type foo"),
        (config("LlamaForCausalLM", "foo", auto_map=CODE), "needs code", "to read the configuration"),
        ({"model_type": "llama"}, "no", "names no architecture"),
        ({"architectures": ["LlamaForCausalLM"]}, "no", "names no model type"),
    ],
)
def test_transformers(raw: dict[str, Any], verdict: str, words: str) -> None:
    support = CATALOG.get("transformers").support(ModelConfig(raw), None)
    (only,) = support.implementations
    assert only.implementation is T
    assert only.verdict.value == verdict
    assert words in only.reason
    assert (support.auto is T) == (verdict in ("yes", "needs code"))


@pytest.mark.parametrize(
    ("model_type", "native", "transformers", "auto"),
    [
        ("llama", "yes", "likely", N),
        ("qwen2_vl", "yes", "no", N),
        ("qwen3", "no", "likely", T),
        ("gpt_neo", "no", "likely", T),
        ("gpt_oss", "no", "no", None),
        ("", "unknown", "unknown", None),
    ],
)
def test_tgi(model_type: str, native: str, transformers: str, auto: Implementation | None) -> None:
    support = CATALOG.get("tgi").support(ModelConfig({"model_type": model_type}), None)
    assert [each.verdict.value for each in support.implementations] == [native, transformers]
    assert support.auto is auto
    assert "needs a container engine" in support.note


def test_without_a_config_nothing_is_claimed() -> None:
    for engine in CATALOG.all():
        support = engine.support(None, None)
        assert {each.verdict for each in support.implementations} == {Verdict.UNKNOWN}
        assert support.auto is None
        assert not support.can_serve


def test_every_architecture_of_the_tables_gets_an_answer_that_fits_the_table() -> None:
    tables = shipped_vllm()
    vllm = CATALOG.get("vllm")
    types = {name: kind for kind, names in tables.transformers.causal.items() for name in names}
    for name in sorted(tables.generation & types.keys()):
        support = vllm.support(ModelConfig(config(name, types[name])), None)
        assert support.auto is N, name
    for name in sorted(tables.listed & types.keys()):
        support = vllm.support(ModelConfig(config(name, types[name])), None)
        assert support.auto is T, name
    for name in sorted(types.keys() - tables.registered):
        support = vllm.support(ModelConfig(config(name, types[name])), None)
        allowed = tables.transformers.attention_of(name) in (Attention.DECLARED, Attention.POSSIBLE)
        assert support.auto in ((T, None) if allowed else (None,)), name


def test_the_shipped_tables_hold_what_they_should() -> None:
    tables = shipped_vllm()
    assert len(tables.generation) > 100
    assert len(tables.listed) == 22
    assert tables.gone["MllamaForConditionalGeneration"] == "0.10.2"
    own = shipped_transformers("transformers", "architectures-5.23.0.json")
    assert own.version == "5.23.0"
    assert {"llama", "qwen3", "t5"} <= own.model_types
    assert own.causal["llama"] == ("LlamaForCausalLM",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["architectures", "model_type", "auto_map", "quantization_config", "text_config", "is_encoder_decoder", "other"]
)


@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_no_config_makes_it_fail(raw: dict[str, Any]) -> None:
    for engine in CATALOG.all():
        support = engine.support(ModelConfig(raw), None)
        assert support.auto_reason
        assert support.auto is None or support.of(support.auto) is not None

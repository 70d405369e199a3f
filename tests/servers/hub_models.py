"""About sixty plausible models for the stand-in Hub: names, shapes, licences and popularity much as on the real one.

Weights are virtual (sizes only), so that lists, facts and screenshots look real; nothing here can be loaded.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.hub_repository import Content, VirtualFile
from tests.servers.hub_server import HubServer

SHARD = 4_976_000_000
BYTES = {"BF16": 2, "F16": 2, "F32": 4}
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TABLE = Path(__file__).with_name("hub_models.csv")
"""Marks: chat (has a template), auto or manual (gated), code (own .py files)."""
FAMILIES = {
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "gemma3": "Gemma3ForConditionalGeneration",
    "phi3": "Phi3ForCausalLM",
    "smollm3": "SmolLM3ForCausalLM",
    "granite": "GraniteForCausalLM",
    "olmo2": "Olmo2ForCausalLM",
    "internlm2": "InternLM2ForCausalLM",
    "stablelm": "StableLmForCausalLM",
    "gpt_neox": "GPTNeoXForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "opt": "OPTForCausalLM",
    "bloom": "BloomForCausalLM",
    "mamba": "MambaForCausalLM",
    "t5": "T5ForConditionalGeneration",
    "bert": "BertForMaskedLM",
    "xlm-roberta": "XLMRobertaModel",
    "whisper": "WhisperForConditionalGeneration",
    "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
}
PIPELINES = {
    "t5": "text2text-generation",
    "bert": "fill-mask",
    "xlm-roberta": "sentence-similarity",
    "whisper": "automatic-speech-recognition",
    "qwen2_5_vl": "image-text-to-text",
    "gemma3": "image-text-to-text",
}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    id: str
    family: str
    parameters: int
    dtype: str
    shape: tuple[int, ...]
    popularity: tuple[int, ...]
    license: str
    date: str
    marks: tuple[str, ...]

    @classmethod
    def read(cls, cells: list[str]) -> Row:
        model_id, family, parameters, dtype, shape, popularity, licence, date, marks = cells
        return cls(
            model_id,
            family,
            int(parameters),
            dtype,
            tuple(map(int, shape.split())),
            tuple(map(int, popularity.split())),
            licence,
            date,
            tuple(marks.split()),
        )


def realistic(hub: HubServer | None = None) -> HubServer:
    """A Hub with all of them, a token `hf_alice_may_read_llama` (with access to Llama 3.1 8B) and `hf_bob_may_not`."""
    hub = hub or HubServer()
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [Row.read(cells) for cells in list(csv.reader(file))[1:]]
    for row in rows:
        _add(hub, row)
    _add_quantised(hub, next(row for row in rows if row.id == "Qwen/Qwen2.5-7B-Instruct"))
    _add_gguf(hub)
    hub.aliases["gpt2"] = "openai-community/gpt2"
    hub.add_token("hf_alice_may_read_llama", "alice", "meta-llama/Llama-3.1-8B-Instruct")
    hub.add_token("hf_bob_may_not", "bob")
    return hub


def _add(hub: HubServer, row: Row) -> None:
    files = weights("model", row.parameters * BYTES[row.dtype])
    files |= _small_files(row)
    config = _config(row)
    tags = ["transformers", "safetensors", row.family, PIPELINES.get(row.family, "text-generation"), "en"]
    if "chat" in row.marks:
        tags.append("conversational")
    if "code" in row.marks:
        tags.append("custom_code")
        files |= _code(row)
        config["auto_map"] = {
            "AutoConfig": f"configuration_{row.family}.{row.family.title()}Config",
            "AutoModelForCausalLM": f"modeling_{row.family}.{FAMILIES[row.family]}",
        }
    gated = next((mark for mark in row.marks if mark in {"auto", "manual"}), False)
    downloads, likes, trending = row.popularity
    hub.add_model(
        row.id,
        files=files,
        config=config,
        card=_card(row.id, row.license, row.parameters, is_chat="chat" in row.marks),
        tags=tuple(tags),
        license=row.license,
        parameters=row.parameters,
        dtype=row.dtype,
        downloads=downloads,
        likes=likes,
        trendingScore=trending,
        gated=gated,
        pipeline_tag=PIPELINES.get(row.family, "text-generation"),
        library_name="transformers",
        lastModified=f"{row.date}T12:32:50.000Z",
        createdAt=f"{int(row.date[:4]) - 1}-06-14T08:10:29.000Z",
    )


def weights(stem: str, size: int) -> dict[str, Content]:
    """Safetensors files of that many bytes in all: one, or shards of 5 GB with their index."""
    count = -(-size // SHARD)
    if count == 1:
        return {f"{stem}.safetensors": VirtualFile(size, _HEADER)}
    names = [f"{stem}-{number:05}-of-{count:05}.safetensors" for number in range(1, count + 1)]
    files: dict[str, Content] = {
        name: VirtualFile(min(SHARD, size - SHARD * number), _HEADER) for number, name in enumerate(names)
    }
    weight_map = {f"model.layers.{number}.mlp.up_proj.weight": name for number, name in enumerate(names)}
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    return {**files, f"{stem}.safetensors.index.json": json.dumps(index, indent=2).encode()}


_HEADER = (2).to_bytes(8, "little") + b"{}"


def _config(row: Row) -> dict[str, Any]:
    hidden, inter, layers, heads, kv_heads, vocab, context = row.shape
    config: dict[str, Any] = {
        "architectures": [FAMILIES[row.family]],
        "model_type": row.family,
        "hidden_size": hidden,
        "intermediate_size": inter,
        "num_hidden_layers": layers,
        "vocab_size": vocab,
        "torch_dtype": {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}[row.dtype],
        "transformers_version": "4.46.3",
        "use_cache": True,
    }
    if heads:
        config |= {"num_attention_heads": heads, "num_key_value_heads": kv_heads}
    if context:
        config["max_position_embeddings"] = context
    if row.family == "t5":
        config["is_encoder_decoder"] = True
    if row.family in {"qwen3_moe", "mixtral"}:
        config |= {"num_experts": 128, "num_experts_per_tok": 8}
    if row.family in {"gemma3", "qwen2_5_vl"}:  # a language model inside
        shown = {"architectures", "model_type", "torch_dtype", "transformers_version"}
        inner = {key: value for key, value in config.items() if key not in shown}
        config = {key: value for key, value in config.items() if key in shown} | {"text_config": inner}
    return config


def _small_files(row: Row) -> dict[str, Content]:
    tokenizer: dict[str, Any] = {
        "model_max_length": row.shape[6] or 1_000_000,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    if "chat" in row.marks:
        tokenizer["chat_template"] = CHAT_TEMPLATE
    return {
        ".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n",
        "LICENSE": b"See the model card.\n" * 500,
        "generation_config.json": b'{"temperature": 0.7, "top_p": 0.8}\n',
        "tokenizer_config.json": json.dumps(tokenizer, indent=2).encode(),
        "tokenizer.json": VirtualFile(7_031_645, b'{"version": "1.0"}'),
    }


def _code(row: Row) -> dict[str, Content]:
    name = row.family
    modeling = f'"""PyTorch {name} model."""\n\nimport torch\nfrom torch import nn\n\n\n' + "# …\n" * 2_000
    return {
        f"configuration_{name}.py": f'"""{name} configuration."""\n'.encode() * 120,
        f"modeling_{name}.py": modeling.encode(),
    }


def _add_quantised(hub: HubServer, base: Row) -> None:
    methods = {"AWQ": ("awq", 1963340288, 5_570_747_392), "GPTQ-Int4": ("gptq", 1963340288, 5_570_747_392)}
    for suffix, (method, parameters, size) in methods.items():
        quantization = {"quant_method": method, "bits": 4, "group_size": 128}
        hub.add_model(
            f"{base.id}-{suffix}",
            files={**weights("model", size), **_small_files(base)},
            config={**_config(base), "torch_dtype": "float16", "quantization_config": quantization},
            card=_card(f"{base.id}-{suffix}", base.license, base.parameters, is_chat=True),
            tags=("transformers", "safetensors", "qwen2", "text-generation", "conversational", "4-bit", method),
            license=base.license,
            parameters=parameters,
            dtype="I32",
            downloads=820_114 if method == "awq" else 301_220,
            likes=41,
            trendingScore=9,
            pipeline_tag="text-generation",
            library_name="transformers",
            lastModified="2024-10-09T12:31:30.000Z",
        )


def _add_gguf(hub: HubServer) -> None:
    for model_id, size in (
        ("Qwen/Qwen2.5-7B-Instruct-GGUF", 4_683_073_536),
        ("ggml-org/gemma-3-1b-it-GGUF", 806_058_272),
    ):
        stem = model_id.partition("/")[2].removesuffix("-GGUF").lower()
        hub.add_model(
            model_id,
            files={
                f"{stem}-q4_k_m.gguf": VirtualFile(size, b"GGUF"),
                f"{stem}-q8_0.gguf": VirtualFile(size * 17 // 10, b"GGUF"),
            },
            card=_card(model_id, "apache-2.0", size * 2, is_chat=True),
            tags=("gguf", "conversational"),
            license="apache-2.0" if "Qwen" in model_id else "gemma",
            downloads=186_325,
            likes=138,
            trendingScore=19,
            lastModified="2025-03-12T10:30:05.000Z",
            gguf={"total": size * 2, "architecture": "qwen2", "context_length": 32768},
        )


def _card(model_id: str, licence: str, parameters: int, *, is_chat: bool) -> str:
    name = model_id.partition("/")[2]
    kind = "an instruction-tuned chat model" if is_chat else "a base model"
    benchmark = int(hashlib.md5(model_id.encode(), usedforsecurity=False).hexdigest()[:2], 16) / 8 + 45
    return f"""---
license: {licence}
language:
- en
pipeline_tag: text-generation
---

# {name}

**{name}** is {kind} with {parameters / 1e9:.2f} billion parameters.

## Highlights

- Follows instructions and keeps to a given format
- Long context, several languages
- Weights in safetensors

| Benchmark | Score |
| --- | ---: |
| MMLU | {benchmark:.1f} |
| GSM8K | {benchmark + 6:.1f} |

## Quick start

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{model_id}", dtype="auto")
tokenizer = AutoTokenizer.from_pretrained("{model_id}")
```

## Licence

Released under the terms of `{licence}`; see the LICENSE file.
"""

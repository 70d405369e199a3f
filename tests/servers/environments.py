"""Python environments with a stand-in engine in them, as installations that Servedeck finds and starts for real."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

FAKE_ENGINE = Path(__file__).with_name("fake_engine.py")
VERSIONS = {"vllm": "0.32.0+cpu", "transformers": "5.23.0"}
BESIDE = {"torch": "2.13.0+cpu", "fastapi": "0.130.0", "uvicorn": "0.40.0"}
"""What an engine needs beside itself; without them an environment is listed as unusable."""


def make_environment(folder: Path, engine: str, *, version: str = "", modes: str = "") -> Path:
    """A folder like a virtual environment, whose `bin/vllm` or `bin/transformers` is the fake engine.

    Args:
        folder: made; `folder/bin/<engine>` is the executable.
        engine: `vllm` or `transformers`.
        version: of the distribution; by default one that our tables know.
        modes: fixed `FAKE_ENGINE` words; otherwise those of the process's environment hold.
    """
    site = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\n")
    for name, text in {engine: version or VERSIONS[engine], **BESIDE}.items():
        info = site / f"{name}-{text}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {text}\n")
    (site / engine).mkdir()
    (site / engine / "__init__.py").write_text("")
    if engine == "transformers":
        (site / engine / "cli" / "serving").mkdir(parents=True)  # by which an old version is told
    executable = folder / "bin" / engine
    fix = f"os.environ['FAKE_ENGINE'] = {modes!r}\n" if modes else ""
    executable.write_text(
        f"#!{folder / 'bin' / 'python'}\n"
        "import os, sys\n"
        f"{fix}"
        f"sys.path.insert(0, {str(FAKE_ENGINE.parent)!r})\n"
        f"import {FAKE_ENGINE.stem}\n"
        f"{FAKE_ENGINE.stem}.main(sys.argv)\n"
    )
    executable.chmod(0o755)
    return folder


def first_port() -> int:
    """A first port (for the settings) that processes of tests which run at the same time don't share.

    All of them choose the first free port from their first one on, and the engine binds it a moment later.
    """
    return 10_000 + os.getpid() % 220 * 100


CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 8192,
    "vocab_size": 49152,
    "torch_dtype": "bfloat16",
}


def make_model(folder: Path, **config: object) -> Path:
    """A model folder with a configuration, a chat template and (empty) weights."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    return folder

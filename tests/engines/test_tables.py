"""Our tables and readers against the real engines."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from core.engines import architectures
from core.engines.architectures import Attention
from core.engines.catalog import Catalog
from core.engines.engine import Installation
from core.engines.environments import describe, target

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

REGISTRY = """
import json, sys
from vllm.model_executor.models import registry as r
names = ("_TEXT_GENERATION_MODELS", "_MULTIMODAL_MODELS", "_TRANSFORMERS_SUPPORTED_MODELS", "_VLLM_MODELS")
json.dump({**{n: sorted(getattr(r, n)) for n in names}, "gone": r._PREVIOUSLY_SUPPORTED_MODELS}, open(sys.argv[1], "w"))
"""
ATTENTION = """
import json, sys, transformers
answers = {}
for name in json.load(open(sys.argv[1])):
    found = getattr(transformers, name)
    answers[name] = "declared" if found.is_backend_compatible() else (
        "possible" if found._can_set_attn_implementation() else "no")
json.dump(answers, open(sys.argv[2], "w"))
"""


def site_packages(folder: Path) -> Path:
    return next(folder.glob("lib/python3*/site-packages"))


def installation(engine: str, folder: Path) -> Installation:
    executable = folder / "bin" / engine
    found = describe(executable, engine)
    assert found.site_packages is not None
    version = architectures.version_of(found.site_packages, engine)
    return Installation(
        "x", engine, "managed", executable, found.python, version, target(version, None), found.site_packages
    )


def test_what_is_read_without_running_vllm_is_what_vllm_has(vllm_folder: Path, tmp_path: Path) -> None:
    tables, is_installed = architectures.vllm_tables(site_packages(vllm_folder))
    assert is_installed
    answer = tmp_path / "answer.json"
    subprocess.run([vllm_folder / "bin" / "python", "-c", REGISTRY, answer], check=True, capture_output=True)
    real = json.loads(answer.read_text())
    assert tables.generation == set(real["_TEXT_GENERATION_MODELS"])
    assert tables.multimodal == set(real["_MULTIMODAL_MODELS"])
    assert tables.listed == set(real["_TRANSFORMERS_SUPPORTED_MODELS"])
    assert tables.gone == real["gone"]
    assert tables.registered == set(real["_VLLM_MODELS"])


def test_attention_is_told_from_the_source_as_transformers_tells_it(vllm_folder: Path, tmp_path: Path) -> None:
    tables = architectures.vllm_tables(site_packages(vllm_folder))[0].transformers
    names = sorted({name for names in tables.causal.values() for name in names})[::4]  # a quarter: each is a module
    (tmp_path / "names.json").write_text(json.dumps(names))
    argv = [vllm_folder / "bin" / "python", "-c", ATTENTION, tmp_path / "names.json", tmp_path / "answer.json"]
    subprocess.run(argv, check=True, capture_output=True)
    real = json.loads((tmp_path / "answer.json").read_text())
    assert {name: tables.attention_of(name) for name in names} == {name: Attention(each) for name, each in real.items()}


def test_the_shipped_architectures_are_those_of_the_version(vllm_folder: Path) -> None:
    tables = architectures.vllm_tables(site_packages(vllm_folder))[0]
    ours = architectures.shipped_vllm()
    if tables.version.partition("+")[0] != ours.version:
        pytest.skip(f"the shipped table is for {ours.version}, the engine is {tables.version}")
    for name in ("generation", "multimodal", "pooling", "listed", "backends", "gone", "plugins", "config_types"):
        assert getattr(tables, name) == getattr(ours, name), name


def test_vllm_describes_its_options_as_shipped(vllm_folder: Path) -> None:
    vllm = Catalog().get("vllm")
    table = vllm.read_options(installation("vllm", vllm_folder))
    ours = vllm.shipped_options()
    assert table.source == "installation"
    if table.version.partition("+")[0] != ours.version:
        pytest.skip(f"the shipped table is for {ours.version}, the engine is {table.version}")
    # Some defaults name folders of the machine, and some depend on its hardware.
    there = {each.name: each.model_copy(update={"default": None}) for each in table.options}
    here = {each.name: each.model_copy(update={"default": None}) for each in ours.options}
    assert there == here


def test_transformers_describes_its_options(transformers_folder: Path) -> None:
    transformers = Catalog().get("transformers")
    made = installation("transformers", transformers_folder)
    table = transformers.read_options(made)
    assert table.version == made.version
    names = {each.name for each in table.options}
    assert {"dtype", "device", "quantization", "log-level", "continuous-batching"} <= names
    assert not {"host", "port", "trust-remote-code", "force-model", "help"} & names
    if table.version == transformers.shipped_options().version:
        assert table.options == transformers.shipped_options().options

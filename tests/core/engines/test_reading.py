"""Asking installations for their options, keeping the answers, and reading source files without running them."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines import architectures, probing, shipped, static_reading
from core.engines.catalog import Catalog
from core.engines.engine import Installation
from core.engines.option_reading import transformers_table, vllm_table
from core.engines.option_tables import OptionTables
from core.engines.options import OptionKind, OptionTable, ValueType
from core.errors import InstallationError
from core.paths import Paths
from tests.core.engines.places import environment, script


def installation(python: Path | None, version: str = "0.32.0", engine: str = "vllm") -> Installation:
    return Installation("x", engine, "added", Path("/env/bin/vllm"), python, version, "CPU")


def stand_in(path: Path, body: str) -> Path:
    """A Python that runs `body` instead of the probe; `answer` is the file to write."""
    return script(path, f'#!/bin/sh\nanswer="$2"\n{body}\n')


def test_a_probe_answers(tmp_path: Path) -> None:
    python = stand_in(tmp_path / "python", 'echo noise; echo \'{"a": 1}\' > "$answer"')
    assert probing.ask(installation(python), "describe_vllm.py", probing.environment()) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "words", "details"),
    [
        ("echo 'Traceback'; echo 'ImportError: no vllm' >&2; exit 1", "ImportError: no vllm", "Traceback"),
        ("exit 0", "it said nothing", ""),
        ('echo "no json" > "$answer"', "can't describe itself", ""),
    ],
)
def test_a_probe_that_fails_says_why(tmp_path: Path, body: str, words: str, details: str) -> None:
    python = stand_in(tmp_path / "python", body)
    with pytest.raises(InstallationError, match=words) as caught:
        probing.ask(installation(python), "describe_vllm.py", probing.environment())
    assert details in caught.value.details
    assert caught.value.remedy


def test_a_probe_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    python = stand_in(tmp_path / "python", f"sleep 600 & echo $! > {pids}; wait")
    begun = time.monotonic()
    with pytest.raises(InstallationError, match="within 1 s"):
        probing.ask(installation(python), "x.py", probing.environment(), time_limit=1.0)
    assert time.monotonic() - begun < 20
    pid = int(pids.read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_what_cannot_be_asked() -> None:
    with pytest.raises(InstallationError, match=r"Python of .* is not known"):
        probing.ask(installation(None), "x.py", {})
    with pytest.raises(InstallationError, match="can't be started"):
        probing.ask(installation(Path("/nowhere/python")), "x.py", {})


def test_a_foreign_python_does_not_get_our_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "HF_TOKEN"):
        monkeypatch.setenv(name, "x")
    made = probing.environment(MORE="1")
    assert made["MORE"] == "1"
    assert not {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "HF_TOKEN"} & made.keys()
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    managed = Installation("x", "vllm", "managed", Path("/x"), None, "", "")
    assert probing.bytecode(managed) == {"PYTHONDONTWRITEBYTECODE": ""}
    assert probing.bytecode(installation(None)) == {}


def action(*flags: str, **more: Any) -> dict[str, Any]:
    plain = {"group": "ModelConfig", "action": "_StoreAction", "nargs": None, "types": [], "default": None}
    empty = {"choices": None, "metavar": None, "help": "", "deprecated": False, "dest": ""}
    return {**plain, **empty, "flags": list(flags), **more}


def test_argparse_actions_become_options() -> None:
    actions = [
        action("--size", "-s", types=["_optional_type", "int"], default=3),
        action("--length", types=["human_readable_int_or_auto"], help="Long.\n\nParse human-readable integers like"),
        action("--bytes", types=["human_readable_int"]),
        action("--share", types=["float"], default=0.9),
        action("--config-json", types=["parse_dataclass"], default="Config(a=1)"),
        action("--overrides", types=["union_dict_and_str"], default={}),
        action("--place", types=["union_dict_and_str"], default="cpu"),
        action("--names", nargs="+", types=["str"]),
        action("--middleware", action="_AppendAction", types=["str"], default=[]),
        action("--eager", "--no-eager", action="BooleanOptionalAction", nargs=0, default=False),
        action("--fast", action="_StoreTrueAction", nargs=0, default=False),
        action("--kind", choices=["a", "b", "None", None]),
        action("--parser", metavar="{x,y} or a name", types=["str"], default="==SUPPRESS=="),
        action("--help", action="_HelpAction", nargs=0),
        action("--port", types=["int"], default=8000),
        action(dest="model_tag"),
    ]
    table = vllm_table({"version": "1", "actions": actions, "values": {}, "problems": []}, shipped.hints("vllm"))
    assert (table.version, table.source) == ("1", "installation")
    found = {each.name: each for each in table.options}
    assert not {"help", "port", "model-tag"} & found.keys()
    kinds = {name: (each.kind.value, each.type.value) for name, each in found.items()}
    assert kinds == {
        "size": ("value", "integer"),
        "length": ("value", "integer"),
        "bytes": ("value", "integer"),
        "share": ("value", "number"),
        "config-json": ("json", "json"),
        "overrides": ("json", "json"),
        "place": ("value", "text"),
        "names": ("list", "text"),
        "middleware": ("list", "text"),
        "eager": ("pair", "boolean"),
        "fast": ("switch", "boolean"),
        "kind": ("value", "text"),
        "parser": ("value", "text"),
    }
    assert found["length"].human_size
    assert found["length"].suggestions == ("auto",)
    assert found["bytes"].suggestions == ()
    assert found["length"].help == "Long."
    assert found["middleware"].repeated
    assert found["eager"].flags == ("--eager",)
    assert found["kind"].choices == ("a", "b")
    assert found["parser"].suggestions == ("x", "y")
    assert found["config-json"].default is None
    assert found["overrides"].default == {}
    assert found["size"].group == "Model"
    assert table.get("-s") == found["size"]


@pytest.mark.parametrize("answer", [None, 3, {}, {"version": "1"}, {"version": "1", "actions": [1], "values": {}}])
def test_an_answer_that_is_none_is_told(answer: Any) -> None:
    for read, engine in ((vllm_table, "vllm"), (transformers_table, "transformers")):
        with pytest.raises(InstallationError, match="can't read"):
            read(answer, shipped.hints(engine))


def test_the_shipped_tables() -> None:
    vllm = Catalog().get("vllm").shipped_options()
    assert (vllm.version, vllm.source) == ("0.32.0", "shipped")
    assert len(vllm.options) == 308
    length = vllm.get("max-model-len")
    assert length is not None
    assert (length.group, length.default_text, length.human_size) == ("Model", "taken from the model", True)
    parser = vllm.get("tool-call-parser")
    assert parser is not None
    assert "hermes" in parser.suggestions
    assert sum(bool(each.help) for each in vllm.options) > 300
    tp = vllm.get("-tp")
    assert tp is not None
    assert tp.name == "tensor-parallel-size"
    transformers = Catalog().get("transformers").shipped_options()
    assert [each.name for each in transformers.options][:2] == ["continuous-batching", "attn-implementation"]
    for table in (vllm, transformers):
        for each in table.options:
            assert each.kind is not OptionKind.JSON or each.type is ValueType.JSON
            assert each.name == each.flag.removeprefix("--")
            assert OptionTable.model_validate_json(table.dump()) == table


# --- kept tables -----------------------------------------------------------------------------------------------------

ANSWER = json.dumps({"version": "9.9", "actions": [action("--new", types=["int"])], "values": {}, "problems": ["x: y"]})


async def test_an_installation_is_asked_once(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    python = stand_in(tmp_path / "python", f"echo x >> {asked}; cat <<'END' > \"$answer\"\n{ANSWER}\nEND")
    made = installation(python, "9.9")
    tables = OptionTables(Catalog(), Paths.under(tmp_path / "home"))
    assert tables.table("vllm", made).version == "0.32.0"
    first, second = await asyncio.gather(tables.read("vllm", made), tables.read("vllm", made))
    assert first == second
    assert [each.name for each in first.options] == ["new"]
    assert tables.table("vllm", made) == first
    assert tables.table("vllm", None).source == "shipped"
    assert asked.read_text() == "x\n"
    later = OptionTables(Catalog(), Paths.under(tmp_path / "home"))
    assert later.table("vllm", made) == first
    assert await later.read("vllm", made) == first
    assert asked.read_text() == "x\n"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"engine": "vllm"}', '{"engine": 3}', "\udcff"])
async def test_a_damaged_table_is_read_anew(tmp_path: Path, text: str) -> None:
    paths = Paths.under(tmp_path / "home")
    python = stand_in(tmp_path / "python", f"cat <<'END' > \"$answer\"\n{ANSWER}\nEND")
    made = installation(python, "9.9")
    paths.options.mkdir(parents=True)
    file = paths.options / "vllm-9.9.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    tables = OptionTables(Catalog(), paths)
    assert tables.table("vllm", made).source == "shipped"
    assert (await tables.read("vllm", made)).version == "9.9"
    assert json.loads(file.read_text())["version"] == "9.9"


async def test_a_version_cannot_name_a_file_elsewhere(tmp_path: Path) -> None:
    python = stand_in(tmp_path / "python", f"cat <<'END' > \"$answer\"\n{ANSWER}\nEND")
    tables = OptionTables(Catalog(), Paths.under(tmp_path / "home"))
    await tables.read("vllm", installation(python, "../../x"))
    assert [each.name for each in tmp_path.rglob("vllm-*.json")] == ["vllm-.._.._x.json"]


# --- source files ----------------------------------------------------------------------------------------------------

REGISTRY = """
import torch
_TEXT_GENERATION_MODELS = {"OneForCausalLM": ("one", "One"), **dict(two=1)}
_EMBEDDING_MODELS = {"EmbedModel": ("e", "E"), **{k: v for k, v in _TEXT_GENERATION_MODELS.items()}}
_MULTIMODAL_MODELS = {}
_TRANSFORMERS_SUPPORTED_MODELS = {"ListedForCausalLM": ("transformers", "TransformersForCausalLM")}
_PREVIOUSLY_SUPPORTED_MODELS = {"OldForCausalLM": "0.9.2"}
_OOT_SUPPORTED_MODELS = {"PlugModel": "https://plug"}
"""
MAPPINGS = """
CONFIG_MAPPING_NAMES = OrderedDict([("one", "OneConfig"), ("two-x", "TwoConfig")])
CONFIG_MAPPING_NAMES.update({"three": "ThreeConfig"})
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict([("one", "OneForCausalLM"), ("two-x", ("TwoForCausalLM", "TwoLM"))])
MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES = OrderedDict([("see", "SeeForConditionalGeneration")])
MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES = OrderedDict(
    [*list(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.items()), ("hear", "HearModel")]
)
MODEL_MAPPING_NAMES = OrderedDict([("one", "OneModel")])
SPECIAL_MODEL_TYPE_TO_MODULE_NAME = OrderedDict([("two-x", "second")])
"""
TWO = """
class TwoBase(PreTrainedModel):
    _supports_attention_backend = True
class TwoForCausalLM(TwoBase):
    pass
class TwoLM(PreTrainedModel):
    pass
class TwoAttention(nn.Module):
    pass
"""


def installed_sources(folder: Path) -> Path:
    environment(folder)
    site = next(folder.glob("lib/*/site-packages"))
    files = {
        "vllm/model_executor/models/registry.py": REGISTRY,
        "vllm/transformers_utils/config.py": "_CONFIG_REGISTRY: dict = LazyConfigDict(own='OwnConfig', **{'a-b': 'C'})",
        "transformers/models/auto/modeling_auto.py": MAPPINGS,
        "transformers/models/second/modeling_second.py": TWO,
    }
    for name, text in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return site


def test_tables_are_read_from_source_files(tmp_path: Path) -> None:
    site = installed_sources(tmp_path / "env")
    tables, is_installed = architectures.vllm_tables(site)
    assert is_installed
    assert tables.version == "0.32.0"
    assert architectures.vllm_tables_of("0.32.0") is tables
    assert "OneForCausalLM" in tables.generation
    assert tables.pooling == {"EmbedModel"}
    assert (tables.listed, tables.gone) == ({"ListedForCausalLM"}, {"OldForCausalLM": "0.9.2"})
    assert tables.config_types == {"own", "a-b"}
    inner = tables.transformers
    assert inner.model_types == {"one", "two-x", "three"}
    assert inner.causal["two-x"] == ("TwoForCausalLM", "TwoLM")
    assert inner.multimodal == {"see": ("SeeForConditionalGeneration",), "hear": ("HearModel",)}
    assert inner.other == {"OneModel"}
    assert inner.attention_of("TwoForCausalLM") is architectures.Attention.DECLARED
    assert inner.attention_of("TwoLM") is architectures.Attention.NO
    assert inner.attention_of("Nope", "two-x") is architectures.Attention.ABSENT
    assert inner.attention_of("Nope", "../../etc") is architectures.Attention.ABSENT


def test_another_version_in_the_same_place_is_seen(tmp_path: Path) -> None:
    site = installed_sources(tmp_path / "env")
    file = site / "vllm" / "model_executor" / "models" / "registry.py"
    assert "NewForCausalLM" not in architectures.vllm_tables(site)[0].generation
    file.write_text(REGISTRY.replace("OneForCausalLM", "NewForCausalLM"))
    os.utime(file, ns=(1, 1))
    assert "NewForCausalLM" in architectures.vllm_tables(site)[0].generation


@pytest.mark.parametrize("text", ["", "def (", "_TEXT_GENERATION_MODELS = 3", "\x00", "x = " + "(" * 3000])
def test_a_registry_that_cannot_be_read_gives_way_to_our_table(tmp_path: Path, text: str) -> None:
    site = installed_sources(tmp_path / "env")
    (site / "vllm" / "model_executor" / "models" / "registry.py").write_text(text)
    tables, is_installed = architectures.vllm_tables(site)
    assert not is_installed
    assert tables is architectures.shipped_vllm()


@given(st.text(max_size=200))
def test_no_source_makes_the_reader_fail(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "source.py"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        static_reading.read_tables(file)
    except ValueError:
        pass

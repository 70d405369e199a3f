"""Writes the tables that Servedeck ships, from real engines.

`python tests/engines/refresh_resources.py VLLM TRANSFORMERS`: both arguments are Python environments. For maintainers,
when a new version of an engine comes out: review the diff, and name the files in `vllm.py` and `transformers_serve.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.engines import architectures, probing, shipped
from core.engines.engine import Installation
from core.engines.option_reading import transformers_table, vllm_table
from core.engines.options import OptionTable

ROOT = Path(__file__).parents[2] / "resources" / "engines"


def main(vllm: Path, transformers: Path) -> None:
    env = probing.environment(VLLM_LOGGING_LEVEL="ERROR")
    answer = probing.ask(_installation("vllm", vllm), "describe_vllm.py", env)
    _write_options(vllm_table(answer, shipped.hints("vllm")))
    answer = probing.ask(_installation("transformers", transformers), "describe_transformers.py", env)
    _write_options(transformers_table(answer, shipped.hints("transformers")))
    tables, _ = architectures.vllm_tables(_site_packages(vllm))
    _write("vllm", f"architectures-{_public(tables.version)}.json", _vllm(tables))
    inner = tables.transformers
    _write("vllm", f"transformers-{inner.version}.json", _transformers(inner))
    own, _ = architectures.transformers_tables(_site_packages(transformers))
    _write("transformers", f"architectures-{own.version}.json", {**_transformers(own), "attention": {}})


def _installation(engine: str, folder: Path) -> Installation:
    executable = folder / "bin" / engine
    return Installation("x", engine, "added", executable, folder / "bin" / "python", "", "", _site_packages(folder))


def _site_packages(folder: Path) -> Path:
    return next(folder.glob("lib/python3*/site-packages"))


def _public(version: str) -> str:
    return version.partition("+")[0]


def _write_options(table: OptionTable) -> None:
    version = _public(table.version)
    options = [each.model_dump(mode="json", exclude_defaults=True) for each in table.options]
    _write(table.engine, f"options-{version}.json", {"engine": table.engine, "version": version, "options": options})


def _vllm(tables: architectures.VllmTables) -> dict[str, Any]:
    names = ("generation", "multimodal", "pooling", "drafts", "listed", "backends", "config_types")
    sets = {name: sorted(getattr(tables, name)) for name in names}
    return {"version": _public(tables.version), **sets, "gone": dict(tables.gone), "plugins": dict(tables.plugins)}


def _transformers(tables: architectures.TransformersTables) -> dict[str, Any]:
    attention: dict[str, list[str]] = {}
    for name in sorted(tables.type_of_class):
        attention.setdefault(str(tables.attention_of(name)), []).append(name)
    attention.pop("absent", None)

    def plain(mapping: Any) -> dict[str, Any]:
        return {key: names[0] if len(names) == 1 else list(names) for key, names in mapping.items()}

    return {
        "version": tables.version,
        "model_types": sorted(tables.model_types),
        "causal": plain(tables.causal),
        "multimodal": plain(tables.multimodal),
        "seq2seq": plain(tables.seq2seq),
        "other": sorted(tables.other),
        "attention": attention,
    }


def _write(engine: str, name: str, value: dict[str, Any]) -> None:
    """One entry a line: small, and a diff shows what changed."""
    lines = [f" {json.dumps(key)}: {_lines(each)}" for key, each in value.items()]
    path = ROOT / engine / name
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(path, path.stat().st_size)


def _lines(value: Any) -> str:
    def dumped(items: Iterable[str], brackets: str) -> str:
        return brackets[0] + "\n  " + ",\n  ".join(items) + "\n " + brackets[1]

    if isinstance(value, list) and value and isinstance(value[0], dict):
        return dumped((json.dumps(each, ensure_ascii=False) for each in value), "[]")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

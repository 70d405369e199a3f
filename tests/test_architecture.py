"""The rules of the house (docs/architecture.md), checked on the files themselves."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("core", "gui", "resources")
FILES = sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "base", "stuff"}
PROBES = "core/engines/probes/"
"""Run by the interpreter of an engine, not by ours."""
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
LONGER_FILES: dict[str, str] = {}
"""Files that may be longer, with the reason."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used"
            yield node.module or ""


def run_python(code: str) -> str:
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert child.returncode == 0, child.stderr
    return child.stdout


def test_the_core_imports_no_qt_and_no_gui_even_when_all_of_it_is_loaded() -> None:
    modules = [module_of(path) for path in FILES if name_of(path).startswith("core/") and PROBES not in name_of(path)]
    code = (
        f"import importlib, json, sys\nfor name in {modules!r}:\n    importlib.import_module(name)\n"
        "print(json.dumps(sorted(name for name in sys.modules if name.split('.')[0] in "
        "('PySide6', 'shiboken6', 'gui', 'tests'))))"
    )
    assert json.loads(run_python(code)) == []


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("core", ("gui", "PySide6", "shiboken6", "tests")),
        ("resources", ("gui", "core", "PySide6", "tests")),
        ("gui", ("tests",)),
        (
            "gui/widgets",
            ("core.app", "gui.app", "gui.window", "gui.pages", "gui.bridge", "gui.models", "gui.navigator"),
        ),
        ("gui/models", ("gui.app", "gui.window", "gui.pages", "gui.bridge")),
        ("core/runtimes", ("core.app", "core.deployments.fleet", "core.engines.catalog", "core.hub")),
        ("core/engines", ("core.app", "core.deployments.fleet", "core.runtimes")),
        ("core/chat", ("core.app", "core.deployments", "core.engines", "core.hub")),
        ("core/logs", ("core.app", "core.deployments.fleet", "core.hub", "core.chat")),
    ],
)
def test_who_may_know_whom(folder: str, forbidden: tuple[str, ...]) -> None:
    guilty = [
        f"{name_of(path)} imports {module}"
        for path in FILES
        if name_of(path).startswith(f"{folder}/")
        for module in imports(path)
        if any(module == each or module.startswith(f"{each}.") for each in forbidden)
    ]
    assert guilty == []


def test_the_keeper_stays_small() -> None:
    """One runs for each deployment, for days: it loads the standard library and its neighbours."""
    loaded = json.loads(run_python("import core.runtimes.keeper, json, sys; print(json.dumps(sorted(sys.modules)))"))
    ours = {name for name in loaded if name.split(".")[0] in OURS}
    assert all(name in ("core", "core.runtimes") or name.startswith("core.runtimes.") for name in ours)
    heavy = {"asyncio", "pydantic", "psutil", "httpx2", "logging"}
    assert heavy.isdisjoint(loaded)


def test_the_command_line_loads_no_qt() -> None:
    code = (
        "import sys; sys.argv = ['servedeck', '--help']\n"
        "from gui.entry import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('PySide6' in sys.modules, file=sys.stderr)\n"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert child.stderr.split() == ["False"]
    assert "launch" in child.stdout


def test_no_name_says_nothing() -> None:
    parts = {part.removesuffix(".py") for path in FILES for part in path.relative_to(ROOT).parts}
    assert parts & FORBIDDEN_NAMES == set()


def test_files_and_functions_stay_readable() -> None:
    long = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > MAX_FILE_LINES and name_of(path) not in LONGER_FILES:
            long.append(f"{name_of(path)}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MAX_FUNCTION_LINES:
                    long.append(f"{name_of(path)}: {node.name} has {length} lines")
    assert long == []


def test_every_library_that_is_imported_is_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=!~\[; ]", each)[0].lower().replace("_", "-") for each in project["dependencies"]}
    known = packages_distributions()
    undeclared = {
        f"{name_of(path)} imports {top}"
        for path in FILES
        if PROBES not in name_of(path)
        for top in {module.split(".")[0] for module in imports(path)}
        if top not in sys.stdlib_module_names
        and top not in OURS
        and not {each.lower().replace("_", "-") for each in known.get(top, ())} & _with_parts(declared)
    }
    assert undeclared == set()


def _with_parts(declared: set[str]) -> set[str]:
    """PySide6-Essentials brings shiboken6, which belongs to it."""
    return declared | {"shiboken6"} if "pyside6-essentials" in declared else declared


def test_nothing_reads_the_folder_beside_the_repository() -> None:
    files = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    guilty = [
        name_of(path) for path in files if path != Path(__file__) and "shared/" in path.read_text(encoding="utf-8")
    ]
    assert guilty == []


def test_the_resources_of_every_engine_load_and_fit_each_other() -> None:
    from core.engines.catalog import Catalog

    engines = Catalog().all()
    assert [each.id for each in engines] == ["vllm", "transformers", "tgi"]
    for engine in engines:
        for pattern in engine.log.phases:
            re.compile(pattern.pattern)
        for _, text in engine.log.loaded:
            re.compile(text)
        table = engine.shipped_options()
        assert table.engine == engine.id
        assert table.source == "shipped"
        assert len({each.name for each in table.options}) == len(table.options)
        if engine.executable:
            missing = [name for name, _ in engine.key_options if table.get(name) is None]
            assert len(missing) < len(engine.key_options), f"{engine.id} has none of its key options"
        support = engine.support(None, None)
        assert support.engine == engine.id
        assert engine.title
        assert engine.summary

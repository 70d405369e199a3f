"""Installations are found where people have them, and read without being run."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from core.engines import managed
from core.engines.catalog import Catalog
from core.engines.installations import Installations
from core.errors import InputError, InstallationError, NotFoundError
from core.events import Bus, Event, InstallationsChanged
from core.paths import Paths
from tests.core.engines.places import environment, only_path, script


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing is installed."""
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", only_path(tmp_path / "nothing"))
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "XDG_DATA_HOME", "UV_TOOL_DIR", "PIPX_HOME", "WORKON_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def installations(tmp_path: Path, place: Path, events: list[Event]) -> Installations:
    bus = Bus()
    bus.subscribe(events.append)
    paths = Paths.under(tmp_path / "home")
    paths.prepare()
    return Installations(Catalog(), paths, bus)


async def test_nothing_is_there(installations: Installations, events: list[Event]) -> None:
    assert not installations.scanned
    assert await installations.refresh() == ()
    assert installations.scanned
    assert events == [InstallationsChanged()]
    with pytest.raises(InstallationError, match="vLLM is not installed") as caught:
        installations.choose("vllm")
    assert "servedeck engines install vllm" in caught.value.remedy
    with pytest.raises(InstallationError, match="container"):
        installations.choose("tgi")
    with pytest.raises(NotFoundError):
        installations.choose("nope")


async def test_a_command_on_path(
    installations: Installations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: list[Event]
) -> None:
    command = environment(tmp_path / "env")
    monkeypatch.setenv("PATH", only_path(tmp_path / "nothing", tmp_path / "env" / "bin"))
    begun = time.monotonic()
    (found,) = await installations.refresh()
    assert time.monotonic() - begun < 1.0
    assert (found.id, found.kind, found.engine) == (f"path:{command}", "path", "vllm")
    assert (found.version, found.target, found.problem) == ("0.32.0", "CPU", "")
    assert found.python == tmp_path / "env" / "bin" / "python"
    assert installations.choose("vllm") == found
    assert installations.choose("vllm", found.id) == found
    await installations.refresh()
    assert events == [InstallationsChanged()]  # nothing changed the second time


async def test_one_environment_is_shown_once(
    installations: Installations, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = environment(place / ".venv")
    link = tmp_path / "links" / "vllm"
    link.parent.mkdir()
    link.symlink_to(command)
    monkeypatch.setenv("PATH", only_path(tmp_path / "links", place / ".venv" / "bin"))
    monkeypatch.setenv("VIRTUAL_ENV", str(place / ".venv"))
    found = await installations.refresh()
    assert [each.kind for each in found] == ["path"]
    assert found[0].version == "0.32.0"


@pytest.mark.parametrize(
    "where",
    [
        ".venv",
        "venv-vllm",
        ".virtualenvs/mine",
        "miniconda3/envs/llm",
        "miniforge3",
        ".local/share/uv/tools/vllm",
        ".local/share/pipx/venvs/vllm",
    ],
)
async def test_known_environments(installations: Installations, place: Path, where: str) -> None:
    environment(place / where)
    (found,) = await installations.refresh()
    assert found.kind == "environment"
    assert found.is_usable


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
async def test_the_active_environment(
    installations: Installations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    environment(tmp_path / "active", "transformers", "5.23.0")
    monkeypatch.setenv(variable, str(tmp_path / "active"))
    (found,) = await installations.refresh()
    assert (found.engine, found.version) == ("transformers", "5.23.0")


@pytest.mark.parametrize(
    ("version", "local", "cuda", "hip", "target"),
    [
        ("0.32.0+cpu", "", "'13.0'", "None", "CPU"),
        ("0.32.0+cu129", "", "None", "None", "CUDA 12.9"),
        ("0.32.0+cu130", "", "None", "None", "CUDA 13.0"),
        ("0.32.0+rocm700", "", "None", "None", "ROCm 7.0"),
        ("0.32.0", "+cu130", "'13.0'", "None", "CUDA 13.0"),
        ("0.32.0", "", "None", "'7.0.51831'", "ROCm 7.0"),
        ("0.32.0", "+cpu", "None", "None", "CPU"),
    ],
)
async def test_the_hardware_target(
    installations: Installations,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    local: str,
    cuda: str,
    hip: str,
    target: str,
) -> None:
    environment(tmp_path / "env", version=version, local=local, cuda=cuda, hip=hip)
    monkeypatch.setenv("PATH", only_path(tmp_path / "env" / "bin"))
    (found,) = await installations.refresh()
    assert found.target == target


async def test_the_newest_usable_is_chosen(
    installations: Installations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, version in (("a", "0.9.2"), ("b", "0.32.0"), ("c", "0.100.0")):
        environment(tmp_path / name, version=version, beside={} if name == "c" else None)
    monkeypatch.setenv("PATH", only_path(*(tmp_path / each / "bin" for each in "abc")))
    found = await installations.refresh()
    assert [each.version for each in found] == ["0.32.0", "0.9.2", "0.100.0"]
    assert installations.choose("vllm").version == "0.32.0"
    assert "lacks torch" in found[-1].problem
    with pytest.raises(InstallationError, match="lacks torch"):
        installations.choose("vllm", found[-1].id)
    with pytest.raises(InstallationError, match="isn't there any more"):
        installations.choose("vllm", "path:/gone")


@pytest.mark.parametrize(
    ("first", "problem", "version"),
    [
        ("#!/gone/python3\n", "Its Python /gone/python3 is gone", ""),
        ("#!/bin/sh\nexec something\n", "", ""),
        ("#!/usr/bin/env python3\n", "", "0.32.0"),
        ("\x7fELF…", "", "0.32.0"),
        ("#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n", "", "0.32.0"),
        ("#!\n", "", ""),
        ("", "", "0.32.0"),
    ],
)
async def test_first_lines_of_all_kinds(
    installations: Installations,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    problem: str,
    version: str,
) -> None:
    command = environment(tmp_path / "env")
    script(command, first.replace("{python}", str(tmp_path / "env" / "bin" / "python")))
    monkeypatch.setenv("PATH", only_path(tmp_path / "env" / "bin"))
    (found,) = await installations.refresh()
    assert problem in found.problem
    assert bool(found.problem) == bool(problem)
    assert found.version == version


async def test_transformers_without_the_serving_parts_or_of_old(
    installations: Installations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(tmp_path / "a", "transformers", "5.23.0", beside={"torch": "2.13.0"})
    old = environment(tmp_path / "b", "transformers", "4.57.0")
    (next(old.parent.parent.glob("lib/*/site-packages")) / "transformers" / "cli" / "serving").rmdir()
    monkeypatch.setenv("PATH", only_path(tmp_path / "a" / "bin", tmp_path / "b" / "bin"))
    first, second = await installations.refresh()
    assert "lacks fastapi and uvicorn" in first.problem
    assert "Transformers 4.57.0 has another serve command" in second.problem


async def test_adding_and_forgetting(installations: Installations, tmp_path: Path) -> None:
    command = environment(tmp_path / "env")
    for given in (tmp_path / "env", command, command.parent, command.parent / "python"):
        added = await installations.add("vllm", str(given))
        assert (added.kind, added.executable) == ("added", command)
    listed = json.loads((tmp_path / "home" / "data" / "installations.json").read_text())
    assert listed == [{"engine": "vllm", "path": str(command)}]
    again = Installations(Catalog(), Paths.under(tmp_path / "home"), Bus())
    assert [each.id for each in await again.refresh()] == [added.id]
    command.unlink()
    (broken,) = await again.refresh()
    assert "is gone" in broken.problem
    await again.remove(broken.id)
    assert await again.refresh() == ()
    with pytest.raises(NotFoundError):
        await again.remove(broken.id)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("", "no vllm in"),
        ("nowhere", "There is no file"),
        ("empty", "There is no vllm in"),
        ("plain", "can't be run"),
        ("env/bin/python", "no vllm beside"),
    ],
)
async def test_what_cannot_be_added_says_why(
    installations: Installations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, words: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "plain").write_text("x")
    environment(tmp_path / "env", "transformers", "5.23.0")
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(InputError, match=words) as caught:
        await installations.add("vllm", str(tmp_path / what) if what else "")
    assert caught.value.field == "path"
    with pytest.raises(InputError, match="can't be added"):
        await installations.add("tgi", str(tmp_path))


async def test_what_was_found_by_itself_is_not_removed(
    installations: Installations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = environment(tmp_path / "env")
    monkeypatch.setenv("PATH", only_path(tmp_path / "env" / "bin"))
    (found,) = await installations.refresh()
    with pytest.raises(InstallationError, match="didn't make it"):
        await installations.remove(found.id)
    assert command.exists()


@pytest.mark.expects_log("added installations can't be read")
async def test_a_damaged_list_is_told_and_kept(installations: Installations, tmp_path: Path) -> None:
    file = tmp_path / "home" / "data" / "installations.json"
    for text in ("{", "[1]", '{"a": 1}', '[{"engine": "vllm"}]'):
        file.write_text(text)
        await installations.refresh()
        assert str(file) in installations.problem
        assert file.read_text() == text
    file.unlink()
    await installations.refresh()
    assert installations.problem == ""


async def test_a_managed_environment(installations: Installations, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "data" / "engines" / "vllm"
    command = environment(folder)
    assert await installations.refresh() == ()  # not ours: nobody marked it
    managed.note(folder, None)
    managed.release(folder)
    (half,) = await installations.refresh()
    assert "not finished" in half.problem
    managed.finish(folder, {"engine": "vllm"})
    (found,) = await installations.refresh()
    assert (found.id, found.kind, found.executable) == ("managed:vllm", "managed", command)
    assert found.is_usable
    assert found.size is not None
    assert found.size > 0
    await installations.remove("managed:vllm")
    assert not folder.exists()
    assert installations.all() == ()

"""The models on this machine: a cache that real downloads made, folders of the user's, and damage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import InputError, NotFoundError, StoreError
from core.events import Bus, Event, LibraryChanged
from core.hub.cache import cache_folder, hf_home, snapshot_folder, snapshots
from core.hub.download import download_command
from core.hub.library import Library
from core.hub.model_ref import ModelRef
from core.paths import Paths
from tests.core.hub.conftest import CONFIG
from tests.servers.hub_server import HubServer, VirtualFile

SHARDS = {f"model-0000{number}-of-00002.safetensors": VirtualFile(100_000 * number) for number in (1, 2)}


@pytest.fixture
def paths(home: Path) -> Paths:
    made = Paths.from_environment()
    made.prepare()
    return made


@pytest.fixture
def library(paths: Paths, bus: Bus) -> Library:
    return Library(paths, bus)


@pytest.fixture
def downloaded(server: HubServer, home: Path) -> Path:
    """The snapshot of acme/tiny, really downloaded; gives its folder."""
    repository = server.add_model("acme/tiny", config=CONFIG, files=SHARDS, card="# Tiny")
    return download(server, "acme/tiny", repository.commit)


def download(server: HubServer, model_id: str, commit: str) -> Path:
    subprocess.run(
        download_command(ModelRef(kind="hub", id=model_id, commit=commit)),
        check=True,
        capture_output=True,
        timeout=60,
        env={**os.environ, "HF_ENDPOINT": server.url},
    )
    return snapshot_folder(cache_folder(), model_id, commit)


def make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(b"x" * 1000)
    return folder


async def test_nothing_there(library: Library) -> None:
    assert (library.entries, library.scanned) == ((), False)
    assert await library.scan() == ()
    assert (library.scanned, library.total_size, library.problem) == (True, 0, "")


async def test_a_downloaded_model(library: Library, downloaded: Path, bus: Bus) -> None:
    events: list[Event] = []
    bus.subscribe(events.append)
    (entry,) = await library.scan()
    commit = downloaded.name
    assert entry.ref == ModelRef(kind="hub", id="acme/tiny", commit=commit)
    assert (entry.path, entry.complete, entry.problem) == (downloaded, True, "")
    assert entry.config is not None
    assert entry.config.model_type == "llama"
    assert entry.modified is not None
    assert entry.size == library.total_size > 300_000
    assert events == [LibraryChanged()]
    await library.scan()
    assert len(events) == 1, "nothing changed, so nothing is told"
    assert library.find(ModelRef(kind="hub", id="acme/tiny")) == entry
    assert library.find(ModelRef(kind="hub", id="acme/tiny", revision=commit)) == entry
    assert library.find(ModelRef(kind="hub", id="acme/tiny", revision="dev")) is None
    assert library.find(ModelRef(kind="hub", id="acme/tiny", commit="f" * 40)) is None
    assert library.find(ModelRef(kind="hub", id="acme/other")) is None


async def test_huggingface_hub_sees_the_same(library: Library, downloaded: Path) -> None:
    from huggingface_hub import get_cached_repo_tree, scan_cache_dir

    await library.scan()
    theirs = scan_cache_dir(library.cache_folder)
    (repo,) = theirs.repos
    (revision,) = repo.revisions
    (entry,) = library.entries
    assert (repo.repo_id, revision.commit_hash) == (entry.ref.id, entry.ref.commit)
    assert (revision.snapshot_path, revision.size_on_disk) == (entry.path, entry.size)
    assert theirs.size_on_disk == library.total_size
    (snapshot,) = snapshots(library.cache_folder)
    tree = get_cached_repo_tree("acme/tiny", revision=downloaded.name, cache_dir=library.cache_folder)
    assert {file.path: file.size for file in tree} == {file.path: file.size for file in snapshot.listed_files() or ()}


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"HF_HOME": "/a/home"},
        {"HF_HOME": "~/b", "XDG_CACHE_HOME": "/c"},
        {"XDG_CACHE_HOME": "/c"},
        {"HF_HOME": "/a", "HF_HUB_CACHE": "$HOME/d"},
        {"HUGGINGFACE_HUB_CACHE": "/old"},
        {"HUGGINGFACE_HUB_CACHE": "/old", "HF_HUB_CACHE": "/new"},
    ],
)
def test_the_cache_is_where_huggingface_hub_has_it(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, run_python: Callable[[str], str]
) -> None:
    for name in ("HF_HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    theirs = run_python("from huggingface_hub import constants as c; print(c.HF_HUB_CACHE); print(c.HF_HOME)")
    assert theirs.split() == [str(cache_folder()), str(hf_home())]


async def test_a_missing_file_is_told(library: Library, downloaded: Path) -> None:
    (downloaded / "model-00002-of-00002.safetensors").unlink()
    (entry,) = await library.scan()
    assert not entry.complete
    assert entry.problem == "model-00002-of-00002.safetensors is missing."
    (downloaded / "config.json").unlink()
    assert await library.scan() == (), "without config.json it is no model for Transformers"


async def test_a_blob_that_is_gone_does_not_hide_the_model(library: Library, downloaded: Path) -> None:
    (downloaded / "model-00001-of-00002.safetensors").resolve().unlink()
    (entry,) = await library.scan()
    assert "model-00001" in entry.problem


async def test_an_interrupted_download_is_told(library: Library, downloaded: Path) -> None:
    (downloaded / "model-00001-of-00002.safetensors").unlink()
    (downloaded.parent.parent / "blobs" / "abc.12345678.incomplete").write_bytes(bytes(5_000_000))
    (entry,) = await library.scan()
    assert "An unfinished download holds 5 MB." in entry.problem


async def test_other_tools_downloads_are_judged_by_their_weights(library: Library, home: Path) -> None:
    folder = make_folder(snapshot_folder(cache_folder(), "acme/other", "d" * 40))
    (entry,) = await library.scan()
    assert entry.complete
    (folder / "model.safetensors").unlink()
    (entry,) = await library.scan()
    assert (entry.complete, entry.problem) == (False, "It has no weights.")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model-00001-of-00002.safetensors").write_bytes(b"x")
    (entry,) = await library.scan()
    assert entry.problem == "model-00002-of-00002.safetensors is missing."
    (folder / "model.safetensors.index.json").write_text("{")
    (entry,) = await library.scan()
    assert "no JSON" in entry.problem


async def test_several_commits_share_their_files(library: Library, server: HubServer, downloaded: Path) -> None:
    server.repositories["acme/tiny"].refs["dev"] = "e" * 40
    second = download(server, "acme/tiny", "e" * 40)
    refs = second.parent.parent / "refs"
    refs.mkdir(exist_ok=True)
    (refs / "main").write_text(downloaded.name)
    (refs / "dev").write_text("e" * 40)
    entries = {entry.ref.text: entry for entry in await library.scan()}
    assert set(entries) == {"acme/tiny", "acme/tiny@dev"}
    assert entries["acme/tiny"].ref.commit == downloaded.name
    assert library.total_size == entries["acme/tiny"].size == entries["acme/tiny@dev"].size
    assert library.find(ModelRef(kind="hub", id="acme/tiny")) is entries["acme/tiny"]
    assert library.find(ModelRef(kind="hub", id="acme/tiny", revision="dev")) is entries["acme/tiny@dev"]


async def test_strange_things_in_the_cache(library: Library, downloaded: Path) -> None:
    cache = library.cache_folder
    (cache / "models--file").write_text("")
    (cache / "models--empty--one").mkdir()
    (cache / "datasets--acme--x" / "snapshots" / ("a" * 40)).mkdir(parents=True)
    refs = downloaded.parent.parent / "refs"
    refs.mkdir(exist_ok=True)
    (refs / "moved").write_text("9" * 40)
    (refs / "broken").write_bytes(b"\xff")
    (downloaded.parent / "not-a-commit").mkdir()
    (downloaded.parent.parent / "trees" / f"{downloaded.name}.json").write_text("[")
    (entry,) = await library.scan()
    assert entry.complete
    assert library.problem == ""


async def test_a_cache_that_is_no_folder(library: Library, home: Path) -> None:
    cache_folder().parent.mkdir(parents=True)
    cache_folder().write_text("")
    await library.scan()
    assert "can't be read" in library.problem


async def test_folders_are_added_and_forgotten(
    library: Library, paths: Paths, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(tmp_path / "my model")
    events: list[Event] = []
    bus.subscribe(events.append)
    entry = await library.add_folder(folder)
    assert entry.ref == ModelRef(kind="folder", id=str(folder))
    assert (entry.complete, entry.size) == (True, 1000 + len(json.dumps(CONFIG)))
    monkeypatch.chdir(tmp_path)
    for same in (folder.as_uri(), "my model", Path("my model")):
        assert (await library.add_folder(same)).ref == entry.ref
    assert len(library.entries) == 1
    assert events == [LibraryChanged()]
    again = Library(paths, bus)
    assert [each.ref for each in await again.scan()] == [entry.ref]
    assert again.is_added(entry.ref)
    await again.remove_folder(entry.ref)
    assert again.entries == ()
    assert (folder / "model.safetensors").exists()
    with pytest.raises(NotFoundError):
        await again.remove_folder(entry.ref)


async def test_what_can_not_be_added(library: Library, paths: Paths, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", "/dev/null"):
        with pytest.raises(InputError) as caught:
            await library.add_folder(path)
        assert caught.value.field == "model"
    assert not paths.library_file.exists()


async def test_a_folder_that_is_gone_stays_listed(library: Library, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "stick")
    entry = await library.add_folder(folder)
    shutil.rmtree(folder)
    (gone,) = await library.scan()
    assert (gone.ref, gone.complete, gone.problem) == (entry.ref, False, "The folder is gone.")


async def test_our_own_models_are_listed_and_not_removable(library: Library, paths: Paths) -> None:
    make_folder(paths.models / "demo")
    make_folder(paths.models / "acme" / "tiny")
    entries = await library.scan()
    assert [entry.ref.label for entry in entries] == ["demo", "tiny"]
    assert not library.is_added(entries[0].ref)
    with pytest.raises(NotFoundError):
        await library.remove_folder(entries[0].ref)


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 9}', '{"version": 1, "folders": [1]}', "\x00"])
async def test_a_damaged_list_is_told_and_never_overwritten(
    library: Library, paths: Paths, tmp_path: Path, text: str
) -> None:
    paths.library_file.write_text(text)
    assert await library.scan() == ()
    assert str(paths.library_file) in library.problem
    with pytest.raises(StoreError):
        await library.add_folder(make_folder(tmp_path / "m"))
    assert paths.library_file.read_text() == text

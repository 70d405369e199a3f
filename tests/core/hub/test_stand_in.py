"""The stand-in Hub is believed only because huggingface_hub itself takes it for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    BadRequestError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.core.hub.conftest import CONFIG
from tests.servers.hub_models import realistic
from tests.servers.hub_server import HubServer, VirtualFile


def api(server: HubServer, token: str | bool = False) -> HfApi:
    return HfApi(endpoint=server.url, token=token)


def test_listing(server: HubServer) -> None:
    realistic(server)
    found = list(
        api(server).list_models(search="qwen2.5 coder", sort="downloads", limit=2, expand=["downloads", "config"])
    )
    assert [model.id for model in found] == ["Qwen/Qwen2.5-Coder-7B-Instruct", "Qwen/Qwen2.5-Coder-1.5B-Instruct"]
    assert found[0].config is not None
    assert found[0].likes is None
    assert len(list(api(server).list_models(filter="gguf"))) == 2
    assert len(list(api(server).list_models())) == len(server.repositories)
    with pytest.raises((BadRequestError, HfHubHTTPError)):
        list(api(server).list_models(expand=["nonsense"]))  # type: ignore[list-item]


def test_description_tree_and_refs(server: HubServer) -> None:
    server.add_model("acme/tiny", config=CONFIG, files={"a/b/c.txt": b"x", "model.safetensors": VirtualFile(10**12)})
    server.aliases["tiny"] = "acme/tiny"
    info = api(server).model_info("acme/tiny", files_metadata=True)
    assert {file.rfilename: file.size for file in info.siblings or ()}["model.safetensors"] == 10**12
    assert api(server).model_info("tiny").id == "acme/tiny"
    tree = api(server).list_repo_tree("acme/tiny", recursive=True)
    assert [entry.path for entry in tree] == ["a", "a/b", "a/b/c.txt", "config.json", "model.safetensors"]
    assert [entry.path for entry in api(server).list_repo_tree("acme/tiny")] == [
        "a",
        "config.json",
        "model.safetensors",
    ]
    assert [entry.path for entry in api(server).get_paths_info("acme/tiny", ["config.json", "no"])] == ["config.json"]
    assert [branch.name for branch in api(server).list_repo_refs("acme/tiny").branches] == ["main"]


def test_refusals(server: HubServer) -> None:
    server.add_model("acme/gated", config=CONFIG, gated="auto")
    server.add_token("hf_alice", "alice", "acme/gated")
    server.add_token("hf_bob", "bob")
    api(server, "hf_alice").auth_check("acme/gated")
    for token in (False, "hf_bob"):
        with pytest.raises(GatedRepoError):
            api(server, token).auth_check("acme/gated")
    for token in (False, "hf_bob"):
        with pytest.raises(RepositoryNotFoundError):
            api(server, token).model_info("acme/nothing")
    with pytest.raises(RevisionNotFoundError):
        api(server).model_info("acme/gated", revision="nope")
    with pytest.raises(HfHubHTTPError, match="Invalid credentials"):
        api(server, "hf_wrong").model_info("acme/gated")
    assert api(server, "hf_bob").whoami()["name"] == "bob"


def test_files(server: HubServer, tmp_path: Path) -> None:
    files = {"small.txt": b"hello", "big.bin": VirtualFile(200_000, b"head")}
    server.add_model("acme/tiny", files=files)
    where = {"endpoint": server.url, "cache_dir": tmp_path, "token": False}
    assert Path(hf_hub_download("acme/tiny", "small.txt", **where)).read_bytes() == b"hello"
    big = Path(hf_hub_download("acme/tiny", "big.bin", **where)).read_bytes()
    assert (len(big), big[:5]) == (200_000, b"head\0")
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download("acme/tiny", "nothing.txt", **where)


def test_a_real_folder_is_served(server: HubServer, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "weights.safetensors").write_bytes(bytes(range(256)) * 1000)
    server.add_folder("acme/real", folder, downloads=3)
    where = {"endpoint": server.url, "cache_dir": tmp_path / "cache", "token": False}
    got = Path(hf_hub_download("acme/real", "sub/weights.safetensors", **where))
    assert got.read_bytes() == (folder / "sub" / "weights.safetensors").read_bytes()
    assert api(server).model_info("acme/real").downloads == 3

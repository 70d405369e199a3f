"""A model's facts: from the Hub, from a folder, and from the cache when the Hub can't be reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import (
    GatedModelError,
    HubAnswerError,
    HubRateLimitedError,
    HubTokenError,
    HubUnreachableError,
    InputError,
    ModelNotFoundError,
)
from core.hub.cache import snapshot_folder
from core.hub.hub import Hub
from core.hub.model_ref import ModelRef
from core.hub.refusals import NoSuchFileError
from tests.core.hub.conftest import CONFIG
from tests.servers.hub_models import realistic
from tests.servers.hub_server import HubServer, VirtualFile

TEMPLATE = json.dumps({"chat_template": "{{ messages }}"}).encode()
TINY = ModelRef(kind="hub", id="acme/tiny")


def add_tiny(server: HubServer, **facts: Any) -> str:
    """A public model with one big file; gives its commit."""
    files = {
        "model.safetensors": VirtualFile(10**12),
        "model.onnx": VirtualFile(10**12),
        "tokenizer_config.json": TEMPLATE,
        "modeling_acme.py": b"print()\n",
    }
    card = "---\nlicense: mit\ntags:\n- x\n---\n\n# Tiny\n\n---\n\nSmall.\n"
    facts = {"config": CONFIG, "card": card, "files": files, **facts}
    return server.add_model("acme/tiny", **facts).commit


def keep_in_cache(home: Path, commit: str, files: dict[str, bytes], *, refs: tuple[str, ...] = ()) -> Path:
    """A snapshot of acme/tiny as other tools leave it; gives its folder."""
    folder = snapshot_folder(home.parent / "hf" / "hub", "acme/tiny", commit)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for ref in refs:
        path = folder.parent.parent / "refs" / ref
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit)
    return folder


async def test_facts_at_the_commit_that_main_means_now(server: HubServer, hub: Hub) -> None:
    commit = add_tiny(server, license="mit", parameters=5)
    details = await hub.details(TINY)
    assert details.ref == ModelRef(kind="hub", id="acme/tiny", commit=commit)
    assert details.config is not None
    assert details.config.context_length == 2048
    assert details.config_problem == ""
    assert details.has_chat_template is True
    assert details.summary.license == "mit"
    assert {file.path: file.size for file in details.files}["model.safetensors"] == 10**12
    small = sum(file.size or 0 for file in details.files if (file.size or 0) < 10**12)
    assert details.download_size == 10**12 + small
    assert [file.path for file in details.python_files] == ["modeling_acme.py"]
    assert (details.cached, details.cached_path, details.from_cache_only) == (False, None, False)


async def test_branches_tags_and_commits(server: HubServer, hub: Hub) -> None:
    add_tiny(server)
    server.repositories["acme/tiny"].refs["refs/pr/1"] = "1" * 40
    details = await hub.details(ModelRef(kind="hub", id="acme/tiny", revision="refs/pr/1"))
    assert (details.ref.revision, details.ref.commit) == ("refs/pr/1", "1" * 40)
    details = await hub.details(ModelRef(kind="hub", id="acme/tiny", revision="main", commit="1" * 40))
    assert (details.ref.revision, details.ref.commit) == ("main", "1" * 40), "a pinned commit stays"
    with pytest.raises(ModelNotFoundError, match="no revision 'nope'"):
        await hub.details(ModelRef(kind="hub", id="acme/tiny", revision="nope"))


async def test_an_old_name_leads_to_the_new_one(server: HubServer, hub: Hub) -> None:
    add_tiny(server)
    server.aliases["tiny"] = "acme/tiny"
    assert (await hub.details(ModelRef(kind="hub", id="tiny"))).ref.id == "acme/tiny"


@pytest.mark.parametrize("token", ["", "hf_alice"])
async def test_a_model_that_is_not_there_or_private(
    server: HubServer, hub: Hub, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_model("bob/secret", config=CONFIG, private=True)
    server.add_token("hf_alice", "alice")
    monkeypatch.setenv("HF_TOKEN", token)
    for name in ("acme/nothing", "bob/secret"):
        with pytest.raises(ModelNotFoundError, match=name) as caught:
            await hub.details(ModelRef(kind="hub", id=name))
        assert "private" in caught.value.message


async def test_the_owner_sees_a_private_model(server: HubServer, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add_model("bob/secret", config=CONFIG, private=True)
    server.add_token("hf_bob", "bob")
    monkeypatch.setenv("HF_TOKEN", "hf_bob")
    assert (await hub.details(ModelRef(kind="hub", id="bob/secret"))).summary.private


async def test_a_disabled_model(server: HubServer, hub: Hub) -> None:
    add_tiny(server, disabled=True)
    with pytest.raises(ModelNotFoundError, match="disabled"):
        await hub.details(TINY)


async def test_a_gated_model_shows_what_is_public(server: HubServer, hub: Hub) -> None:
    add_tiny(server, gated="manual")
    details = await hub.details(TINY)
    assert details.summary.gated == "manual"
    assert details.config is not None
    assert details.config.architectures == ("LlamaForCausalLM",)
    assert details.config.context_length is None, "nothing is made up"
    assert "gated" in details.config_problem
    assert details.has_chat_template is None
    assert len(details.files) == 6
    with pytest.raises(GatedModelError) as caught:
        await hub.card(TINY)
    assert f"{server.url}/acme/tiny" in caught.value.remedy
    server.repositories["acme/tiny"].info["config"] = {}
    details = await hub.details(TINY)
    assert details.config is None
    assert "licence" in details.config_problem


async def test_a_gated_model_with_and_without_access(
    server: HubServer, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tiny(server, gated="manual")
    server.add_token("hf_alice", "alice", "acme/tiny")
    server.add_token("hf_bob", "bob")
    monkeypatch.setenv("HF_TOKEN", "hf_bob")
    with pytest.raises(GatedModelError, match="no access"):
        await hub.file_text(TINY, "config.json")
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    details = await hub.details(TINY)
    assert details.config_problem == ""
    assert details.has_chat_template is True


async def test_a_gated_file_with_a_wrong_token_blames_the_token(
    server: HubServer, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tiny(server, gated="manual")
    monkeypatch.setenv("HF_TOKEN", "hf_garbage")
    with pytest.raises(HubTokenError):
        await hub.file_text(TINY, "config.json")


async def test_custom_code(server: HubServer, hub: Hub) -> None:
    config = {**CONFIG, "auto_map": {"AutoModelForCausalLM": "modeling_acme.Acme"}}
    add_tiny(server, config=config, tags=("custom_code",))
    details = await hub.details(TINY)
    assert details.summary.custom_code
    assert details.config is not None
    assert details.config.auto_map == {"AutoModelForCausalLM": "modeling_acme.Acme"}
    assert await hub.file_text(details.ref, "modeling_acme.py") == "print()\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, False),
        ({"tokenizer_config.json": b"{}"}, False),
        ({"tokenizer_config.json": b"not json"}, None),
        ({"tokenizer_config.json": b"[]"}, None),
        ({"tokenizer_config.json": TEMPLATE}, True),
        ({"chat_template.jinja": b"{{ messages }}"}, True),
    ],
)
async def test_chat_template(server: HubServer, hub: Hub, files: dict[str, bytes], expected: bool | None) -> None:
    add_tiny(server, files=files)
    assert (await hub.details(TINY)).has_chat_template is expected


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "no JSON"), (b"[]", "no JSON object"), (b"[" * 99_999, "no JSON"), (b"\xff", "no JSON")],
)
async def test_a_config_that_is_garbage_is_told_and_the_rest_is_shown(
    server: HubServer, hub: Hub, content: bytes, words: str
) -> None:
    add_tiny(server, config=None, files={"config.json": content})
    details = await hub.details(TINY)
    assert details.config is None
    assert words in details.config_problem
    assert details.files


async def test_a_config_with_pythons_own_numbers(server: HubServer, hub: Hub) -> None:
    add_tiny(server, config=None, files={"config.json": b'{"model_type": "x", "limit": Infinity}'})
    details = await hub.details(TINY)
    assert details.config is not None
    assert details.config.model_type == "x"


async def test_no_config_at_all(server: HubServer, hub: Hub) -> None:
    add_tiny(server, config=None, files={"x.gguf": VirtualFile(5)})
    details = await hub.details(TINY)
    assert details.config is None
    assert "no config.json" in details.config_problem


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"id": "acme/tiny"}',
        b'{"id": "acme/tiny", "sha": "short"}',
        b'{"id": "acme/tiny", "sha": "%s", "siblings": [{"rfilename": "/etc/passwd"}]}' % (b"a" * 40),
        b'{"id": "acme/tiny", "sha": "%s", "siblings": [{"rfilename": "x", "size": "big"}]}' % (b"a" * 40),
    ],
)
async def test_a_description_that_is_garbage(server: HubServer, hub: Hub, body: bytes) -> None:
    server.fault("/api/models/", body=body)
    with pytest.raises(HubAnswerError):
        await hub.details(TINY)


async def test_the_token_goes_to_the_hub_and_never_to_the_cdn(
    server: HubServer, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_model("acme/tiny", config=CONFIG, files={"notes.bin": b"from the CDN"}, gated="auto")
    server.add_token("hf_alice", "alice", "acme/tiny")
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    assert await hub.file_text(TINY, "notes.bin") == "from the CDN"
    assert await hub.file_text(TINY, "config.json")
    on_cdn = [request for request in server.requests if request.on_cdn]
    assert on_cdn
    assert all("authorization" not in request.headers for request in on_cdn)
    assert all(request.token == "hf_alice" for request in server.requests if not request.on_cdn)


async def test_card_without_its_metadata(server: HubServer, hub: Hub) -> None:
    add_tiny(server)
    assert await hub.card(TINY) == "# Tiny\n\n---\n\nSmall.\n"
    add_tiny(server, card=None)
    assert await hub.card(TINY) == ""


async def test_files_as_text(server: HubServer, hub: Hub) -> None:
    add_tiny(server, files={"a b/c#d?.txt": "ü\xff".encode("latin-1"), "large.txt": b"x" * 2000})
    assert await hub.file_text(TINY, "a b/c#d?.txt") == "\ufffd\ufffd"
    with pytest.raises(HubAnswerError, match="more than"):
        await hub.file_text(TINY, "large.txt", limit=1999)
    with pytest.raises(NoSuchFileError, match=r"nothing\.txt"):
        await hub.file_text(TINY, "nothing.txt")
    for path in ("../x", "/etc/passwd", ""):
        with pytest.raises(InputError):
            await hub.file_text(TINY, path)


# --- folders ----------------------------------------


async def test_a_local_folder(server: HubServer, hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    (folder / "sub").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "huge.safetensors").write_bytes(b"x" * 100)
    (folder / "config.json").write_text(json.dumps({**CONFIG, "auto_map": {"AutoModel": "m.A"}}))
    (folder / "model.safetensors").write_bytes(b"x" * 50)
    (folder / "sub" / "m.py").write_text("pass\n")
    (folder / "README.md").write_text("# Mine\n")
    ref = ModelRef.parse(str(folder))
    details = await hub.details(ref)
    assert details.ref == ref
    assert {file.path: file.size for file in details.files}["model.safetensors"] == 50
    assert [file.path for file in details.python_files] == ["sub/m.py"]
    assert details.summary.custom_code
    assert (details.cached, details.cached_path, details.from_cache_only) == (True, folder, False)
    assert details.has_chat_template is False
    assert await hub.card(ref) == "# Mine\n"
    assert await hub.file_text(ref, "sub/m.py") == "pass\n"
    with pytest.raises(NoSuchFileError):
        await hub.file_text(ref, "sub")
    with pytest.raises(HubAnswerError, match="larger"):
        await hub.file_text(ref, "README.md", limit=3)
    assert server.requests == []


async def test_a_local_folder_with_a_missing_shard(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"x")
    details = await hub.details(ModelRef(kind="folder", id=str(tmp_path)))
    assert not details.cached
    assert details.config is None
    assert "no JSON" in details.config_problem


async def test_a_folder_that_is_gone(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        await hub.details(ModelRef(kind="folder", id=str(tmp_path / "gone")))


# --- the cache ----------------------------------------

LOCAL = {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": b"x" * 9, "README.md": b"# Cached\n"}


async def test_cached_files_are_found_and_not_asked_for(server: HubServer, hub: Hub, home: Path) -> None:
    files = {**LOCAL, "LICENSE": b"words that no engine reads"}
    commit = add_tiny(server, config=None, card=None, files=files)
    folder = keep_in_cache(home, commit, LOCAL)
    details = await hub.details(TINY)
    assert (details.cached, details.cached_path, details.from_cache_only) == (True, folder, False)
    assert [request.path for request in server.requests] == ["/api/models/acme/tiny/revision/main"]
    assert await hub.card(details.ref) == "# Cached\n"


async def test_a_file_of_the_wrong_size_is_not_cached(server: HubServer, hub: Hub, home: Path) -> None:
    commit = add_tiny(server, files={"model.safetensors": b"x" * 10})
    keep_in_cache(home, commit, LOCAL)
    details = await hub.details(TINY)
    assert not details.cached
    assert details.cached_path is not None


@pytest.mark.parametrize("how", [{"status": 503}, {"drop": True}])
async def test_without_the_hub_the_local_copy_answers(
    server: HubServer, hub: Hub, home: Path, how: dict[str, Any]
) -> None:
    add_tiny(server)
    server.fault("/", times=None, **how)
    folder = keep_in_cache(home, "b" * 40, LOCAL, refs=("main",))
    details = await hub.details(TINY)
    assert details.from_cache_only
    assert (details.cached, details.cached_path) == (True, folder)
    assert details.ref == ModelRef(kind="hub", id="acme/tiny", commit="b" * 40)
    assert details.config is not None
    assert hub.problem
    assert await hub.card(TINY) == "# Cached\n"
    with pytest.raises(HubUnreachableError):
        await hub.file_text(TINY, "nothing.txt")
    with pytest.raises(HubUnreachableError):
        await hub.details(ModelRef(kind="hub", id="acme/other"))
    with pytest.raises(HubUnreachableError):
        await hub.details(ModelRef(kind="hub", id="acme/tiny", revision="dev"))


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"status": 429}, HubRateLimitedError),
        ({"body": b"<html>"}, HubAnswerError),
        ({"status": 404, "headers": {"X-Error-Code": "RepoNotFound"}}, ModelNotFoundError),
    ],
)
async def test_an_answer_of_the_hub_is_never_hidden_by_the_cache(
    server: HubServer, hub: Hub, home: Path, how: dict[str, Any], error: type[Exception]
) -> None:
    keep_in_cache(home, "b" * 40, LOCAL, refs=("main",))
    server.fault("/api", **how)
    with pytest.raises(error):
        await hub.details(TINY)


async def test_the_local_copy_of_a_revision(server: HubServer, hub: Hub, home: Path) -> None:
    server.fault("/", times=None, status=503)
    keep_in_cache(home, "b" * 40, LOCAL, refs=("v1", "refs/pr/1"))
    keep_in_cache(home, "c" * 40, {"config.json": b"{}"})
    for ref, commit, complete in (
        (ModelRef(kind="hub", id="acme/tiny", revision="v1"), "b", True),
        (ModelRef(kind="hub", id="acme/tiny", revision="refs/pr/1"), "b", True),
        (ModelRef(kind="hub", id="acme/tiny", revision="b" * 40), "b", True),
        (ModelRef(kind="hub", id="acme/tiny", revision="v1", commit="c" * 40), "c", False),
        (TINY, "c", False),
    ):
        details = await hub.details(ref)
        assert (details.ref.commit, details.cached) == (commit * 40, complete)


async def test_the_realistic_models_have_details(home: Path, secrets: Any, bus: Any) -> None:
    with realistic() as server:
        hub = Hub(server.url, secrets, bus)
        for name in ("Qwen/Qwen2.5-32B-Instruct", "gpt2", "Qwen/Qwen2.5-7B-Instruct-AWQ", "google/gemma-3-4b-it"):
            details = await hub.details(ModelRef.parse(name))
            assert details.config is not None
            assert details.download_size
        gguf = await hub.details(ModelRef.parse("Qwen/Qwen2.5-7B-Instruct-GGUF"))
        assert gguf.config is None
        await hub.close()

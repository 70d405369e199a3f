"""From a launch spec to a command, its environment and its steps; nothing is started here."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.app import App
from core.deployments.launch_spec import CodeConsent, LaunchSpec
from core.deployments.launching import Launching, Prepared, shell_text
from core.engines.engine import Secrets
from core.errors import InputError, InstallationError, PortTakenError
from core.hub.model_ref import ModelRef
from core.paths import Paths
from tests.servers.environments import make_environment, make_model
from tests.servers.hub_server import HubServer, VirtualFile

CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 8192}


class Desk:
    """A core whose launching is looked at, with both engines installed and a Hub with one model."""

    def __init__(self, folder: Path, hub: HubServer) -> None:
        self.app = App(Paths.under(folder / "home"), hub_endpoint=hub.url)
        self.launching = Launching(
            self.app.engines, self.app.installations, self.app.options, self.app.hub, self.app.settings
        )
        self.model = make_model(folder / "model")
        self.folder = folder

    def do(self, work: Any) -> Any:
        return self.app.loop.spawn(work).result(30)

    def install(self, *engines: str) -> None:
        for engine in engines:
            self.do(self.app.installations.add(engine, str(make_environment(self.folder / engine, engine))))

    def spec(self, **values: Any) -> LaunchSpec:
        defaults = {"name": "x", "model": ModelRef.parse(str(self.model)).model_dump(), "engine": "vllm"}
        return LaunchSpec.build(**(defaults | values))

    def prepare(self, secrets: Secrets | None = None, **values: Any) -> Prepared:
        prepared = self.do(self.launching.prepare(self.spec(**values), secrets or Secrets(), ()))
        assert isinstance(prepared, Prepared)
        return prepared


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        server.add_model(
            "acme/tiny", config=CONFIG, files={"model.safetensors": VirtualFile(1000), "modeling_tiny.py": b"x = 1\n"}
        )
        yield server


@pytest.fixture
def desk(tmp_path: Path, home: Path, hub: HubServer) -> Iterator[Desk]:
    made = Desk(tmp_path, hub)
    with made.app:
        made.install("vllm", "transformers")
        yield made


def test_the_engine_is_started_from_its_own_environment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/ours")
    monkeypatch.setenv("VIRTUAL_ENV", "/ours")
    monkeypatch.setenv("HF_TOKEN", "hf_notforengines")
    monkeypatch.setenv("LANG", "C.UTF-8")
    prepared = desk.prepare(env={"VLLM_CPU_KVCACHE_SPACE": "2"})
    assert prepared.command.argv[0] == str(desk.folder / "vllm" / "bin" / "vllm")
    assert prepared.env["VLLM_CPU_KVCACHE_SPACE"] == "2"
    assert prepared.env["HF_HUB_OFFLINE"] == "1"
    assert prepared.env["LANG"] == "C.UTF-8"
    assert {"PYTHONPATH", "VIRTUAL_ENV", "HF_TOKEN"}.isdisjoint(prepared.env)


def test_a_folder_is_served_as_it_is(desk: Desk) -> None:
    prepared = desk.prepare()
    assert [step.name for step in prepared.steps] == ["engine"]
    assert str(desk.model) in prepared.command.argv


def test_a_model_of_the_hub_is_downloaded_first_at_the_commit_that_was_found(
    desk: Desk, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_token("hf_downloads", "ann")
    monkeypatch.setenv("HF_TOKEN", "hf_downloads")
    prepared = desk.prepare(model={"kind": "hub", "id": "acme/tiny"})
    download, engine = prepared.steps
    commit = hub.repositories["acme/tiny"].commit
    assert prepared.spec.model.commit == commit
    assert download.name == "download"
    assert commit in download.argv
    assert download.env["HF_TOKEN"] == "hf_downloads"
    assert "HF_TOKEN" not in engine.env
    assert "HF_TOKEN" not in prepared.env
    assert "hf_downloads" not in " ".join((*download.argv, *engine.argv))
    assert "hf_downloads" not in repr(prepared)


def test_secrets_go_by_the_environment_and_are_not_shown(desk: Desk) -> None:
    secrets = Secrets("sd-topsecretkey", "", {"MY_TOKEN": "alsosecret"})
    prepared = desk.prepare(secrets, api_key=True, host="0.0.0.0", secret_env=["MY_TOKEN"])
    assert "sd-topsecretkey" in prepared.env.values()
    assert prepared.env["MY_TOKEN"] == "alsosecret"
    shown = f"{prepared!r} {prepared.command.argv} {prepared.command.env}"
    assert "sd-topsecretkey" not in shown
    assert "alsosecret" not in shown


def test_the_preview_is_the_command_without_secrets(desk: Desk) -> None:
    spec = desk.spec(
        port=8123, options={"max-model-len": 4096, "dtype": "float32"}, api_key=True, secret_env=["MY_TOKEN"]
    )
    text = desk.launching.preview(spec)
    words = shlex.split(text.replace("\\\n", " "))
    prepared = desk.do(desk.launching.prepare(spec, Secrets("sd-topsecretkey", "", {"MY_TOKEN": "t"}), ()))
    assert words[-len(prepared.command.argv) :] == list(prepared.command.argv)
    assert "MY_TOKEN=$MY_TOKEN" in words
    assert "sd-topsecretkey" not in text
    assert "placeholder" not in text


def test_ports_are_chosen_free_and_apart(desk: Desk) -> None:
    first = desk.launching.free_port()
    assert first >= desk.app.settings.current.first_port
    assert desk.launching.free_port(taken=(first,)) > first
    assert desk.prepare().port >= first


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"engine": "nope"}, "engine"),
        ({"engine": "tgi"}, "engine"),
        ({"runtime": "docker"}, "runtime"),
        ({"installation": "managed:nothing"}, "installation"),
        ({"options": {"dtype": "float99"}}, "dtype"),
        ({"options": {"no-such-option": 1}}, "no-such-option"),
        ({"engine": "transformers", "implementation": "native"}, "implementation"),
        ({"trust_remote_code": True}, "trust_remote_code"),
        ({"host": "203.0.113.7", "api_key": True}, "host"),
    ],
)
def test_what_stands_in_the_way_names_its_field(desk: Desk, values: dict[str, Any], field: str) -> None:
    problems = desk.launching.check(desk.spec(**values))
    assert field in [each.field for each in problems]
    assert all(each.message for each in problems)


def test_nothing_stands_in_the_way_of_a_good_spec(desk: Desk) -> None:
    assert desk.launching.check(desk.spec(options={"max-model-len": 4096})) == ()
    assert desk.launching.check(desk.spec(engine="transformers")) == ()


def test_an_engine_that_is_not_here_is_told_with_the_way_to_it(tmp_path: Path, home: Path, hub: HubServer) -> None:
    empty = Desk(tmp_path, hub)
    with empty.app:
        [problem] = empty.launching.check(empty.spec())
        assert problem.field == "installation"
        assert problem.remedy
        with pytest.raises(InstallationError):
            empty.prepare()


def test_a_taken_port_is_refused_before_anything_starts(desk: Desk, hub: HubServer) -> None:
    taken = int(hub.url.rpartition(":")[2])
    [problem] = desk.launching.check(desk.spec(port=taken))
    assert problem.field == "port"
    assert "(pid " in problem.message
    assert desk.launching.check(desk.spec(port=taken), own_port=taken) == ()
    with pytest.raises(PortTakenError):
        desk.prepare(port=taken)


def test_code_of_a_repository_runs_only_as_it_was_agreed_to(desk: Desk) -> None:
    model = {"kind": "hub", "id": "acme/tiny"}
    agreed = CodeConsent(commit=None, files=(("modeling_tiny.py", 6),)).model_dump()
    assert desk.prepare(model=model, trust_remote_code=True, consent=agreed).steps
    for files in ((("modeling_tiny.py", 7),), (), (("modeling_tiny.py", 6), ("more.py", 1))):
        other = CodeConsent(commit=None, files=files).model_dump()
        with pytest.raises(InputError) as caught:
            desk.prepare(model=model, trust_remote_code=True, consent=other)
        assert caught.value.field == "trust_remote_code"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n"), max_size=30), max_size=6))
def test_the_text_for_a_shell_gives_a_shell_the_same_arguments(arguments: list[str]) -> None:
    text = shell_text(("printf", "%s\\0", "--", *arguments), {"A": "1 2"}, ("B",))
    assert shlex.split(text.replace(" \\\n  ", " "))[2:] == ["printf", "%s\\0", "--", *arguments]


def test_a_real_shell_agrees() -> None:
    arguments = ("a b", "$HOME", "`id`", "it's", '"', "--flag", "-0.5", "*", "é\nü", "\\")
    text = shell_text(("printf", "%s\\0", *arguments), {"A": "$x 'y'"}, ("SECRET",))
    done = subprocess.run(["bash", "-c", text], capture_output=True, env={"SECRET": "s"}, check=True)
    assert done.stdout.decode().split("\0")[:-1] == list(arguments)
    shown = subprocess.run(
        ["bash", "-c", shell_text(("env",), {"A": "$x 'y'"}, ("SECRET",))],
        capture_output=True,
        env={"SECRET": "s", "PATH": "/usr/bin:/bin"},
        check=True,
    ).stdout.decode()
    assert "A=$x 'y'\n" in shown
    assert "SECRET=s\n" in shown

"""What the command line says to what it can't do: one line on stderr, an exit code that isn't 0, nothing started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.servers.command_line import CommandLine
from tests.servers.environments import make_environment, make_model


@pytest.fixture(scope="module")
def servedeck(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """One home for all of these: none of them may change anything in it."""
    folder = tmp_path_factory.mktemp("cli")
    command = CommandLine(folder)
    for engine in ("vllm", "transformers"):
        make_environment(folder / engine, engine)
        assert command("engines", "add", engine, folder / engine).code == 0
    make_model(folder / "model")
    (folder / "empty").mkdir()
    return command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("launch", "./model", "--engine", "nope"), ["nope", "vllm"]),
        (("launch", "./model", "--engine", "tgi"), ["container"]),
        (("launch", "./model", "--runtime", "docker"), ["docker", "process"]),
        (("launch", "./model", "--engine", "transformers", "--implementation", "native"), ["native", "implementation"]),
        (("launch", "./model", "--set", "max-model-len=many"), ["max-model-len", "many"]),
        (("launch", "./model", "--set", "max_model_len=-5"), ["max-model-len"]),
        (("launch", "./model", "--set", "dtype=float99"), ["dtype", "float99", "bfloat16"]),
        (("launch", "./model", "--set", "no-such-option=1"), ["no-such-option"]),
        (("launch", "./model", "--set", "dtype"), ["dtype", "="]),
        (("launch", "./model", "--env", "NAME"), ["--env", "NAME=VALUE"]),
        (("launch", "./model", "--env", "HF_TOKEN=hf_abcdefghijklm"), ["env", "HF_TOKEN", "secret"]),
        (("launch", "./model", "--name", "a b"), ["name"]),
        (("launch", "./model", "--port", "80"), ["port", "1024"]),
        (("launch", "./model", "--host", "example.org"), ["host", "127.0.0.1"]),
        (("launch", "./model", "--installation", "managed:nothing"), ["managed:nothing"]),
        (("launch", "./empty"), ["config.json"]),
        (("launch", "./nowhere"), ["nowhere"]),
        (("launch", "a/b/c"), ["a/b/c"]),
        (("launch", "org/name"), ["127.0.0.1:9", "HF_ENDPOINT"]),
        (("inspect", "org/name"), ["127.0.0.1:9", "HF_ENDPOINT"]),
        (("search", "qwen"), ["127.0.0.1:9", "HF_ENDPOINT"]),
        (("stop", "ghost"), ["ghost", "servedeck ps"]),
        (("remove", "ghost"), ["ghost"]),
        (("logs", "ghost"), ["ghost"]),
        (("chat", "ghost", "hello"), ["ghost"]),
        (("engines", "add", "vllm", "./nowhere"), ["nowhere"]),
        (("engines", "add", "vllm", "./empty"), ["empty"]),
        (("engines", "add", "nope", "./vllm"), ["nope"]),
        (("engines", "remove", "nothing"), ["nothing"]),
        (("engines", "install", "nope"), ["nope"]),
        (("engines", "install", "tgi"), ["container"]),
    ],
    ids=" ".join,
)
def test_an_error_is_one_line_that_names_what_is_wrong(
    servedeck: CommandLine, arguments: tuple[str, ...], said: list[str]
) -> None:
    ended = servedeck(*arguments)
    assert ended.code == 1, ended
    for word in said:
        assert word in ended.error
    assert "hf_abcdefghijklm" not in ended.error


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("launch",),
        ("launch", "./model", "--nonsense"),
        ("launch", "./model", "--port", "many"),
        ("chat",),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_ends_with_code_2(servedeck: CommandLine, arguments: tuple[str, ...]) -> None:
    ended = servedeck(*arguments)
    assert ended.code == 2, ended
    assert ended.error


def test_nothing_was_started_by_all_that(servedeck: CommandLine) -> None:
    for each in servedeck("ps", "--json").json["deployments"]:
        assert each["state"] == "failed", each


def test_details_are_shown_to_who_asks(servedeck: CommandLine) -> None:
    assert "Traceback" in servedeck("--verbose", "stop", "ghost").err
    assert "Traceback" in servedeck("stop", "ghost", "--verbose").err


def test_help_names_every_command(servedeck: CommandLine) -> None:
    text = servedeck("--help").out
    for name in ("search", "inspect", "engines", "launch", "ps", "logs", "stop", "remove", "chat", "demo"):
        assert f" {name} " in text


def test_engines_are_listed_with_what_is_there(servedeck: CommandLine) -> None:
    listed = {each["engine"]: each for each in servedeck("engines", "list", "--json").json["engines"]}
    assert list(listed) == ["vllm", "transformers", "tgi"]
    [vllm] = listed["vllm"]["installations"]
    assert (vllm["version"], vllm["target"], vllm["usable"]) == ("0.32.0+cpu", "CPU", True)
    assert listed["tgi"]["installations"] == []
    text = servedeck("engines").out
    assert "0.32.0+cpu for CPU" in text
    assert "container engine" in text


def test_a_model_folder_is_inspected_without_the_hub(servedeck: CommandLine) -> None:
    document = servedeck("inspect", "./model", "--json").json
    assert document["architectures"] == ["LlamaForCausalLM"]
    assert document["kind"] == "folder"
    by_engine = {each["engine"]: each for each in document["who_can_serve"]}
    assert by_engine["vllm"]["auto"] == "native"
    assert by_engine["transformers"]["auto"] == "transformers"
    assert "auto would load native" in servedeck("inspect", "./model").out


def test_a_home_that_can_not_be_used_is_told(servedeck: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = servedeck("ps", SERVEDECK_HOME=str(tmp_path / "file" / "home"))
    assert "SERVEDECK_HOME" in ended.error


def test_damaged_settings_are_told_and_left_alone(servedeck: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "home" / "config" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text("theme = ")
    ended = servedeck("ps", SERVEDECK_HOME=str(tmp_path / "home"))
    assert str(file) in ended.error
    assert file.read_text() == "theme = "


def test_without_any_engine_the_way_to_one_is_told(tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    make_model(tmp_path / "model")
    assert "servedeck engines install vllm" in command("engines").out
    assert "nstall" in command("launch", "./model").error


def test_an_added_engine_is_forgotten_and_its_files_stay(tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    folder = make_environment(tmp_path / "vllm", "vllm")
    added = command("engines", "add", "vllm", folder, "--json").json
    assert command("engines", "remove", added["id"]).code == 0
    listed = json.loads(command("engines", "--json").out)["engines"]
    assert [each["installations"] for each in listed] == [[], [], []]
    assert (folder / "bin" / "vllm").exists()


def test_without_a_screen_the_window_says_so(tmp_path: Path) -> None:
    """Neither DISPLAY nor WAYLAND_DISPLAY nor QT_QPA_PLATFORM is in the environment here."""
    ended = CommandLine(tmp_path)("--quit-after-start")
    assert ended.code == 1
    assert "no screen" in ended.error
    assert "servedeck --help" in ended.error

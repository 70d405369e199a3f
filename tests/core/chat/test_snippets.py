"""The snippets work as they are pasted: shell ones are run, the Python one is compiled."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess

import pytest

from core.chat.snippets import snippets
from tests.servers.chat_server import PARIS, Behaviour, ChatServer

NASTY = "o'rg/mo\"del $(whoami) ü 🙂"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
@pytest.mark.parametrize(("model", "key"), [("smol", ""), ("smol", "sk-1"), (NASTY, "sk-1")])
def test_the_curl_command_gets_an_answer(model: str, key: str) -> None:
    with ChatServer(Behaviour(models=(model,), api_key=key)) as server:
        text = snippets(f"{server.base_url}/v1", model, has_key=bool(key))[0].text
        env = {"PATH": os.environ["PATH"], "SERVEDECK_API_KEY": key}
        run = subprocess.run(["bash", "-c", text], env=env, capture_output=True, text=True, timeout=20, check=True)
    assert json.loads(run.stdout)["choices"][0]["message"]["content"] == PARIS


@pytest.mark.parametrize("has_key", [True, False])
def test_the_python_code_is_python_and_names_the_endpoint(has_key: bool) -> None:
    text = snippets("http://127.0.0.1:8101/v1", NASTY, has_key=has_key)[1].text
    constants = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    assert "http://127.0.0.1:8101/v1" in constants
    assert NASTY in constants
    assert ("SERVEDECK_API_KEY" in constants) is has_key


@pytest.mark.parametrize(("has_key", "key"), [(True, "sk-1"), (False, "none")])
def test_the_variables_are_set_as_the_library_reads_them(has_key: bool, key: str) -> None:
    text = snippets("http://127.0.0.1:8101/v1", "smol", has_key=has_key)[2].text
    run = subprocess.run(
        ["bash", "-c", f'{text}echo "$OPENAI_BASE_URL $OPENAI_API_KEY"'],
        env={"PATH": os.environ["PATH"], "SERVEDECK_API_KEY": "sk-1"},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert run.stdout == f"http://127.0.0.1:8101/v1 {key}\n"

"""Tokens: where they come from, who may see them, and what the Hub says of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import HubTokenError, HubUnreachableError
from core.hub.account import TokenStatus, mask
from core.hub.hub import Hub
from core.secrets import SecretStore
from tests.servers.hub_server import HubServer

GOOD = "hf_alices_token_abcd"


@pytest.fixture(autouse=True)
def alice(server: HubServer) -> None:
    server.add_token(GOOD, "alice")


async def test_a_token_is_checked_and_used(server: HubServer, hub: Hub, secrets: SecretStore) -> None:
    assert hub.token_status() == TokenStatus("", "")
    assert await hub.account_name() == ""
    assert await hub.set_token(f" {GOOD}\n", remember=True) == "alice"
    assert hub.token() == GOOD
    assert hub.token_status() == TokenStatus("hf_****abcd", "this session"), "the tests' machine has no keyring"
    assert "no keyring" in secrets.keyring_problem
    await hub.search("")
    assert server.requests[-1].token == GOOD
    assert await hub.account_name() == "alice"
    await hub.forget_token()
    assert hub.token() == ""
    await hub.search("")
    assert server.requests[-1].token == ""


async def test_a_refused_token_changes_nothing(hub: Hub) -> None:
    await hub.set_token(GOOD, remember=False)
    for bad in ("hf_wrong_wrong_wrong", "", "two words", "hf_\n"):
        with pytest.raises(HubTokenError) as caught:
            await hub.set_token(bad, remember=False)
        assert caught.value.field == "token"
    assert hub.token() == GOOD


async def test_a_token_that_can_not_be_checked_is_not_kept(server: HubServer, hub: Hub) -> None:
    server.fault("whoami", status=502)
    with pytest.raises(HubUnreachableError):
        await hub.set_token(GOOD, remember=False)
    assert hub.token() == ""


async def test_where_tokens_are_looked_for(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "hf" / "token"
    file.parent.mkdir()
    file.write_text("hf_from_the_file_1111\n")
    assert hub.token_status() == TokenStatus("hf_****1111", f"the file {file}")
    other = tmp_path / "elsewhere"
    other.write_text("hf_from_elsewhere_2222")
    monkeypatch.setenv("HF_TOKEN_PATH", str(other))
    assert hub.token() == "hf_from_elsewhere_2222"
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_old_variable_3333")
    assert hub.token_status() == TokenStatus("hf_****3333", "HUGGING_FACE_HUB_TOKEN")
    monkeypatch.setenv("HF_TOKEN", "hf_variable_4444")
    assert hub.token_status() == TokenStatus("hf_****4444", "HF_TOKEN")
    await hub.set_token(GOOD, remember=False)
    assert hub.token_status() == TokenStatus("hf_****abcd", "this session")
    await hub.forget_token()
    assert hub.token() == "hf_variable_4444"
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    assert hub.token() == ""


@pytest.mark.parametrize(
    ("token", "shown"), [("", ""), ("short", "****"), ("hf_12345678", "****"), ("hf_123456789", "hf_****6789")]
)
def test_mask(token: str, shown: str) -> None:
    assert mask(token) == shown


async def test_no_log_and_no_repr_holds_the_token(
    hub: Hub, secrets: SecretStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await hub.set_token(GOOD, remember=True)
        await hub.search("")
    assert GOOD not in caplog.text
    assert GOOD not in repr(secrets) + repr(hub) + repr(vars(hub)) + repr(hub.token_status())


async def test_a_browser_login_that_ends_soon_is_renewed(
    server: HubServer, home: Path, monkeypatch: pytest.MonkeyPatch, run_python: Callable[[str], str]
) -> None:
    folder = home.parent / "hf"
    folder.mkdir()
    (folder / "token").write_text("hf_oauth_ends_soon")
    (folder / "stored_tokens").write_text(
        f"[laptop]\nhf_token = hf_oauth_ends_soon\nrefresh_token = refresh-alice\nexpires_at = {time.time() + 60:.0f}\n"
    )
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    code = f"""
import asyncio
from core.events import Bus
from core.hub.hub import Hub
from core.secrets import SecretStore
async def main():
    hub = Hub({server.url!r}, SecretStore(), Bus())
    print(await hub.account_name())
    await hub.close()
asyncio.run(main())
"""
    assert run_python(code).strip() == "alice"
    assert (folder / "token").read_text() == "hf_oauth_renewed_alice"

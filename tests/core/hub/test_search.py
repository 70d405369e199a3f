"""Searching the Hub: pages, order, and every way in which it can go wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import (
    HubAnswerError,
    HubError,
    HubRateLimitedError,
    HubTokenError,
    HubUnreachableError,
    InputError,
)
from core.events import Bus, Event, HubStatusChanged
from core.hub.hub import Hub, Sort
from core.secrets import SecretStore
from tests.servers.hub_models import realistic
from tests.servers.hub_server import HubServer


def add_many(server: HubServer, count: int) -> None:
    for number in range(count):
        server.add_model(f"bulk/model-{number:02}", downloads=number, likes=count - number)


async def test_pages_follow_the_link_to_the_end(server: HubServer, hub: Hub) -> None:
    add_many(server, 25)
    seen: list[str] = []
    page = await hub.search("model", sort=Sort.DOWNLOADS, page_size=10)
    seen += [model.id for model in page.models]
    while page.next_page is not None:
        page = await hub.search("", page=page.next_page)
        seen += [model.id for model in page.models]
    assert seen == [f"bulk/model-{number:02}" for number in reversed(range(25))]
    assert len(server.requests) == 3


@pytest.mark.parametrize("sort", list(Sort))
async def test_every_order_is_one_that_the_hub_knows(server: HubServer, hub: Hub, sort: Sort) -> None:
    add_many(server, 3)
    page = await hub.search("", sort=sort)
    assert len(page.models) == 3
    assert sort.label
    assert server.requests[-1].query["sort"] == [str(sort)]


async def test_words_of_the_search_reach_the_hub_as_typed(server: HubServer, hub: Hub) -> None:
    add_many(server, 2)
    assert (await hub.search("  größe & co/x ")).models == ()
    assert server.requests[-1].query["search"] == ["größe & co/x"]
    assert len((await hub.search(" ")).models) == 2
    assert "search" not in server.requests[-1].query


async def test_facts_of_a_row(server: HubServer, hub: Hub) -> None:
    server.add_model(
        "acme/coder",
        config={"architectures": ["AcmeForCausalLM"], "model_type": "acme", "auto_map": {"AutoModel": "m.Acme"}},
        tags=("transformers", "custom_code"),
        license="mit",
        parameters=1234,
        dtype="F16",
        gated="auto",
        downloads=7,
        likes=3,
        pipeline_tag="text-generation",
        library_name="transformers",
        lastModified="2025-05-06T07:08:09.000Z",
    )
    (row,) = (await hub.search("coder")).models
    assert (row.id, row.downloads, row.likes, row.parameters, row.dtype) == ("acme/coder", 7, 3, 1234, "F16")
    assert (row.license, row.gated, row.private, row.custom_code) == ("mit", "auto", False, True)
    assert (row.pipeline_tag, row.library) == ("text-generation", "transformers")
    assert row.architectures == ("AcmeForCausalLM",)
    assert row.updated == datetime(2025, 5, 6, 7, 8, 9, tzinfo=UTC)


async def test_what_the_hub_does_not_say_is_none_and_not_zero(server: HubServer, hub: Hub) -> None:
    server.fault("/api/models", body=b'[{"id": "acme/bare"}]')
    (row,) = (await hub.search("")).models
    assert row.downloads is None
    assert row.likes is None
    assert row.parameters is None
    assert row.license is None
    assert row.updated is None
    assert row.gated is None


async def test_the_realistic_models_can_all_be_read(home: Path, secrets: SecretStore, bus: Bus) -> None:
    with realistic() as server:
        hub = Hub(server.url, secrets, bus)
        page = await hub.search("", page_size=100)
        await hub.close()
    assert len(page.models) >= 60
    assert {model.gated for model in page.models} == {None, "auto", "manual"}
    assert any(model.custom_code for model in page.models)


async def test_a_next_page_on_another_server_is_not_followed(server: HubServer, hub: Hub) -> None:
    server.fault("/api/models", body=b"[]", headers={"Link": '<http://evil.example/api/models?cursor=x>; rel="next"'})
    page = await hub.search("")
    assert page.next_page is not None
    with pytest.raises(HubAnswerError, match="another server"):
        await hub.search("", page=page.next_page)
    for other in (
        server.cdn_url + "/api/models",
        "https" + server.url[4:] + "/api/models",
        "//x/api",
        "ftp://a/",
        "http://[",
    ):
        with pytest.raises(HubAnswerError, match="another server"):
            await hub.search("", page=other)
    assert len(server.requests) == 1


async def test_a_relative_next_page_is_followed(server: HubServer, hub: Hub) -> None:
    add_many(server, 1)
    server.fault("/api/models", body=b"[]", headers={"Link": '</api/models?limit=5>; rel="next"'})
    page = await hub.search("")
    assert len((await hub.search("", page=page.next_page)).models) == 1


async def test_a_slow_hub_times_out_in_words(server: HubServer, home: Path, secrets: SecretStore, bus: Bus) -> None:
    hub = Hub(server.url, secrets, bus, read_timeout=0.2)
    server.fault("/api/models", delay=30)
    began = time.monotonic()
    with pytest.raises(HubUnreachableError, match="did not answer in time") as caught:
        await hub.search("")
    assert time.monotonic() - began < 3
    assert caught.value.remedy
    assert await asyncio.to_thread(server.requests[0].gone.wait, 5), "the connection stayed open"
    assert len(server.requests) == 1, "it was asked again behind the user's back"
    await hub.close()


async def test_cancelling_closes_the_connection(server: HubServer, hub: Hub) -> None:
    server.fault("/api/models", delay=60)
    task = asyncio.create_task(hub.search("never"))
    request = await asyncio.to_thread(server.wait_for_request, "/api/models")
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    assert await asyncio.to_thread(request.gone.wait, 5), "the connection stayed open"
    assert hub.problem == "", "a search that nobody waits for is no trouble of the Hub's"
    assert (await hub.search("")).models == ()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit": '"api";r=0;t=55'}, 55.0),
        ({"Retry-After": "7"}, 7.0),
        ({}, None),
        ({"Retry-After": "soon", "RateLimit": "garbage"}, None),
    ],
)
async def test_too_many_requests_say_when_to_try_again(
    server: HubServer, hub: Hub, headers: dict[str, str], seconds: float | None
) -> None:
    server.fault("/api/models", status=429, headers=headers)
    with pytest.raises(HubRateLimitedError) as caught:
        await hub.search("")
    assert caught.value.retry_after == seconds
    assert ("55 s" in caught.value.remedy) == (seconds == 55)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_a_sick_hub_is_unreachable_and_not_asked_again(server: HubServer, hub: Hub, status: int) -> None:
    server.fault("/api/models", status=status, body=b"<html>Bad gateway</html>")
    with pytest.raises(HubUnreachableError, match=str(status)) as caught:
        await hub.search("")
    assert caught.value.remedy
    assert len(server.requests) == 1


async def test_a_hub_that_is_down(home: Path, secrets: SecretStore, bus: Bus) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        hub = Hub(f"http://127.0.0.1:{taken.getsockname()[1]}", secrets, bus)
        with pytest.raises(HubUnreachableError, match="refused"):
            await hub.search("")
    await hub.close()


async def test_a_host_without_a_name(home: Path, secrets: SecretStore, bus: Bus) -> None:
    hub = Hub("http://no-such-host.invalid", secrets, bus)
    with pytest.raises(HubUnreachableError, match=r"no-such-host\.invalid"):
        await hub.search("")
    await hub.close()


async def test_a_broken_connection(server: HubServer, hub: Hub) -> None:
    server.fault("/api/models", drop=True)
    with pytest.raises(HubUnreachableError, match="broke off"):
        await hub.search("")


async def test_offline_mode_asks_nobody(server: HubServer, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubUnreachableError, match="HF_HUB_OFFLINE"):
        await hub.search("")
    assert server.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>hotel wifi</html>",
        b"[{]",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"NaN",
        b"{}",
        b'"x"',
        b"null",
        b"[1]",
        b"[null]",
        b"[{}]",
        b'[{"id": 7}]',
        b'[{"id": "../../etc/passwd"}]',
        b'[{"id": "a/b", "downloads": "many"}]',
        b'[{"id": "a/b", "likes": true}]',
        b'[{"id": "a/b", "likes": -1}]',
        b'[{"id": "a/b", "tags": "x"}]',
        b'[{"id": "a/b", "tags": [1]}]',
        b'[{"id": "a/b", "config": []}]',
        b'[{"id": "a/b", "safetensors": {"parameters": {"BF16": "x"}}}]',
        b'[{"id": "a/b", "lastModified": "yesterday"}]',
        b'[{"id": "a/b", "gated": 3}]',
        b'[{"id": "good/one"}, {"id": "a/b", "private": "no"}]',
    ],
)
async def test_garbage_is_named_and_nothing_is_left_out(server: HubServer, hub: Hub, body: bytes) -> None:
    server.fault("/api/models", body=body)
    with pytest.raises(HubAnswerError) as caught:
        await hub.search("")
    assert caught.value.message


async def test_an_odd_config_that_somebody_uploaded_does_not_spoil_the_search(server: HubServer, hub: Hub) -> None:
    server.fault("/api/models", body=b'[{"id": "a/b", "config": {"architectures": "Odd", "auto_map": ["x"]}}]')
    (row,) = (await hub.search("")).models
    assert row.architectures == ()
    assert row.custom_code


async def test_a_wrong_field_is_named_with_its_model(server: HubServer, hub: Hub) -> None:
    server.fault("/api/models", body=b'[{"id": "good/one"}, {"id": "bad/one", "downloads": "many"}]')
    with pytest.raises(HubAnswerError, match="downloads of bad/one"):
        await hub.search("")


async def test_an_endless_answer_is_cut_off(server: HubServer, hub: Hub) -> None:
    server.fault("/api/models", body=b'["' + b"x" * (65 * 1024 * 1024) + b'"]')
    with pytest.raises(HubAnswerError, match="more than"):
        await hub.search("")


async def test_a_server_that_is_no_hub(server: HubServer, hub: Hub) -> None:
    server.fault("/api/models", status=404, body=b"nothing here")
    with pytest.raises(HubAnswerError, match="no Hub"):
        await hub.search("")
    server.fault("/api/models", status=302, headers={"Location": "/api/models"}, times=None)
    with pytest.raises(HubAnswerError, match="can't be read"):
        await hub.search("")


async def test_a_bad_token_breaks_even_public_search_and_says_so(
    server: HubServer, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_expired_0123456789")
    with pytest.raises(HubTokenError) as caught:
        await hub.search("")
    assert "Remove or replace the token" in caught.value.remedy
    assert "hf_expired" not in repr(caught.value) + caught.value.line + caught.value.details


async def test_a_token_that_no_header_can_hold_is_not_sent_nor_shown(
    server: HubServer, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret\nX-Other: 1")
    with pytest.raises(HubTokenError) as caught:
        await hub.search("")
    assert "hf_secret" not in repr(caught.value) + str(caught.value.__cause__)
    assert server.requests == []


async def test_the_hubs_health_is_told_once_a_change(server: HubServer, hub: Hub, bus: Bus) -> None:
    events: list[Event] = []
    bus.subscribe(events.append)
    await hub.search("")
    assert (hub.problem, events) == ("", [])
    server.fault("/api/models", status=503, times=2)
    for _ in range(2):
        with pytest.raises(HubError):
            await hub.search("")
    assert "503" in hub.problem
    server.fault("/api/models", status=429)
    with pytest.raises(HubRateLimitedError):
        await hub.search("")
    assert hub.problem == "", "429 is an answer"
    assert [type(event) for event in events] == [HubStatusChanged, HubStatusChanged]


@pytest.mark.parametrize("endpoint", ["", "huggingface.co", "ftp://x", "http://", "http://[", "https://x:port", "\0"])
def test_an_endpoint_that_is_no_address(endpoint: str, secrets: SecretStore, bus: Bus) -> None:
    with pytest.raises(InputError) as caught:
        Hub(endpoint, secrets, bus)
    assert caught.value.field == "HF_ENDPOINT"


async def test_an_endpoint_with_a_slash_at_its_end(
    server: HubServer, home: Path, secrets: SecretStore, bus: Bus
) -> None:
    add_many(server, 2)
    hub = Hub(server.url + "/", secrets, bus)
    assert hub.endpoint == server.url
    page = await hub.search("", page_size=1)
    assert len((await hub.search("", page=page.next_page)).models) == 1
    await hub.close()


def test_importing_the_hub_does_not_import_the_slow_libraries(run_python: Callable[[str], str]) -> None:
    code = "import sys, core.hub.hub, core.hub.library; print(json.dumps(sorted(set(sys.modules) & set(names))))"
    names = ["huggingface_hub", "httpx2", "keyring", "anyio", "PySide6"]
    assert json.loads(run_python(f"import json; names = {names!r}; {code}")) == []

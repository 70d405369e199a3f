"""A core loop, a chat client and a chat server for these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.chat.client import ChatClient
from core.loop import CoreLoop
from tests.servers.chat_server import ChatServer


@pytest.fixture
def loop() -> Iterator[CoreLoop]:
    with CoreLoop() as running:
        yield running


@pytest.fixture
def client(loop: CoreLoop) -> Iterator[ChatClient]:
    client = ChatClient(loop)
    yield client
    loop.spawn(client.close()).result(10)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running

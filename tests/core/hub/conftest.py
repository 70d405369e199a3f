"""A stand-in Hub on a real socket, and the Hub that asks it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.events import Bus
from core.hub.hub import Hub
from core.secrets import SecretStore
from tests.servers.hub_server import HubServer

CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 2048}


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as running:
        yield running


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def secrets() -> SecretStore:
    return SecretStore()


@pytest_asyncio.fixture
async def hub(server: HubServer, home: Path, secrets: SecretStore, bus: Bus) -> AsyncIterator[Hub]:
    made = Hub(server.url, secrets, bus, connect_timeout=5, read_timeout=5)
    yield made
    await made.close()


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Run code in a fresh interpreter and give what it printed."""

    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run

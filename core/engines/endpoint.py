"""Small questions to an engine's HTTP endpoint, for which 'it isn't there yet' is an answer and no error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

TIMEOUT = 5.0
"""Seconds for one question."""
LIMIT = 4_000_000
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    """0: no answer."""
    text: str
    """The status, or why there was no answer."""
    body: Any = None
    """The JSON value, None where it is none."""
    raw: str = ""

    @property
    def is_good(self) -> bool:
        """It answered with a 2xx."""
        return 200 <= self.status < 300


async def ask(
    client: httpx2.AsyncClient,
    method: str,
    url: str,
    *,
    api_key: str = "",
    content: Any = None,
    timeout: float = TIMEOUT,
) -> Reply:
    """One question; whatever goes wrong with the connection becomes a reply of status 0.

    Args:
        client: the connection pool.
        method: GET or POST.
        url: where.
        api_key: sent as a bearer token unless empty.
        content: sent as JSON unless None.
        timeout: seconds without a byte.
    """
    import httpx2

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        async with client.stream(method, url, headers=headers, json=content, timeout=timeout) as response:
            data = b""
            async for part in response.aiter_bytes():
                data += part
                if len(data) > LIMIT:
                    return Reply(0, "the answer doesn't end")
    except httpx2.TimeoutException:
        return Reply(0, f"no answer within {timeout:g} s")
    except httpx2.HTTPError as error:
        return Reply(0, _reason(error))
    raw = data.decode("utf-8", "replace")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    return Reply(response.status_code, f"HTTP {response.status_code}", body, raw)


def _reason(error: Exception) -> str:
    name = type(error).__name__
    return {
        "ConnectError": "nothing listens there yet",
        "ReadError": "the connection was reset",
        "RemoteProtocolError": "the connection was closed without an answer",
    }.get(name, f"{name}: {error}")


def model_ids(body: Any) -> list[str]:
    """The ids of an OpenAI model list; empty for anything else."""
    entries = body.get("data") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        return []
    return [str(each["id"]) for each in entries if isinstance(each, dict) and "id" in each]

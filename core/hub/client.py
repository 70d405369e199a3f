"""Asking the Hub over HTTP: bounded in time and size, cancellable, with no retries behind the caller's back."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from core.errors import HubAnswerError, HubError, HubTokenError, HubUnreachableError, InputError
from core.hub.refusals import TOKEN_REMEDY, Subject, refusal

if TYPE_CHECKING:
    import httpx2

MAX_BODY = 64 * 1024 * 1024
"""Bytes of one answer; the file list of the largest repositories has a few MB."""
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_YES = {"1", "ON", "YES", "TRUE"}
_REMEDY = "Check the network (and HF_ENDPOINT, if it is set). Models that are on this machine can still be served."


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer; header names are lower-case."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class HubClient:
    """GET requests to one Hub.

    Args:
        endpoint: such as `https://huggingface.co`; may have a path.
        on_status: told "" after every answer and the reason when none came.
        connect_timeout: seconds to reach the Hub.
        read_timeout: seconds without a byte of the answer.
        total_timeout: seconds for one whole request, for a server that drips.

    Raises:
        InputError: the endpoint is no http(s) address.
    """

    def __init__(
        self,
        endpoint: str,
        on_status: Callable[[str], None],
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 15.0,
        total_timeout: float = 120.0,
    ) -> None:
        self.endpoint = endpoint.strip().rstrip("/")
        self.origin = _origin(self.endpoint)
        self.host = urlsplit(self.endpoint).netloc.rpartition("@")[2]
        self._on_status = on_status
        self._timeouts = (connect_timeout, read_timeout, total_timeout)
        self._client: httpx2.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def get(
        self,
        url: str,
        *,
        subject: Subject,
        token: str = "",
        params: Sequence[tuple[str, str]] = (),
        limit: int = MAX_BODY,
    ) -> Answer:
        """Ask once; redirects are followed, and the token stays with the endpoint's own origin.

        Raises:
            HubError: any failure, in words.
        """
        if _origin(url) != self.origin:
            token = ""
        if token and not is_token(token):
            raise HubTokenError("The access token holds characters that no token has.", remedy=TOKEN_REMEDY)
        try:
            if _is_offline():
                raise HubUnreachableError(
                    "The Hub is not asked because HF_HUB_OFFLINE is set.", remedy="Unset it to search and download."
                )
            answer = await self._ask(url, subject, token, params, limit)
        except HubUnreachableError as error:
            self._on_status(error.message)
            raise
        except HubError:
            self._on_status("")
            raise
        self._on_status("")
        return answer

    async def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def url_of_page(self, page: str) -> str:
        """A `rel="next"` target as an absolute URL of the same Hub.

        Raises:
            HubAnswerError: it leads to another server, to which neither search nor token may go.
        """
        url = ""
        try:
            url = urljoin(self.endpoint + "/", page)
            own = _origin(url) == self.origin and urlsplit(url).path.startswith(urlsplit(self.endpoint).path + "/")
        except (InputError, ValueError):
            own = False
        if not own:
            raise HubAnswerError(
                f"The next page of results is said to lie on another server than {self.host}.",
                remedy="Check that HF_ENDPOINT names a Hugging Face Hub, in the form that the Hub itself uses.",
                details=page[:500],
            )
        return url

    async def _ask(
        self, url: str, subject: Subject, token: str, params: Sequence[tuple[str, str]], limit: int
    ) -> Answer:
        client = await self._open()
        import httpx2  # after _open, which loads it outside the event loop

        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with (
                asyncio.timeout(self._timeouts[2]),
                client.stream("GET", url, params=list(params) or None, headers=headers) as response,
            ):
                body = await _read(response, limit, self.host)
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise HubUnreachableError(f"{self.host} did not answer in time.", remedy=_REMEDY) from error
        except (httpx2.DecodingError, httpx2.TooManyRedirects) as error:
            raise HubAnswerError(f"The answer of {self.host} can't be read: {error}.") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise HubUnreachableError(
                f"Can't reach {self.host}: {_reason(error)}.", remedy=_REMEDY, details=str(error)
            ) from error
        answered = {name.lower(): value for name, value in response.headers.items()}
        if not response.is_success:
            raise refusal(response.status_code, answered, body, subject, token_sent=bool(token))
        return Answer(str(response.url), answered, body)

    async def _open(self) -> httpx2.AsyncClient:
        async with self._opening:
            if self._client is None:
                # Import and certificates take 200 ms: not on the loop that also watches deployments.
                self._client = await asyncio.to_thread(self._build)
            return self._client

    def _build(self) -> httpx2.AsyncClient:
        import httpx2

        connect, read, _ = self._timeouts
        return httpx2.AsyncClient(
            timeout=httpx2.Timeout(read, connect=connect, pool=connect),
            headers={"User-Agent": "servedeck", "Accept": "application/json, */*"},
            follow_redirects=True,
            max_redirects=5,
        )


def is_token(text: str) -> bool:
    """It can be sent as a token: printable, without spaces."""
    return _TOKEN.fullmatch(text) is not None


async def _read(response: httpx2.Response, limit: int, host: str) -> bytes:
    chunks, size = [], 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > limit:
            raise HubAnswerError(f"{host} sent more than {limit:,} bytes for one request.", remedy="Nothing was kept.")
        chunks.append(chunk)
    return b"".join(chunks)


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port.

    Raises:
        InputError: it is no http(s) address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        host = parts.hostname or ""
    except (ValueError, KeyError):
        host, port = "", 0
    if not host:
        raise InputError(
            f"{url[:200]!r} is no address of a Hub.",
            field="HF_ENDPOINT",
            remedy="Set HF_ENDPOINT to something like https://huggingface.co, or unset it.",
        )
    return parts.scheme, host, port


def _is_offline() -> bool:
    return any(os.environ.get(name, "").upper() in _YES for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def _reason(error: BaseException) -> str:
    """Why there is no connection, from the innermost error that says so."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return "its name can't be resolved"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ConnectionRefusedError):
            return "nothing listens there (connection refused)"
    name = type(error).__name__
    if name in {"RemoteProtocolError", "ReadError", "WriteError", "CloseError"}:
        return "the connection broke off"
    return (str(error) or name).rstrip(".")


def _causes(error: BaseException | None, depth: int = 0) -> Iterator[BaseException]:
    if error is None or depth > 10:
        return
    yield error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _causes(each, depth + 1)
    yield from _causes(error.__cause__ or error.__context__, depth + 1)

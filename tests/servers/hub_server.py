"""A stand-in for the Hugging Face Hub: a small real server on a real socket, with a second port as its "CDN".

Searches, sorts and pages by a Link cursor; describes models, lists trees, and serves files as the Hub does (small ones
by a relative redirect, large ones by a redirect to the CDN); knows tokens, gated and private models; logs every
request; and misbehaves on demand. Nothing in it is imported from the application.

    with HubServer() as hub:
        hub.add_model("acme/tiny", config={"model_type": "llama", …}, files={"model.safetensors": VirtualFile(10**9)})
        hub.fault(r"/api/models", status=429, headers={"RateLimit": '"api";r=0;t=55'})
        …  # HF_ENDPOINT=hub.url

As a program (for screenshots, or by hand): `python tests/servers/hub_server.py PORT [ID=FOLDER …]`.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.servers.hub_repository import Content, HubFile, Repository, VirtualFile, make_repository

__all__ = ["Content", "Fault", "HubFile", "HubServer", "Repository", "Request", "VirtualFile"]


@dataclass
class Request:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    """Names in lower case."""
    on_cdn: bool
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when the client closed the connection while a fault made it wait."""

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Fault:
    """Misbehaviour for requests whose path and query match; the first that matches and is not used up applies."""

    pattern: str
    times: int | None = 1
    """None: for ever."""
    status: int | None = None
    """None, with no body: answer as usual after the delay."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0.0
    drop: bool = False
    """Close the connection without an answer."""
    cut: int | None = None
    """Serve a file as usual, but close the connection after so many bytes."""


class HubServer:
    """The server. Models may be added, and faults set, while it runs.

    Args:
        port: of the Hub itself; 0 takes a free one.
        host: also the host of the CDN.
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        from tests.servers.hub_requests import Handler

        self.repositories: dict[str, Repository] = {}
        self.aliases: dict[str, str] = {}
        """Old ids and what they are called now: answered by a relative redirect."""
        self.tokens: dict[str, str] = {}
        """Token and the account's name."""
        self.grants: set[tuple[str, str]] = set()
        """Account and gated model."""
        self.throttle: int | None = None
        """Bytes per second of each file that is served."""
        self.requests: list[Request] = []
        self._faults: list[Fault] = []
        self._changed = threading.Condition()
        self._servers = [_Server((host, port), Handler, self, on_cdn=False)]
        self._servers.append(_Server((host, 0), Handler, self, on_cdn=True))
        self.url, self.cdn_url = (f"http://{host}:{server.server_address[1]}" for server in self._servers)
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for server in self._servers:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            if self._threads:
                server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def add_model(
        self,
        model_id: str,
        *,
        files: Mapping[str, Content] | None = None,
        config: Mapping[str, Any] | None = None,
        card: str | None = None,
        tags: tuple[str, ...] = (),
        license: str | None = None,
        parameters: int | None = None,
        dtype: str = "BF16",
        commit: str | None = None,
        **facts: Any,
    ) -> Repository:
        """Add a model; `facts` are fields by the Hub's own names (downloads, likes, gated, private, pipeline_tag, …).

        Args:
            model_id: such as `acme/tiny`.
            files: path and content; a `Path` is served from disk, a `VirtualFile` takes no space.
            config: becomes `config.json`.
            card: becomes `README.md`.
            tags: without the licence's, which is added.
            license: such as `apache-2.0`.
            parameters: as the Hub counts them in the safetensors files.
            dtype: of the parameters.
            commit: of `main`; made up from the id if None.
            **facts: more of the description.
        """
        contents = dict(files or {})
        if card is not None:
            contents.setdefault("README.md", card.encode())
        repository = make_repository(
            model_id,
            contents,
            config=config,
            tags=tags,
            license=license,
            parameters=parameters,
            dtype=dtype,
            commit=commit,
            **facts,
        )
        self.repositories[model_id] = repository
        return repository

    def add_folder(self, model_id: str, folder: str | Path, **facts: Any) -> Repository:
        """Serve a real model folder's files under an id."""
        root = Path(folder)
        files: dict[str, Content] = {
            path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()
        }
        facts.setdefault("config", json.loads((root / "config.json").read_text()))
        facts.setdefault("pipeline_tag", "text-generation")
        facts.setdefault("library_name", "transformers")
        return self.add_model(model_id, files=files, **facts)

    def add_token(self, token: str, name: str, *grants: str) -> None:
        """Know a token of this account, which has access to these gated models."""
        self.tokens[token] = name
        self.grants.update((name, model_id) for model_id in grants)

    def fault(self, pattern: str, **how: Any) -> Fault:
        """Misbehave for the next request (`times=`) that matches; see `Fault` for how."""
        fault = Fault(pattern, **how)
        with self._changed:
            self._faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        """Behave again."""
        with self._changed:
            self._faults.clear()

    def take_fault(self, target: str) -> Fault | None:
        """The fault for a request, counted down."""
        with self._changed:
            for fault in self._faults:
                if fault.times != 0 and re.search(fault.pattern, target):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def note(self, request: Request) -> None:
        """Log a request."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def wait_for_request(self, pattern: str, timeout: float = 10.0) -> Request:
        """The first request whose path matches, waited for if there is none yet."""
        ends = time.monotonic() + timeout
        with self._changed:
            while True:
                for request in self.requests:
                    if re.search(pattern, request.path):
                        return request
                if not self._changed.wait(ends - time.monotonic()):
                    raise TimeoutError(f"no request for {pattern} within {timeout} s")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type, hub: HubServer, *, on_cdn: bool) -> None:
        self.hub = hub
        self.on_cdn = on_cdn
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main(arguments: list[str]) -> None:
    """Serve the realistic models, and the folders named as `ID=FOLDER`, until killed."""
    from tests.servers.hub_models import realistic

    with realistic(HubServer(port=int(arguments[0]) if arguments else 0)) as hub:
        for each in arguments[1:]:
            model_id, _, folder = each.partition("=")
            hub.add_folder(model_id, folder)
        print(hub.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    from tests.servers import hub_server

    hub_server.main(sys.argv[1:])

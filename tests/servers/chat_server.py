"""A small real server that speaks the OpenAI chat API as vLLM and `transformers serve` do. Standard library only.

In a test: `with ChatServer(Behaviour(tokens_per_second=200)) as server: … server.base_url`. As a child process (so that
it does not share the interpreter with what is measured): `python tests/servers/chat_server.py --rate 500`, which
prints its base URL as its first line.

Besides `Behaviour`, the last user message can ask for a behaviour by words such as `!tokens=50 !rate=20`.
    !tokens=N     an answer of N tokens       !rate=N    N tokens a second       !per_chunk=N   N tokens in one delta
    !reasoning    thinks first; !reasoning_content: under the old name           !length        finish_reason length
    !no_usage     !no_done     !empty     !markdown
    !error        an error inside the stream             !die      the connection breaks in the middle
    !garbage      a data line that is no JSON            !odd      valid JSON of shapes that nobody expects
    !hang         headers, then nothing                  !stall    not even headers
    !exit         the server's process ends afterwards
    !refuse=KIND  an error instead of a stream: object, string, detail, validation, text, html, empty
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Found by a test as a module of this repository, by a child process as a file beside this one.
sys.path.insert(0, str(Path(__file__).parent))

from chat_stream import MARKDOWN, PARIS, Behaviour, directives, events, tokens_of, usage

__all__ = ["MARKDOWN", "PARIS", "REFUSALS", "Behaviour", "ChatServer", "Request"]

REFUSALS: dict[str, tuple[str, str, str]] = {
    "object": (
        "400 Bad Request",
        "application/json",
        '{"error":{"message":"This model\'s maximum context length is 2048 tokens.","type":"BadRequestError",'
        '"param":null,"code":400}}',
    ),
    "string": ("401 Unauthorized", "application/json", '{"error":"Unauthorized"}'),
    "detail": ("404 Not Found", "application/json", '{"detail":"Not Found"}'),
    "validation": (
        "422 Unprocessable Entity",
        "application/json",
        '{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required","input":{}}]}',
    ),
    "text": ("500 Internal Server Error", "text/plain", "Internal Server Error"),
    "html": (
        "502 Bad Gateway",
        "text/html",
        "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    ),
    "empty": ("503 Service Unavailable", "text/plain", ""),
}


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body; empty if it is no JSON object."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass
class ChatServer:
    """The server. A thread a connection; `requests` holds all that came, `aborted` is set when a client went away."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    host: str = "127.0.0.1"
    port: int = 0
    access_log: Callable[[str], None] = lambda line: None
    on_exit: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.requests: list[Request] = []
        self.aborted = threading.Event()
        self.streaming = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closing = False
        self._listener: socket.socket | None = None

    @property
    def base_url(self) -> str:
        """Without `/v1`."""
        return f"http://{self.host}:{self.port}"

    def bind(self) -> None:
        """Take the port, as vLLM does at the start of a launch; connections are refused until `listen`."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.host, self.port))
        self.port = self._listener.getsockname()[1]

    def listen(self) -> None:
        """Begin to answer, in threads."""
        if self._listener is None:
            self.bind()
        assert self._listener is not None
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Stop answering and break every connection."""
        self._closing = True
        if self._listener is not None:
            # close() alone leaves a thread in accept() listening on.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> ChatServer:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                client = "{}:{}".format(*connection.getpeername()[:2])
                while (request := read_request(reader)) is not None:
                    self.requests.append(request)
                    status = Exchange(self, connection, request).answer()
                    self.access_log(f'{client} - "{request.method} {request.path} HTTP/1.1" {status}')
        except (OSError, ValueError):
            self.aborted.set()
        finally:
            with self._lock:
                self._connections.discard(connection)


def read_request(reader: Any) -> Request | None:
    """The next request of a connection, None at its end."""
    first = reader.readline()
    if not first.strip():
        return None
    method, path, _ = first.decode("latin-1").split(" ", 2)
    headers = {}
    while (line := reader.readline().decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Request(method, path, headers, reader.read(int(headers.get("content-length", 0))))


@dataclass
class Exchange:
    """One request and its answer."""

    server: ChatServer
    connection: socket.socket
    request: Request

    def answer(self) -> str:
        """Answer it; what is returned is the status for the access log."""
        behaviour = self.server.behaviour
        path = self.request.path.partition("?")[0]
        key = self.request.headers.get("authorization", "")
        if path.startswith("/v1") and behaviour.api_key and key.partition(" ")[2] != behaviour.api_key:
            return self._refuse("string")
        if path in ("/health", "/ping"):
            return self._whole("200 OK" if behaviour.healthy else "503 Service Unavailable", "text/plain", "")
        if path == "/version":
            return self._json({"version": "0.32.0"})
        if path == "/v1/models":
            models = [{"id": name, "object": "model", "root": name, "max_model_len": 2048} for name in behaviour.models]
            return self._json({"object": "list", "data": models})
        if path == "/v1/chat/completions" and self.request.method == "POST":
            return self._chat()
        return self._refuse("detail")

    def _chat(self) -> str:
        body = self.request.json
        asked = directives(body)
        if "stall" in asked:
            self._wait_for_the_end()
            return "499 Gone"
        if "refuse" in asked:
            return self._refuse(asked["refuse"])
        if body.get("model") not in self.server.behaviour.models:
            names = ", ".join(self.server.behaviour.models)
            message = f"The model `{body.get('model')}` does not exist. Valid aliases: {names}."
            error = {"message": message, "type": "NotFoundError", "param": "model", "code": 404}
            return self._json({"error": error}, "404 Not Found")
        if body.get("stream"):
            return self._stream(body, asked)
        tokens = tokens_of(body, asked, self.server.behaviour)
        choice = {"index": 0, "message": {"role": "assistant", "content": "".join(tokens)}, "finish_reason": "stop"}
        return self._json(
            {"id": "chatcmpl-1", "model": body["model"], "choices": [choice], "usage": usage(len(tokens))}
        )

    def _stream(self, body: dict[str, Any], asked: dict[str, str]) -> str:
        self._send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        self.server.streaming.set()
        if "hang" in asked:
            self._wait_for_the_end()
            return "200 OK"
        for event in events(body, asked, self.server.behaviour):
            if event is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                raise OSError("broken off on request")
            data = event.encode()
            self._send(b"%x\r\n%b\r\n" % (len(data), data))
        self._send(b"0\r\n\r\n")
        if "exit" in asked:
            self.server.on_exit()
        return "200 OK"

    def _wait_for_the_end(self) -> None:
        """Until the client closes."""
        while not self.server._closing:
            readable, _, _ = select.select([self.connection], [], [], 1.0)
            if readable and not self.connection.recv(65536):
                raise OSError("the client went away")

    def _send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def _refuse(self, kind: str) -> str:
        return self._whole(*REFUSALS[kind])

    def _json(self, value: object, status: str = "200 OK") -> str:
        return self._whole(status, "application/json", json.dumps(value))

    def _whole(self, status: str, kind: str, text: str) -> str:
        data = text.encode()
        self._send(f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data)
        return status


def main() -> None:
    """Run until the standard input ends, so that no server outlives its test."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--tokens", type=int, default=0)
    arguments = parser.parse_args()
    server = ChatServer(Behaviour(tokens_per_second=arguments.rate, tokens=arguments.tokens))
    server.listen()
    print(server.base_url, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()

"""Tokens a second through the chat client, against a raw socket that reads the same stream, in turns.

The server is a child process (tests/servers/chat_server.py), so that it does not share the interpreter with what is
measured. A token is a chunk. Paced: the server gives so many tokens a second; unlimited: as many as it can.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

from report import ROOT, Goal, arguments, finish, spread

from core.chat.client import ChatClient, ChatParams, ChatTarget, Message
from core.loop import CoreLoop

PACED = (50, 200, 1000)
SECONDS = 2.0
UNLIMITED_TOKENS = 20_000
MODEL = "smol"


def prompt(rate: int, tokens: int) -> str:
    """What asks the server for that many tokens at that rate."""
    return f"!tokens={tokens} !rate={rate}"


def through_socket(base_url: str, text: str, tokens: int) -> float:
    """Seconds until the last byte, with nothing between the socket and us."""
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": text}], "max_tokens": tokens}
    data = json.dumps(body | {"stream_options": {"include_usage": True}}).encode()
    address = urlsplit(base_url)
    begun = time.perf_counter()
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {address.netloc}\r\ncontent-length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data)
        seen = 0
        tail = b""
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            piece = connection.recv(1 << 16)
            if not piece:
                raise SystemExit("the server broke off")
            seen += len(piece)
            tail = (tail + piece)[-7:]
    return time.perf_counter() - begun


def through_client(client: ChatClient, base_url: str, text: str, tokens: int) -> float:
    """Seconds until the answer is complete, with the text checked."""
    begun = time.perf_counter()
    answer = client.start(ChatTarget(base_url, MODEL, ""), [Message("user", text)], ChatParams(max_tokens=tokens))
    answer.future.result(300)
    seconds = time.perf_counter() - begun
    seen = answer.snapshot()
    if seen.state != "done" or len(seen.text.split()) != tokens:
        raise SystemExit(f"wrong answer: {seen.state} {seen.problem} {len(seen.text.split())} of {tokens} tokens")
    return seconds


def main() -> int:
    """Each rate, in turns."""
    given = arguments(__doc__ or "", 5)
    rows, goals = [], []
    with (
        subprocess.Popen(
            [sys.executable, str(ROOT / "tests/servers/chat_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server,
        CoreLoop() as loop,
    ):
        assert server.stdout is not None
        base_url = server.stdout.readline().strip()
        client = ChatClient(loop)
        through_client(client, base_url, prompt(0, 50), 50)
        for rate in (*PACED, 0):
            tokens = int(rate * SECONDS) if rate else UNLIMITED_TOKENS
            text = prompt(rate, tokens)
            raw, ours = list[float](), list[float]()
            for _ in range(given.rounds):
                raw.append(tokens / through_socket(base_url, text, tokens))
                ours.append(tokens / through_client(client, base_url, text, tokens))
            ratio = spread(ours)["median"] / spread(raw)["median"]
            name = f"{rate} tokens/s" if rate else f"unlimited ({tokens} tokens)"
            rows.append(
                {
                    "rate": name,
                    "raw socket": spread(raw)["median"],
                    "chat client": spread(ours)["median"],
                    "client min": min(ours),
                    "ratio": ratio,
                }
            )
            if rate:
                goals.append(Goal(f"chat client / raw socket at {name}", ratio, 0.98, at_most=False))
        loop.spawn(client.close()).result(10)
        assert server.stdin is not None
        server.stdin.close()
    return finish("chat client, tokens a second", rows, goals, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())

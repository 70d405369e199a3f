"""What an endpoint says when it refuses, in the many shapes that engines and proxies give it."""

from __future__ import annotations

import html
import json
import re
from http import HTTPStatus
from typing import Any

from core.errors import ChatError

LONGEST = 600
"""Characters of a server's words that are shown; the rest is in the error's details."""

_REMEDIES = {
    401: "Give the deployment's API key.",
    403: "Check that the API key may do this.",
    404: "Check the address and the model's name.",
    405: "Check that this is the address of a chat endpoint.",
    413: "Shorten the conversation.",
    429: "The server is busy; try again in a moment.",
    503: "The engine is busy or has stopped; look at its log.",
}


def refusal(status: int, body: bytes) -> ChatError:
    """The error for an HTTP answer that isn't a stream."""
    said = words_of(body)
    name = _phrase(status)
    message = f"The endpoint refused the request ({status} {name})" if name else f"The endpoint answered {status}"
    remedy = _REMEDIES.get(status, "Look at the deployment's log." if status >= 500 else "")
    if said and said != name:
        message = f"{message}: {_short(said)}"
    return ChatError(message.rstrip(".") + ".", remedy=remedy, details=body.decode("utf-8", "replace"))


def error_in_stream(value: object) -> ChatError:
    """The error for `data: {"error": …}` in the middle of a stream."""
    said = _words_of_value(value) or "it gave no reason"
    return ChatError(
        f"The engine ended the answer with an error: {_short(said).rstrip('.')}.",
        remedy="Look at the deployment's log.",
        details=json.dumps(value, ensure_ascii=False, default=str),
    )


def words_of(body: bytes) -> str:
    """What the body says, in one line; empty if it says nothing."""
    text = body.decode("utf-8", "replace").strip()
    try:
        return _words_of_value(json.loads(text))
    except (ValueError, RecursionError):
        pass  # not JSON: a proxy's page or plain text
    if text[:1] == "<":
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        text = html.unescape(title[1] if title else re.sub(r"<[^>]*>", " ", text))
    return " ".join(text.split())


def _words_of_value(value: object) -> str:
    """The message in `{"error": {"message": …}}`, `{"error": "…"}`, `{"detail": …}`, `{"message": …}` or what else."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, dict):
        for key in ("error", "message", "detail", "msg"):
            if value.get(key):
                return _place(value) + _words_of_value(value[key])
    if isinstance(value, list):
        return "; ".join(filter(None, map(_words_of_value, value)))
    return json.dumps(value, ensure_ascii=False, default=str) if value else ""


def _place(value: dict[Any, Any]) -> str:
    """Where FastAPI found the fault: `messages: ` for `"loc": ["body", "messages"]`."""
    place = value.get("loc")
    parts = [str(part) for part in place if part != "body"] if isinstance(place, list) else []
    return ".".join(parts) + ": " if parts else ""


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

"""What the chat server's streams hold: the answer's tokens, the events, and what can go wrong between them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PARIS = "The capital of France is Paris."
MARKDOWN = """Here is a **short** list:

1. Load the weights
2. Warm up
3. Serve

```python
from openai import OpenAI

client = OpenAI()
print(client.models.list())
```

| phase | seconds |
| --- | --- |
| load weights | 2.2 |
| warm up | 6.3 |
"""

FROM_PYTHON = """Use any OpenAI client and give it **this endpoint**:

```python
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
answer = client.chat.completions.create(
    model=client.models.list().data[0].id,
    messages=[{"role": "user", "content": "Hello!"}],
)
print(answer.choices[0].message.content)
```

- `stream=True` gives the answer token by token.
- Without an API key, any text will do as `api_key`.
"""


@dataclass
class Behaviour:
    """How the server answers when the prompt doesn't say."""

    models: tuple[str, ...] = ("smol",)
    api_key: str = ""
    tokens_per_second: float = 0.0  # 0: as fast as it can
    first_token_delay: float = 0.0
    tokens: int = 0  # 0: as many as the answer has
    usage: bool = True  # gives usage where it is asked for
    always_usage: bool = False  # gives it, like Transformers, in the last chunk without being asked
    done: bool = True  # ends with [DONE]; Transformers doesn't
    healthy: bool = True


def directives(body: dict[str, Any]) -> dict[str, str]:
    """What the last user message asks the server to do."""
    words = last_message(body).split()
    pairs = (word[1:].partition("=") for word in words if word.startswith("!"))
    return {name: value for name, _, value in pairs}


def last_message(body: dict[str, Any]) -> str:
    messages = [each for each in body.get("messages", ()) if isinstance(each, dict) and each.get("role") == "user"]
    return str(messages[-1].get("content", "")) if messages else ""


def tokens_of(body: dict[str, Any], asked: dict[str, str], behaviour: Behaviour) -> list[str]:
    """The answer in tokens: words with the space before them."""
    count = int(asked.get("tokens", behaviour.tokens))
    if count:
        return [f" word{n}" if n else "word0" for n in range(count)]
    if "empty" in asked:
        return []
    prompt = last_message(body)
    if "markdown" in asked:
        text = MARKDOWN
    elif "from python" in prompt.lower():
        text = FROM_PYTHON
    elif "france" in prompt.lower():
        text = PARIS
    else:
        text = f"You said: {prompt}"
    words = text.split(" ")
    return [words[0], *(" " + word for word in words[1:])]


def usage(count: int) -> dict[str, int]:
    return {"prompt_tokens": 12, "completion_tokens": count, "total_tokens": 12 + count}


def events(body: dict[str, Any], asked: dict[str, str], behaviour: Behaviour) -> Iterator[str | None]:
    """The stream's events, paced; None: the connection breaks here."""
    tokens = tokens_of(body, asked, behaviour)
    limit = body.get("max_tokens")
    cut = isinstance(limit, int) and len(tokens) > limit
    tokens = tokens[:limit] if cut else tokens
    rate = float(asked.get("rate", behaviour.tokens_per_second))
    size = int(asked.get("per_chunk", 1))
    finish = "length" if cut or "length" in asked else "stop"

    yield chunk(body, {"role": "assistant", "content": ""})
    time.sleep(behaviour.first_token_delay)
    start = time.perf_counter()
    field_name = next((name for name in ("reasoning", "reasoning_content") if name in asked), "")
    thoughts = ["Let", " me", " think", "."] if field_name else []
    for number, thought in enumerate(thoughts):
        pace(start, number, rate)
        yield chunk(body, {field_name: thought})
    for number in range(0, len(tokens), size):
        pace(start, len(thoughts) + number, rate)
        if number >= len(tokens) // 2 and (broken := trouble(asked)) != ():
            yield from broken
            return
        yield chunk(body, {"content": "".join(tokens[number : number + size])})
    total = len(thoughts) + len(tokens)
    with_usage = behaviour.usage and "no_usage" not in asked
    wanted = bool((body.get("stream_options") or {}).get("include_usage"))
    last = chunk(body, {}, finish, usage(total) if behaviour.always_usage and with_usage else None)
    yield last
    if wanted and with_usage and not behaviour.always_usage:
        yield event({"id": "chatcmpl-1", "model": body.get("model"), "choices": [], "usage": usage(total)})
    if behaviour.done and "no_done" not in asked:
        yield "data: [DONE]\n\n"


def trouble(asked: dict[str, str]) -> tuple[str | None, ...]:
    """What happens in the middle of the stream, () if nothing."""
    if "error" in asked:
        text = "EngineCore encountered an issue. See stack trace (above) for the root cause."
        return event(
            {"error": {"message": text, "type": "InternalServerError", "param": None, "code": 500}}
        ), "data: [DONE]\n\n"
    if "die" in asked:
        return (None,)
    if "garbage" in asked:
        return ("data: {this is no JSON\n\n",)
    if "odd" in asked:
        odd = ([], 7, None, "text", {"choices": {}}, {"choices": [3]}, {"choices": [{"delta": "x"}]}, {"usage": "many"})
        return (*(event(each) for each in odd), "data: [DONE]\n\n")
    return ()


def pace(start: float, number: int, rate: float) -> None:
    """Wait until token `number` is due."""
    if rate > 0 and (rest := start + number / rate - time.perf_counter()) > 0:
        time.sleep(rest)


def chunk(
    body: dict[str, Any], delta: dict[str, Any], finish: str | None = None, use: dict[str, int] | None = None
) -> str:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, "token_ids": None}
    whole: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1795422536}
    whole |= {"model": body.get("model"), "choices": [choice]}
    return event(whole | ({"usage": use} if use else {}))


def event(value: object) -> str:
    return f"data: {json.dumps(value)}\n\n"

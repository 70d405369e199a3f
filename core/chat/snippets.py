"""'Use from code': how to reach an endpoint from elsewhere. The key is named, never shown."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

KEY_VARIABLE = "SERVEDECK_API_KEY"
PROMPT = "What is the capital of France?"


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of code to copy."""

    title: str
    language: str
    """As Pygments names it."""
    text: str


def snippets(endpoint: str, model: str, *, has_key: bool) -> tuple[Snippet, ...]:
    """Ways to use an endpoint.

    Args:
        endpoint: base URL with `/v1`.
        model: the served name.
        has_key: the endpoint wants a key; it is then read from the variable SERVEDECK_API_KEY.
    """
    return (
        Snippet("curl", "bash", _curl(endpoint, model, has_key=has_key)),
        Snippet("Python (openai)", "python", _python(endpoint, model, has_key=has_key)),
        Snippet("Environment variables", "bash", _environment(endpoint, has_key=has_key)),
    )


def _curl(endpoint: str, model: str, *, has_key: bool) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}]}
    lines = [
        f"curl {shlex.quote(f'{endpoint}/chat/completions')}",
        "-H 'Content-Type: application/json'",
        *([f'-H "Authorization: Bearer ${KEY_VARIABLE}"'] if has_key else []),
        f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}",
    ]
    return " \\\n  ".join(lines) + "\n"


def _python(endpoint: str, model: str, *, has_key: bool) -> str:
    # The library insists on a key, also where the server has none.
    key = f'os.environ["{KEY_VARIABLE}"]' if has_key else '"none"'
    imports = "import os\n\nfrom openai import OpenAI" if has_key else "from openai import OpenAI"
    return f"""{imports}

client = OpenAI(base_url={_literal(endpoint)}, api_key={key})
stream = client.chat.completions.create(
    model={_literal(model)},
    messages=[{{"role": "user", "content": {_literal(PROMPT)}}}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
"""


def _literal(text: str) -> str:
    """A Python string literal with double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _environment(endpoint: str, *, has_key: bool) -> str:
    key = f'"${KEY_VARIABLE}"' if has_key else "none"
    return f"export OPENAI_BASE_URL={shlex.quote(endpoint)}\nexport OPENAI_API_KEY={key}\n"

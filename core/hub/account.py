"""Access tokens that other Hugging Face tools left on this machine, found as those tools find them.

Not through `huggingface_hub.get_token`: that takes 300 ms to import and fixes the folders at import. Only the renewal
of a login made in the browser is left to it.
"""

from __future__ import annotations

import configparser
import os
import time
from dataclasses import dataclass
from pathlib import Path

from core.hub.cache import hf_home

_RENEW_BEFORE = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class TokenStatus:
    """Which token is used, fit to be shown."""

    masked: str
    """Such as `hf_****abcd`; empty if there is none."""
    source: str
    """`keyring`, `this session`, `HF_TOKEN`, `the file …`; empty if there is none."""


def mask(token: str) -> str:
    """The token with all but its ends hidden, all of it if it is short."""
    if len(token) < 12:
        return "****" if token else ""
    return f"{token[:3]}****{token[-4:]}"


def machine_token() -> tuple[str, str]:
    """The token of the environment or of `hf auth login`, and where it comes from; both empty if there is none."""
    if os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return "", ""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := os.environ.get(name, "").strip():
            return token, name
    path = _token_file()
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return "", ""  # no login, or one of another user: then we are anonymous, and say so
    return token, f"the file {path}" if token else ""


def renew_machine_token() -> None:
    """Let `huggingface_hub` renew a browser login that ends within a day. Blocks, with network access, if it must.

    A renewal that fails leaves the old token, which the Hub then refuses in its own words.
    """
    token, source = machine_token()
    if not source.startswith("the file ") or not _expires_soon(token):
        return
    from huggingface_hub import get_token

    get_token()


def _expires_soon(token: str) -> bool:
    stored = configparser.ConfigParser(interpolation=None)
    try:
        stored.read(_token_file().parent / "stored_tokens", encoding="utf-8")
        for name in stored.sections():
            fields = dict(stored.items(name))
            if fields.get("hf_token") == token and fields.get("refresh_token"):
                return float(fields.get("expires_at", "inf")) - _RENEW_BEFORE < time.time()
    except (configparser.Error, UnicodeDecodeError, OSError, ValueError):
        return False  # not a file of the form that could be renewed
    return False


def _token_file() -> Path:
    named = os.environ.get("HF_TOKEN_PATH")
    return Path(os.path.expandvars(named)).expanduser() if named else hf_home() / "token"

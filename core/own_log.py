"""Servedeck's own log: a rotating file, in which no secret ever stands."""

from __future__ import annotations

import logging
import re
from logging.handlers import RotatingFileHandler

from core.paths import Paths

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_SECRETS = re.compile(
    r"(hf_[A-Za-z0-9]{6})[A-Za-z0-9]+"
    r"|(sd-[A-Za-z0-9_-]{4})[A-Za-z0-9_-]{12,}"
    r"|((?:[Bb]earer|[Aa]uthorization:?)\s+(?:[Bb]earer\s+)?)[^\s'\"]+"
    r"|((?i:api[_-]?key|token|secret|password)['\"]?\s*[=:]\s*['\"]?)[^\s'\",}]{6,}"
)


def masked(text: str) -> str:
    """The text with everything that looks like a token or key cut short."""
    return _SECRETS.sub(lambda match: f"{next(group for group in match.groups() if group is not None)}****", text)


class MaskingFormatter(logging.Formatter):
    """Masks the finished text, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, without secrets."""
        return masked(super().format(record))


def configure(paths: Paths, *, verbose: bool = False) -> None:
    """Log to `servedeck.log` under the log folder; with `verbose` to stderr too. Call once a program."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    file = RotatingFileHandler(
        paths.logs / "servedeck.log", maxBytes=2 << 20, backupCount=3, encoding="utf-8", delay=True
    )
    handlers: list[logging.Handler] = [file]
    if verbose:
        root.setLevel(logging.DEBUG)
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(MaskingFormatter(FORMAT))
        root.addHandler(handler)
    for noisy in ("httpx2", "httpcore2", "filelock", "urllib3", "huggingface_hub"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

"""Reading what the Hub sends: JSON, models, files, the Link header. Outside text ends in a value or a `HubAnswerError`.

A field that is missing or null is None. A field of another type than the Hub documents is an error that names it:
guessing at it could show a wrong fact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from core.errors import HubAnswerError
from core.hub.facts import ModelFile, ModelSummary

REMEDY = "Try again; if it stays so, check that HF_ENDPOINT names a Hugging Face Hub."
_ID = re.compile(r"[\w.-]{1,96}(?:/[\w.-]{1,96})?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_RATE_LIMIT = re.compile(r";\s*t=(\d{1,9})(?!\d)")


@dataclass(frozen=True)
class RepositoryInfo:
    """One repository at one commit, as the Hub describes it."""

    commit: str
    summary: ModelSummary
    files: tuple[ModelFile, ...]
    config: Mapping[str, Any]
    """The few keys of `config.json` that the Hub shows to everyone, empty where it shows none."""


def read_json(body: bytes, *, source: str) -> Any:
    """The JSON value in an answer; `source` names it in the error.

    Raises:
        HubAnswerError: it is no JSON.
    """
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse_constant)
        # JSON can hold half of a surrogate pair, which no file or widget takes.
        return without_surrogates(value) if "\\u" in text else value
    except (ValueError, RecursionError) as error:
        raise HubAnswerError(
            f"{source} is no JSON.", remedy=REMEDY, details=f"{error}\n{body[:500].decode('utf-8', 'replace')}"
        ) from error


def read_models(value: Any) -> tuple[ModelSummary, ...]:
    """The items of a search answer.

    Raises:
        HubAnswerError: it is no list of models; one bad item spoils the list, as leaving it out would hide it.
    """
    if not isinstance(value, list):
        raise HubAnswerError(f"The search answer is {_kind(value)}, not a list.", remedy=REMEDY)
    return tuple(read_summary(item) for item in value)


def read_summary(value: Any) -> ModelSummary:
    """One model of a search, or the facts of a repository.

    Raises:
        HubAnswerError: it has another shape.
    """
    fields = _Fields(value, "a model")
    name = fields.text("id")
    if name is None or not _ID.fullmatch(name):
        raise HubAnswerError(f"A model in the answer has no usable id: {str(name)[:100]!r}.", remedy=REMEDY)
    fields.name = name
    tags = fields.texts("tags")
    parameters, dtype = _parameters(fields.part("safetensors"))
    config = fields.part("config").values
    return ModelSummary(
        id=name,
        downloads=fields.number("downloads"),
        likes=fields.number("likes"),
        updated=fields.time("lastModified"),
        pipeline_tag=fields.text("pipeline_tag"),
        library=fields.text("library_name"),
        gated=_gated(fields),
        private=fields.flag("private"),
        parameters=parameters,
        dtype=dtype,
        license=next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), None),
        tags=tags,
        architectures=_architectures(config),
        custom_code="custom_code" in tags or bool(config.get("auto_map")),
    )


def read_repository(value: Any) -> RepositoryInfo:
    """The answer of `/api/models/{id}/revision/{revision}?blobs=true`.

    Raises:
        HubAnswerError: it has another shape, or names a file outside the repository.
    """
    summary = read_summary(value)
    fields = _Fields(value, summary.id)
    commit = fields.text("sha")
    if commit is None or not _COMMIT.fullmatch(commit):
        raise HubAnswerError(f"The Hub gave no commit for {summary.id}: {str(commit)[:60]!r}.", remedy=REMEDY)
    files = []
    for item in fields.items("siblings"):
        file = _Fields(item, f"a file of {summary.id}")
        path = file.text("rfilename")
        if not is_safe_path(path):
            raise HubAnswerError(f"{summary.id} lists a file with an unusable name: {str(path)[:100]!r}.")
        assert path is not None
        files.append(ModelFile(path, file.number("size")))
    return RepositoryInfo(commit, summary, tuple(files), fields.part("config").values)


def read_account(value: Any) -> str:
    """The account's name in the answer of `whoami-v2`.

    Raises:
        HubAnswerError: it has another shape.
    """
    name = _Fields(value, "the account").text("name")
    if not name:
        raise HubAnswerError("The Hub accepts the token but does not say whose it is.", remedy=REMEDY)
    return name


def is_safe_path(path: str | None) -> bool:
    """A relative path with `/` that stays below its repository."""
    return (
        bool(path)
        and path is not None
        and "\\" not in path
        and all(character >= " " and character != "\x7f" for character in path)
        and all(part not in {"", ".", ".."} for part in path.split("/"))
    )


def next_link(header: str) -> str | None:
    """The target of `rel="next"` in a Link header (RFC 8288), None where there is none or the header is garbage.

    Targets may hold commas and semicolons, so the header is read part by part and not split.
    """
    at = 0
    while (start := header.find("<", at)) >= 0:
        end = header.find(">", start)
        if end < 0:
            return None
        target, at = header[start + 1 : end], end + 1
        parameters, at = _link_parameters(header, at)
        if "next" in parameters.get("rel", "").lower().split():
            return target.strip()
    return None


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds to wait after a 429, from `Retry-After` (seconds or a date) or `RateLimit: "api";r=0;t=55`.

    None where neither says so.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return float(text)
    if text:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError):
            moment = None
        if moment is not None:
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    match = _RATE_LIMIT.search(headers.get("ratelimit", ""))
    return float(match[1]) if match else None


class _Fields:
    """A JSON object whose fields are read with their type checked; `name` says whose they are."""

    def __init__(self, value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise HubAnswerError(f"The Hub gave {_kind(value)} for {name}.", remedy=REMEDY)
        self.values: dict[str, Any] = value
        self.name = name

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        return value if value is None or isinstance(value, str) else self._refuse(key, value)

    def number(self, key: str) -> int | None:
        value = self.values.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63):
            return value
        return self._refuse(key, value)

    def flag(self, key: str) -> bool:
        value = self.values.get(key)
        return bool(value) if value is None or isinstance(value, bool) else self._refuse(key, value)

    def time(self, key: str) -> datetime | None:
        value = self.text(key)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self._refuse(key, value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def texts(self, key: str) -> tuple[str, ...]:
        items = self.items(key)
        return tuple(items) if all(isinstance(item, str) for item in items) else self._refuse(key, items)

    def items(self, key: str) -> list[Any]:
        value = self.values.get(key)
        return value if isinstance(value, list) else [] if value is None else self._refuse(key, value)

    def part(self, key: str) -> _Fields:
        value = self.values.get(key)
        return _Fields({} if value is None else value, f"{key} of {self.name}")

    def _refuse(self, key: str, value: Any) -> NoReturn:
        raise HubAnswerError(
            f"The Hub gave {_kind(value)} as {key} of {self.name}.", remedy=REMEDY, details=repr(value)[:500]
        )


def _gated(fields: _Fields) -> str | None:
    value = fields.values.get("gated")
    if value is None or isinstance(value, bool):
        return "manual" if value else None  # plain true is how older Hubs say it, and manual promises the least
    return fields.text("gated") or None


def _architectures(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The class names, if they are such: anybody uploads configs, so a wrong one must not spoil a search."""
    value = config.get("architectures")
    return tuple(value) if isinstance(value, list) and all(isinstance(name, str) for name in value) else ()


def _parameters(safetensors: _Fields) -> tuple[int | None, str | None]:
    """The number of parameters, and the dtype that most of them have."""
    by_dtype = safetensors.part("parameters")
    counts = {dtype: by_dtype.number(dtype) or 0 for dtype in by_dtype.values}
    total = safetensors.number("total")
    if total is None and counts:
        total = sum(counts.values())
    return total, max(counts, key=lambda dtype: counts[dtype]) if counts else None


def _link_parameters(header: str, at: int) -> tuple[dict[str, str], int]:
    """The `; name=value` pairs from `at` on, and where the next link begins. The first of a name counts."""
    parameters: dict[str, str] = {}
    while at < len(header) and header[at] != ",":
        if header[at] in "; \t":
            at += 1
            continue
        stop = at
        while stop < len(header) and header[stop] not in ";,=":
            stop += 1
        name, value = header[at:stop].strip().lower(), ""
        if stop < len(header) and header[stop] == "=":
            value, stop = _link_value(header, stop + 1)
        parameters.setdefault(name, value)
        at = stop
    return parameters, at


def _link_value(header: str, at: int) -> tuple[str, int]:
    if at < len(header) and header[at] == '"':
        end = header.find('"', at + 1)
        end = len(header) if end < 0 else end
        return header[at + 1 : end], end + 1
    stop = at
    while stop < len(header) and header[stop] not in ";,":
        stop += 1
    return header[at:stop].strip(), stop


def without_surrogates(value: Any) -> Any:
    """A JSON value whose texts can be written to files and shown; half surrogate pairs become `?`."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {bool: "a truth value", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")

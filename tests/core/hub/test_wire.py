"""Whatever the Hub sends ends in a value or in a HubError."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import HubAnswerError, HubError
from core.hub.folder import parse_object
from core.hub.refusals import Subject, refusal
from core.hub.wire import (
    is_safe_path,
    next_link,
    read_account,
    read_json,
    read_models,
    read_repository,
    read_summary,
    retry_after,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MODEL_KEYS = [
    "id",
    "sha",
    "tags",
    "gated",
    "private",
    "likes",
    "downloads",
    "config",
    "safetensors",
    "siblings",
    "lastModified",
    "pipeline_tag",
    "library_name",
    "name",
]
plausible = st.one_of(
    json_values,
    st.just("acme/tiny"),
    st.just("0" * 40),
    st.just([{"rfilename": "config.json", "size": 3}]),
    st.just({"parameters": {"BF16": 3}}),
    st.just(["license:mit", "custom_code"]),
    st.just("2025-01-01T00:00:00.000Z"),
)
models = st.dictionaries(st.sampled_from(MODEL_KEYS), plausible)
near_misses = models | models.map(lambda value: {"id": "acme/tiny", "sha": "a" * 40, **value})


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_json_or_an_answer_error(body: bytes) -> None:
    with contextlib.suppress(HubAnswerError):
        json.dumps(read_json(body, source="It"), ensure_ascii=False).encode()


@given(json_values | near_misses | st.lists(near_misses, max_size=3))
def test_any_json_is_a_model_or_an_answer_error(value: Any) -> None:
    for read in (read_models, read_summary, read_repository, read_account):
        with contextlib.suppress(HubAnswerError):
            read(value)


@given(near_misses)
def test_files_of_a_repository_stay_inside_it(value: Any) -> None:
    value["siblings"] = [{"rfilename": "../x"}]
    with pytest.raises(HubError):
        read_repository(value)


@given(st.text())
def test_safe_paths_stay_below_their_folder(path: str) -> None:
    if is_safe_path(path):
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        assert "\0" not in path


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/./b", "a\\b", "a\0b", "a\nb", None])
def test_unsafe_paths(path: str | None) -> None:
    assert not is_safe_path(path)


def test_half_a_surrogate_pair_can_be_written_to_a_file() -> None:
    value = read_json(b'{"\\ud800": ["\\udfff", "\\ud83d\\ude00"]}', source="It")
    assert json.dumps(value, ensure_ascii=False).encode() == '{"?": ["?", "😀"]}'.encode()
    assert parse_object('{"a": "\\ud800"}', "config.json") == ({"a": "?"}, "")


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<https://hub/api/models?cursor=a>; rel="next"', "https://hub/api/models?cursor=a"),
        ("<https://hub/x>; rel=next", "https://hub/x"),
        ('<https://hub/p>; rel="prev", <https://hub/n>; rel="next"', "https://hub/n"),
        ('<https://hub/a,b;c>; title="x, <y>; rel=prev" ; rel="next"', "https://hub/a,b;c"),
        ('<https://hub/n>; rel="last next"', "https://hub/n"),
        ('<https://hub/n>; REL="Next"', "https://hub/n"),
        ('<https://hub/n>; rel="prev"; rel="next"', None),
        ('<https://hub/p>; rel="prev"', None),
        ("<https://hub/n", None),
        ("rel=next", None),
        ("", None),
        ('<a>; rel="next', "a"),
    ],
)
def test_link_header(header: str, target: str | None) -> None:
    assert next_link(header) == target


@given(st.text() | st.text(alphabet='<>;,="relnxt /ab', max_size=60))
def test_any_link_header_is_read(header: str) -> None:
    target = next_link(header)
    assert target is None or target in header


@given(st.text(alphabet=st.characters(exclude_characters="<>", exclude_categories=("C", "Z")), min_size=1))
def test_a_link_is_found_whatever_its_target(target: str) -> None:
    assert next_link(f'<first>; rel="prev", <{target}>; rel="next"; x="y"') == target


def test_a_long_link_header_is_read_quickly() -> None:
    assert next_link("<" * 200_000 + ";" * 200_000) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30"}, 30.0),
        ({"ratelimit": '"api";r=0;t=55'}, 55.0),
        ({"ratelimit": '"api"; r=0; t=7, "x";t=9'}, 7.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=datetime(2026, 10, 21, 7, 28, tzinfo=UTC)) == seconds


@given(st.text(), st.text())
def test_any_retry_header_is_read(after: str, limit: str) -> None:
    seconds = retry_after({"retry-after": after, "ratelimit": limit})
    assert seconds is None or seconds >= 0


@given(
    st.integers(300, 599),
    st.dictionaries(st.sampled_from(["x-error-code", "x-error-message", "retry-after", "x-repo-commit"]), st.text()),
    st.binary(max_size=50),
    st.booleans(),
    st.sampled_from(["", "acme/tiny"]),
)
def test_any_refusal_has_words(status: int, headers: dict[str, str], body: bytes, token: bool, model: str) -> None:
    subject = Subject("hub.example", "http://hub.example/acme/tiny", model, "main", "config.json" if model else "")
    error = refusal(status, headers, body, subject, token_sent=token)
    assert isinstance(error, HubError)
    assert error.message.endswith(".")

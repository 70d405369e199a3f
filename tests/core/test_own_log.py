from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import own_log
from core.own_log import masked
from core.paths import Paths

TOKEN = "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz012345"
KEY = "sd-" + "Zx9_" * 8


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"token is {TOKEN}, take it",
        f"Authorization: Bearer {KEY}",
        f"authorization: Bearer {TOKEN}",
        f"Bearer {KEY}",
        f"{{'Authorization': 'Bearer {KEY}'}}",
        f"VLLM_API_KEY={KEY}",
        f'"api_key": "{KEY}"',
        f"HF_TOKEN={TOKEN}",
        f"https://user:x@example/?token={TOKEN}",
        f"password: {KEY}",
        f"--api-key={KEY}",
        f"--api-key {KEY}",
    ],
)
def test_what_looks_like_a_secret_is_cut_short(text: str) -> None:
    seen = masked(text)
    assert TOKEN not in seen
    assert KEY not in seen
    assert TOKEN[12:] not in seen
    assert KEY[10:] not in seen
    assert "****" in seen


@pytest.mark.parametrize(
    "text",
    [
        "GET http://127.0.0.1:8000/v1/models 200",
        "max_new_tokens=512",
        "sd-turbo is a model",
        "hf_hub_download",
        "12.5 tokens/s, 40 tokens",
        "tokenizer=Qwen/Qwen2.5",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert masked(text) == text


@given(st.text(max_size=300))
def test_no_text_is_too_odd(text: str) -> None:
    assert isinstance(masked(text), str)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield root
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.mark.usefixtures("home")
def test_the_file_holds_no_secret_not_even_in_a_traceback(root_logger: logging.Logger) -> None:
    paths = Paths.from_environment()
    paths.prepare()
    own_log.configure(paths)
    logger = logging.getLogger("test.own_log")
    logger.info("asking with %s", {"Authorization": f"Bearer {KEY}"})
    try:
        raise ValueError(f"refused: {TOKEN}")
    except ValueError:
        logger.info("it failed", exc_info=True)
    written = (paths.logs / "servedeck.log").read_text()
    assert "asking with" in written
    assert "ValueError: refused: hf_" in written
    assert TOKEN not in written
    assert KEY not in written


@pytest.mark.usefixtures("home")
def test_chatty_libraries_are_kept_out(root_logger: logging.Logger) -> None:
    paths = Paths.from_environment()
    paths.prepare()
    own_log.configure(paths)
    logging.getLogger("httpx2").info("HTTP Request: GET …")
    logging.getLogger("test.own_log").info("ours")
    written = (paths.logs / "servedeck.log").read_text()
    assert "ours" in written
    assert "HTTP Request" not in written

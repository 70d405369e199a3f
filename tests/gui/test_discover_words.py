"""What Discover says of models, and what it makes of model cards."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.hub.facts import ModelConfig, ModelDetails, ModelFile, ModelSummary
from core.hub.model_ref import ModelRef
from gui.model_words import commit_text, facts, licence, parameters, popularity, summary_line, summary_marks
from gui.pages.discover.card_text import readable

REF = ModelRef(kind="hub", id="acme/tiny", commit="989aa79" + "0" * 33)


def test_a_row_says_what_is_known_and_nothing_else() -> None:
    full = ModelSummary(
        "a/b",
        downloads=9_100_000,
        likes=534,
        parameters=1_540_000_000,
        dtype="BF16",
        license="apache-2.0",
        gated="auto",
    )
    assert summary_line(full) == "1.5 B · BF16 · Apache-2.0"
    assert popularity(full) == ("↓ 9.1 M", "♥ 534")
    assert summary_marks(full) == ("gated",)
    empty = ModelSummary("a/b")
    assert summary_line(empty) == ""
    assert popularity(empty) == ()
    assert summary_marks(ModelSummary("a/b", custom_code=True, private=True)) == ("private", "repo code")
    assert popularity(ModelSummary("a/b", downloads=0, likes=0)) == ("↓ 0", "♥ 0")


@pytest.mark.parametrize(
    ("number", "text"), [(1_543_714_304, "1.54 B"), (134_515_008, "135 M"), (72_706_203_648, "72.7 B"), (12, "12")]
)
def test_parameters_have_three_digits(number: int, text: str) -> None:
    assert parameters(number) == text


def test_licences_are_written_as_people_do() -> None:
    assert [licence(each) for each in ("apache-2.0", "mit", "llama3.1", "cc-by-4.0")] == [
        "Apache-2.0",
        "MIT",
        "Llama3.1",
        "CC-BY-4.0",
    ]


def test_a_commit_is_said_once() -> None:
    assert commit_text(REF) == "main @ 989aa79"
    assert commit_text(REF.model_copy(update={"revision": "989aa79"})) == "989aa79"
    assert commit_text(ModelRef(kind="folder", id="/m")) == "local folder"


def test_facts_of_a_model() -> None:
    details = ModelDetails(
        ref=REF,
        summary=ModelSummary("acme/tiny", parameters=1_543_714_304, dtype="BF16", license="mit", gated="manual"),
        config=ModelConfig(
            {
                "architectures": ["QwenForCausalLM"],
                "max_position_embeddings": 32768,
                "quantization_config": {"quant_method": "awq"},
            }
        ),
        files=(ModelFile("modeling.py", 10),),
        has_chat_template=False,
    )
    said = {fact.text: fact.tone for fact in facts(details)}
    assert said == {
        "QwenForCausalLM": "plain",
        "1.54 B parameters": "plain",
        "BF16": "plain",
        "32,768 context": "plain",
        "awq quantized": "plain",
        "MIT": "plain",
        "Gated": "warn",
        "Repo code": "warn",
        "No chat template": "warn",
    }


def test_code_of_another_repository_is_named() -> None:
    config = ModelConfig({"auto_map": {"AutoModel": "other/repo--modeling.Net"}})
    details = ModelDetails(ref=REF, summary=ModelSummary("acme/tiny"), config=config)
    assert any("other/repo" in fact.why for fact in facts(details))


def test_a_card_loses_its_html_and_keeps_its_words() -> None:
    card = (
        '<p align="center">\n    <img src="https://x/y.png" width="400"/>\n<p>\n<!-- hidden -->\n'
        "<h2>Title &amp; more</h2>\n[![badge](https://img)](https://page) <b>bold</b>\n"
        "`<a>` <https://auto.link>\n\n```html\n<p>kept</p> &amp;\n```\n<script>evil()</script>after"
    )
    text = readable(card)
    assert "![picture](https://x/y.png)" in text.splitlines()
    assert "## Title & more" in text
    assert "[badge](https://page) **bold**" in text
    assert "`<a>` <https://auto.link>" in text
    assert "<p>kept</p> &amp;" in text
    assert "hidden" not in text
    assert "evil" not in text
    assert "after" in text


@given(st.text(alphabet="<>!-[]()`~\n abhimg/=\"'#", max_size=400))
def test_no_card_breaks_it(card: str) -> None:
    readable(card)


@pytest.mark.parametrize("piece", ["<", "[![", "<a ", "<!--", "`", "`a", "<script", '<a href="', "![](", " ", "<a b"])
def test_no_card_takes_long(piece: str) -> None:
    started = time.perf_counter()
    readable(piece * 30_000)
    assert time.perf_counter() - started < 1.0

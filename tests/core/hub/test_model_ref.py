"""Reading what people type and paste for a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import InputError
from core.hub.model_ref import ModelRef

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.]{0,20}/[A-Za-z0-9][A-Za-z0-9_.]{0,20}", fullmatch=True).filter(
    lambda text: ".." not in text
)
revisions = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,20}", fullmatch=True).filter(lambda text: ".." not in text)


pasted = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "hf://", "https://", "file://", "https://huggingface.co/", "~", "/", "./"]),
        st.text() | st.text(alphabet="/.~@:-abhf%0[]℀\\\0 \n?#"),
    ),
)


@given(pasted)
@example("hf://[")
@example("https://℀huggingface.co/a/b")
@example("file://%00")
@example("https://huggingface.co:x/a/b")
def test_any_text_is_a_model_or_an_input_error(text: str) -> None:
    caught = None
    try:
        ref = ModelRef.parse(text)
    except InputError as error:
        caught = error
    else:
        assert ref.id
    assert caught is None or (caught.field == "model" and caught.remedy)


@given(ids, st.none() | revisions)
def test_what_is_printed_can_be_read_again(model_id: str, revision: str | None) -> None:
    ref = ModelRef(kind="hub", id=model_id, revision=revision)
    assert ModelRef.parse(ref.text) == ref


@given(ids)
def test_urls_and_ids_mean_the_same(model_id: str) -> None:
    for url in (f"https://huggingface.co/{model_id}", f"https://huggingface.co/{model_id}/", f"hf://{model_id}"):
        assert ModelRef.parse(url) == ModelRef.parse(model_id)


@pytest.mark.parametrize(
    ("text", "model_id", "revision"),
    [
        ("gpt2", "gpt2", None),
        ("  'Qwen/Qwen2.5-1.5B-Instruct' ", "Qwen/Qwen2.5-1.5B-Instruct", None),
        ("acme/tiny@v1.0", "acme/tiny", "v1.0"),
        ("acme/tiny@refs/pr/7", "acme/tiny", "refs/pr/7"),
        ("https://huggingface.co/acme/tiny/tree/dev", "acme/tiny", "dev"),
        ("https://huggingface.co/acme/tiny/blob/main/config.json", "acme/tiny", "main"),
        ("https://hf.co/acme/tiny?library=vllm#readme", "acme/tiny", None),
        ("http://127.0.0.1:9/models/acme/tiny", "acme/tiny", None),
    ],
)
def test_forms(text: str, model_id: str, revision: str | None) -> None:
    ref = ModelRef.parse(text, hub_endpoint="http://127.0.0.1:9")
    assert (ref.kind, ref.id, ref.revision) == ("hub", model_id, revision)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a/b/c",
        "-x/y",
        "a b",
        "acme/tiny@",
        "https://example.com/acme/tiny",
        "https://huggingface.co/datasets/acme/x",
        "https://huggingface.co/",
        "acme/tiny@../../x",
        "/no/such/folder",
        "~nobody-of-that-name/x",
        "a" * 5000,
    ],
)
def test_what_is_none(text: str) -> None:
    if text == "acme/tiny@":
        assert ModelRef.parse(text).revision is None
        return
    with pytest.raises(InputError) as caught:
        ModelRef.parse(text)
    assert caught.value.field == "model"


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my model ü"
    folder.mkdir()
    with pytest.raises(InputError, match=r"config\.json"):
        ModelRef.parse(str(folder))
    (folder / "config.json").write_text("{}")
    wanted = ModelRef(kind="folder", id=str(folder))
    assert ModelRef.parse(str(folder)) == wanted
    assert ModelRef.parse(folder.as_uri()) == wanted
    assert ModelRef.parse(wanted.text) == wanted
    monkeypatch.chdir(tmp_path)
    assert ModelRef.parse("./my model ü") == wanted
    assert wanted.label == "my model ü"

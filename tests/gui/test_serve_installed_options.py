"""The options come from the installed version: asked in the background while the form is used."""

from __future__ import annotations

import sys
import time
from concurrent.futures import wait as wait_for
from pathlib import Path
from typing import Any

import pytest

from core.app import App
from core.engines import probing
from core.paths import Paths
from gui.pages.serve import ServePage
from gui.pages.serve.option_editors import TextEntry
from tests.gui.conftest import Deck
from tests.gui.test_serve import Open, open_form, option, page, settle, type_into, wait  # noqa: F401
from tests.servers.hub_server import HubServer

PARSER = """
import argparse, pathlib, time
class FlexibleArgumentParser(argparse.ArgumentParser):
    pass
def main():
    gate = pathlib.Path(__file__).parents[1] / "gate"
    while not gate.exists():
        time.sleep(0.02)
    parser = FlexibleArgumentParser()
    serve = parser.add_subparsers().add_parser("serve")
    serve.add_argument("--max-model-len", type=int, default=None, help="How long.")
    serve.add_argument("--brand-new", type=int, default=3, help="Only this version has it.")
    parser.parse_args()
"""


@pytest.fixture
def gate(deck: Deck) -> Path:
    """An installation of 0.99.0 that describes itself once this file is there."""
    return describe_itself(deck.install("vllm", version="0.99.0").executable)


def describe_itself(executable: Path) -> Path:
    """Give a stand-in installation a parser; it shows it once the file that is returned is there."""
    site = executable.parents[1] / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    utils = site / "vllm" / "utils"
    utils.mkdir()
    (utils / "__init__.py").write_text("")
    (utils / "argparse_utils.py").write_text(PARSER)
    entry = "[console_scripts]\nvllm = vllm.utils.argparse_utils:main\n"
    (site / "vllm-0.99.0.dist-info" / "entry_points.txt").write_text(entry)
    return site / "vllm" / "gate"


def test_the_installed_options_replace_the_shipped_ones_and_keep_what_was_typed(
    page: ServePage,  # noqa: F811
    deck: Deck,
    qtbot: Any,
    gate: Path,
    app: App,
) -> None:
    page.open(deck.model())
    wait(qtbot, lambda: page.form is not None)
    form = page.form
    assert form is not None
    assert "0.99.0 are being read" in form.options.notice.text
    assert form.options.progress.isVisible()
    assert "dtype" in form.options.rows
    type_into(option(form, "max-model-len").field, "4096")
    gate.touch()
    settle(qtbot, form)
    assert form.options.notice.text == ""
    assert not form.options.progress.isVisible()
    assert "dtype" not in form.options.rows, "the installed version has none"
    field = option(form, "max-model-len").field
    assert isinstance(field, TextEntry)
    assert field.text() == "4096"
    assert field.hasFocus(), "the rows are new, the focus is where it was"
    form.options.add("brand-new")
    assert option(form, "brand-new")
    assert app.options.table("vllm", form.installation).source == "installation"
    wait(qtbot, lambda: "--max-model-len 4096" in form.summary.code.toPlainText())


def test_quitting_does_not_wait_for_an_installation_that_is_being_asked(
    home: Path, tmp_path: Path, hub_server: HubServer
) -> None:
    with App(Paths.under(home), hub_endpoint=hub_server.url) as core:
        deck = Deck(core, tmp_path)
        describe_itself(deck.install("vllm", version="0.99.0").executable)
        reading = core.loop.spawn(core.options.read("vllm", core.installations.choose("vllm")))
        while not probing._running:
            wait_for([reading], timeout=0.02)
            assert not reading.done(), reading.result()
        started = time.monotonic()
    assert time.monotonic() - started < 5

"""The Engines page: what is installed, adding, removing, installing with progress, cancel, failure and retry."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog

from gui.pages.engines import EnginesPage
from gui.pages.engines.card import EngineCard
from gui.widgets import Question
from tests.gui.conftest import WAIT_MS, Deck
from tests.servers.environments import make_environment

LEFT = Qt.MouseButton.LeftButton
INSTALL_MS = 90_000  # making a virtual environment takes a while on a busy machine


@pytest.fixture
def page(app, bridge, navigator, show):
    return show(EnginesPage(app, bridge, navigator))


@pytest.fixture
def vllm(qtbot, page, deck) -> EngineCard:
    """vLLM's card, after the machine was looked over."""
    deck.do(deck.app.installations.refresh())
    card = page.cards["vllm"]
    qtbot.waitUntil(lambda: "looking" not in card.state.text(), timeout=WAIT_MS)
    return card


def choose(card: EngineCard, path: Path) -> None:
    """Take a file in the dialog that 'Add by path' opened."""
    dialog = card.window().findChild(QFileDialog)
    dialog.fileSelected.emit(str(path))
    dialog.close()


class TestLooking:
    def test_what_is_not_there_says_what_it_takes(self, qtbot, vllm) -> None:
        assert vllm.state.text() == "not installed"
        assert vllm.rows == []
        assert vllm.install.text() == "Install"
        assert vllm.install.property("kind") == "primary"
        qtbot.waitUntil(lambda: "GB of disk" in vllm.summary.text(), timeout=WAIT_MS)
        assert "which Servedeck knows without an installation" in vllm.options.text()

    def test_tgi_offers_nothing_that_can_not_be(self, page) -> None:
        card = page.cards["tgi"]
        assert card.state.text() == "needs a container engine"
        assert "maintenance since December 2025" in card.warning.text
        assert not card.install.isVisible()
        assert not card.add.isVisible()

    def test_an_installation_shows_version_target_place_and_origin(self, qtbot, vllm, deck: Deck) -> None:
        made = deck.install("vllm")
        qtbot.waitUntil(lambda: len(vllm.rows) == 1, timeout=WAIT_MS)
        assert (vllm.state.text(), vllm.state.tone) == ("0.32.0+cpu", "ok")
        texts = [each.text() for each in vllm.rows[0].findChildren(type(vllm.state))]
        assert texts == ["CPU", "added by you"]
        assert str(made.executable) in vllm.rows[0].accessibleName()
        assert vllm.install.property("kind") == "plain"

    def test_one_that_broke_says_why(self, qtbot, page, vllm, deck: Deck) -> None:
        made = deck.install("vllm")
        made.executable.unlink()
        qtbot.mouseClick(page.rescan, LEFT)
        qtbot.waitUntil(lambda: bool(vllm.rows) and vllm.rows[0].dot.tone == "bad", timeout=WAIT_MS)
        assert vllm.state.text() == "not usable"
        assert page.rescan.isEnabled()

    def test_a_link_here_puts_the_focus_into_the_card(self, qtbot, window) -> None:
        window.go_engines("transformers")
        assert QApplication.focusWidget() is window.pages["engines"].cards["transformers"].install


class TestAdding:
    def test_an_executable_can_be_added_and_forgotten(self, qtbot, vllm, tmp_path: Path) -> None:
        folder = make_environment(tmp_path / "mine", "vllm")
        qtbot.mouseClick(vllm.add, LEFT)
        choose(vllm, folder / "bin" / "vllm")
        qtbot.waitUntil(lambda: len(vllm.rows) == 1, timeout=WAIT_MS)
        qtbot.mouseClick(vllm.rows[0].remove, LEFT)
        dialog = vllm.window().findChild(Question)
        qtbot.mouseClick(dialog.buttons["confirm"], LEFT)
        qtbot.waitUntil(lambda: vllm.rows == [], timeout=WAIT_MS)
        assert (folder / "bin" / "vllm").is_file()

    def test_what_is_no_engine_is_refused_in_the_card(self, qtbot, vllm, tmp_path: Path) -> None:
        (tmp_path / "x").write_text("no program")
        qtbot.mouseClick(vllm.add, LEFT)
        choose(vllm, tmp_path / "x")
        qtbot.waitUntil(lambda: vllm.problem.isVisible(), timeout=WAIT_MS)
        assert "can't be run" in vllm.problem.text
        assert vllm.rows == []

    def test_options_that_can_not_be_read_are_told(self, qtbot, vllm, deck: Deck) -> None:
        deck.install("vllm")
        qtbot.waitUntil(lambda: vllm.read.isVisible(), timeout=WAIT_MS)
        qtbot.keyClick(vllm.read, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: vllm.problem.isVisible(), timeout=INSTALL_MS)
        assert "describe itself" in vllm.problem.text
        assert vllm.read.isVisible()


class TestInstalling:
    """With an index that refuses or never answers; real installations are in tests/engines."""

    @pytest.fixture
    def index(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
        """A package index that takes connections and says nothing."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
            monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.getsockname()[1]}/simple")
            monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
            monkeypatch.setenv("PIP_FIND_LINKS", "")
            monkeypatch.setenv("PIP_RETRIES", "0")
            yield server

    def test_progress_log_cancel_and_resume(self, qtbot, page, deck: Deck, index: socket.socket) -> None:
        card = page.cards["transformers"]
        panel = card.panel
        qtbot.mouseClick(card.install, LEFT)
        qtbot.waitUntil(lambda: panel.isVisible() and panel.step.text().startswith("Step 1 of "), timeout=WAIT_MS)
        assert not card.install.isVisible()
        qtbot.mouseClick(panel.log_button, LEFT)
        qtbot.waitUntil(lambda: "Installing Transformers into" in panel.log.toPlainText(), timeout=INSTALL_MS)
        qtbot.mouseClick(panel.cancel, LEFT)
        qtbot.waitUntil(lambda: "Cancelled." in panel.notice.text, timeout=INSTALL_MS)
        assert [job.state for job in deck.app.installer.jobs()] == ["cancelled"]
        resume = next(each for each in panel.notice.findChildren(type(panel.cancel)) if each.text() == "Resume")
        qtbot.mouseClick(resume, LEFT)
        qtbot.waitUntil(lambda: panel.cancel.isVisible() and panel.cancel.isEnabled(), timeout=WAIT_MS)
        qtbot.mouseClick(panel.cancel, LEFT)
        qtbot.waitUntil(lambda: "Cancelled." in panel.notice.text, timeout=INSTALL_MS)

    def test_a_failure_says_why_and_can_be_tried_again(self, qtbot, page, deck: Deck, index: socket.socket) -> None:
        index.close()
        card = page.cards["transformers"]
        panel = card.panel
        qtbot.mouseClick(card.install, LEFT)
        qtbot.waitUntil(lambda: panel.notice.tone == "bad" and panel.notice.isVisible(), timeout=INSTALL_MS)
        assert "Installing Transformers failed" in panel.notice.text
        assert deck.app.installer.jobs()[-1].problem in panel.notice.text
        qtbot.mouseClick(panel.log_button, LEFT)
        qtbot.waitUntil(lambda: "failed" in panel.log.toPlainText(), timeout=WAIT_MS)
        retry = next(each for each in panel.notice.findChildren(type(panel.cancel)) if each.text() == "Try again")
        qtbot.mouseClick(retry, LEFT)
        qtbot.waitUntil(lambda: len(deck.app.installer.jobs()) == 2, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: panel.notice.tone == "bad" and panel.notice.isVisible(), timeout=INSTALL_MS)

    def test_quitting_meanwhile_asks(self, qtbot, window, deck: Deck, index: socket.socket) -> None:
        window.go_engines("transformers")
        qtbot.mouseClick(window.pages["engines"].cards["transformers"].install, LEFT)
        qtbot.waitUntil(lambda: any(job.state == "running" for job in deck.app.installer.jobs()), timeout=WAIT_MS)
        window.close()
        dialog = next(each for each in window.findChildren(Question) if each.isVisible())
        assert window.isVisible()
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        deck.do(deck.app.installer.cancel(deck.app.installer.jobs()[0].id))

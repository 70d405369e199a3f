"""The window: going about, the rail, the strip, quitting, its own state."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from core.deployments.deployment import State
from core.errors import InputError
from gui.rail import MAX_DEPLOYMENTS
from gui.widgets import CANCEL, Question, Toggle
from gui.window import Window
from tests.gui.conftest import WAIT_MS, destroy

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier


def question(window: Window) -> Question:
    """The question that stands on the window."""
    open_ones = [each for each in window.findChildren(Question) if each.isVisible()]
    assert len(open_ones) == 1, open_ones
    return open_ones[0]


class TestGoing:
    @pytest.mark.parametrize("name", ["home", "library", "engines", "settings"])
    def test_a_click_in_the_rail_opens_the_page(self, qtbot, window, name: str) -> None:
        qtbot.mouseClick(window.rail.buttons[name], LEFT)
        assert window.current == name
        assert window.pages[name].isVisible()
        assert [key for key, button in window.rail.buttons.items() if button.is_current] == [name]

    def test_pages_are_made_when_they_are_wanted_and_kept(self, qtbot, window) -> None:
        assert set(window.pages) == {"home"}
        qtbot.mouseClick(window.rail.buttons["library"], LEFT)
        page = window.pages["library"]
        qtbot.mouseClick(window.rail.buttons["home"], LEFT)
        qtbot.mouseClick(window.rail.buttons["library"], LEFT)
        assert window.pages["library"] is page

    @pytest.mark.parametrize(
        ("key", "name"),
        [(Qt.Key.Key_1, "home"), (Qt.Key.Key_3, "library"), (Qt.Key.Key_5, "engines"), (Qt.Key.Key_6, "settings")],
    )
    def test_keys_open_pages(self, qtbot, window, key: Qt.Key, name: str) -> None:
        qtbot.keyClick(window, key, CONTROL)
        assert window.current == name

    def test_the_rail_is_reached_and_used_by_keyboard(self, qtbot, window) -> None:
        window.rail.buttons["home"].setFocus(Qt.FocusReason.TabFocusReason)
        for _ in range(2):
            qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert QApplication.focusWidget() is window.rail.buttons["library"]
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
        assert window.current == "library"

    def test_ctrl_f_goes_into_the_search_of_the_page(self, qtbot, window) -> None:
        window.show_page("library")
        qtbot.keyClick(window, Qt.Key.Key_F, CONTROL)
        assert window.pages["library"].search.hasFocus()

    def test_f1_lists_the_keys(self, qtbot, window) -> None:
        qtbot.keyClick(window, Qt.Key.Key_F1)
        dialog = question(window)
        with qtbot.waitSignal(dialog.finished):
            qtbot.keyClick(dialog, Qt.Key.Key_Escape)


class TestStrip:
    def test_memory_and_disk_are_measured(self, qtbot, window) -> None:
        qtbot.waitUntil(lambda: window.strip.ram.text().startswith("RAM "), timeout=WAIT_MS)
        assert window.strip.ram.text().endswith(" GiB")
        assert "free" in window.strip.disk.text()

    def test_the_dots_have_words(self, qtbot, window, deck) -> None:
        dots = window.strip.dots
        assert dots["vllm"].tone == "dim"
        deck.install("vllm")
        qtbot.waitUntil(lambda: dots["vllm"].tone == "ok", timeout=WAIT_MS)
        assert dots["vllm"].accessibleName() == "vLLM 0.32.0+cpu is installed"
        qtbot.waitUntil(lambda: dots["hub"].tone == "ok", timeout=WAIT_MS)
        assert "answers" in dots["hub"].accessibleName()

    def test_a_hub_that_is_down_is_told(self, qtbot, app, hub_server, open_window) -> None:
        hub_server.fault(r"/api/models", status=503, times=None)
        window = open_window(Window(app))
        qtbot.waitUntil(lambda: window.strip.dots["hub"].tone == "bad", timeout=WAIT_MS)
        assert window.pages["home"].found.rows["hub"].button.text() == "Try again"

    def test_nothing_is_measured_while_nobody_looks(self, window) -> None:
        assert window.strip._host_timer.isActive()
        window.hide()
        assert not window.strip._host_timer.isActive()
        window.show()
        QApplication.processEvents()
        assert window.strip._host_timer.isActive()


class TestRail:
    def test_a_deployment_shows_with_its_state(self, qtbot, window, deck) -> None:
        deck.install()
        deployment = deck.launch("tiny")
        rail = window.rail
        qtbot.waitUntil(lambda: deployment.id in rail.deployments, timeout=WAIT_MS)
        button = rail.deployments[deployment.id]
        qtbot.waitUntil(lambda: button.accessibleName() == "tiny: ready", timeout=WAIT_MS)
        assert (button.text(), rail.buttons["deployments"].count) == ("tiny", "1")
        deck.do(deck.app.fleet.stop(deployment.id))
        qtbot.waitUntil(lambda: button.text() == "tiny · stopped", timeout=WAIT_MS)
        assert rail.buttons["deployments"].count == ""
        deck.do(deck.app.fleet.remove(deployment.id))
        qtbot.waitUntil(lambda: deployment.id not in rail.deployments, timeout=WAIT_MS)

    def test_many_deployments_leave_room_for_the_rest(self, qtbot, window, deck) -> None:
        ref = deck.model(add=False)
        deck.install()
        from core.deployments.launch_spec import LaunchSpec

        for number in range(MAX_DEPLOYMENTS + 3):
            spec = LaunchSpec.build(name=f"d{number}", model=ref.model_dump(), engine="vllm")
            deck.do(deck.app.fleet.create(spec))
        qtbot.waitUntil(lambda: window.rail._more.text() == "3 more", timeout=WAIT_MS)
        assert len(window.rail.deployments) == MAX_DEPLOYMENTS

    def test_the_library_is_counted(self, qtbot, window, deck) -> None:
        deck.model()
        qtbot.waitUntil(lambda: window.rail.buttons["library"].count == "1", timeout=WAIT_MS)
        assert window.rail.buttons["library"].accessibleName() == "Library, 1"


class TestMessages:
    def test_an_error_of_a_command_is_shown_with_its_remedy(self, qtbot, window) -> None:
        async def refuse() -> None:
            raise InputError("The port is taken.", remedy="Choose another one.")

        window.bridge.run(refuse())
        qtbot.waitUntil(lambda: window.toast.isVisible())
        assert window.toast.text == "The port is taken. Choose another one."

    @pytest.mark.expects_log("an operation failed")
    def test_a_fault_of_ours_is_logged_too(self, qtbot, window) -> None:
        async def fail() -> None:
            raise ZeroDivisionError

        window.bridge.run(fail())
        qtbot.waitUntil(lambda: "mistake" in window.toast.text)

    def test_one_crash_report_at_a_time(self, qtbot, window) -> None:
        window.show_crash("first")
        window.show_crash("second")
        dialog = question(window)
        assert dialog.box.toPlainText() == "first"
        with qtbot.waitSignal(dialog.finished):
            qtbot.mouseClick(dialog.buttons["close"], LEFT)
        window.show_crash("third")
        assert question(window).box.toPlainText() == "third"


class TestQuitting:
    def test_without_deployments_it_just_closes(self, window) -> None:
        window.close()
        assert not window.isVisible()

    def serving(self, qtbot, deck) -> str:
        deck.install()
        deployment = deck.launch("tiny")
        qtbot.waitUntil(lambda: deck.state("tiny") is State.READY, timeout=WAIT_MS)
        return deployment.id

    def test_cancel_stays(self, qtbot, window, deck) -> None:
        self.serving(qtbot, deck)
        qtbot.keyClick(window, Qt.Key.Key_Q, CONTROL)
        dialog = question(window)
        assert dialog.buttons["keep"].hasFocus() or dialog.focusWidget() is dialog.buttons["keep"]
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert window.isVisible()
        window.close()
        assert question(window).isVisible()

    def test_keep_serving_closes_and_leaves_it_running(self, qtbot, window, deck) -> None:
        self.serving(qtbot, deck)
        window.close()
        qtbot.mouseClick(question(window).buttons["keep"], LEFT)
        assert not window.isVisible()
        assert deck.state("tiny") is State.READY

    def test_stop_closes_once_all_is_stopped(self, qtbot, window, deck) -> None:
        self.serving(qtbot, deck)
        window.close()
        qtbot.mouseClick(question(window).buttons["stop"], LEFT)
        assert window.isVisible()
        qtbot.waitUntil(lambda: not window.isVisible(), timeout=WAIT_MS)
        assert deck.state("tiny") is State.STOPPED
        assert deck.app.fleet.get("tiny").run.stop.is_clean

    def test_the_answer_can_be_remembered(self, qtbot, window, deck) -> None:
        self.serving(qtbot, deck)
        window.close()
        dialog = question(window)
        qtbot.mouseClick(dialog.findChild(Toggle), LEFT)
        qtbot.mouseClick(dialog.buttons["keep"], LEFT)
        assert deck.app.settings.current.on_quit == "keep"

    @pytest.mark.parametrize(("setting", "state"), [("keep", State.READY), ("stop", State.STOPPED)])
    def test_the_setting_decides_without_a_question(self, qtbot, window, deck, setting: str, state: State) -> None:
        deck.app.settings.change(on_quit=setting)
        self.serving(qtbot, deck)
        window.close()
        qtbot.waitUntil(lambda: not window.isVisible(), timeout=WAIT_MS)
        assert deck.state("tiny") is state

    def test_staying_while_it_stops_is_possible(self, qtbot, window, deck) -> None:
        deck.app.settings.change(on_quit="stop")
        deck.install(modes="ignore_term")
        deck.launch("tiny")
        qtbot.waitUntil(lambda: deck.state("tiny") is State.READY, timeout=WAIT_MS)
        window.close()
        qtbot.mouseClick(question(window).buttons[CANCEL], LEFT)
        qtbot.waitUntil(lambda: deck.state("tiny") is State.STOPPED, timeout=WAIT_MS)
        assert window.isVisible()


class TestState:
    def test_the_size_is_kept(self, app, open_window) -> None:
        first = open_window(Window(app))
        first.resize(820, 640)  # within the screen of the offscreen platform
        destroy(first)
        assert (app.paths.config / "window.ini").is_file()
        second = open_window(Window(app))
        assert second.height() == 640

    def test_a_damaged_file_is_no_obstacle(self, app, open_window) -> None:
        (app.paths.config / "window.ini").write_bytes(b"\x00\xff[General\ngeometry=@ByteArray(garbage")
        assert open_window(Window(app)).isVisible()

    def test_the_theme_follows_the_setting_at_once(self, qtbot, window, app) -> None:
        from gui import theme

        app.settings.change(theme="dark")
        qtbot.waitUntil(lambda: theme.tokens() is theme.DARK)


class TestOpening:
    def test_before_the_core_the_rail_remembers_and_then_opens(self, qtbot, app, open_window) -> None:
        window = open_window(Window(config=app.paths.config))
        qtbot.mouseClick(window.rail.buttons["engines"], LEFT)
        assert window.rail.buttons["engines"].is_current
        assert window.pages == {}
        window.attach(app)
        assert window.current == "engines"
        qtbot.waitUntil(lambda: window.strip.ram.text() != "", timeout=WAIT_MS)

    def test_it_can_be_closed_before_the_core_is_there(self, app, open_window) -> None:
        window = open_window(Window(config=app.paths.config))
        window.close()
        assert not window.isVisible()

    def start(self, home: Path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "SERVEDECK_HOME": str(home), "HF_ENDPOINT": "http://127.0.0.1:9"}
        command = [sys.executable, "-m", "gui.app", "--quit-after-start"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def test_the_program_starts_and_ends(self, home: Path) -> None:
        ended = self.start(home)
        assert (ended.returncode, ended.stderr.replace("This plugin does not support propagateSizeHints()\n", "")) == (
            0,
            "",
        )
        assert [line.split(" at ")[0] for line in ended.stdout.splitlines()] == ["interactive", "complete"]

    def test_damaged_settings_are_told_and_left_alone(self, home: Path) -> None:
        settings = home / "config" / "settings.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text("theme = [[[")
        ended = self.start(home)
        assert ended.returncode == 1
        assert str(settings) in ended.stderr
        assert "Traceback" not in ended.stderr
        assert settings.read_text() == "theme = [[["


class TestRailText:
    def test_names_that_differ_at_the_end_stay_apart_and_states_stay_readable(self, qtbot) -> None:
        from gui.rail import RailButton

        button = RailButton("", dot="ok")
        qtbot.addWidget(button)
        metrics = button.fontMetrics()
        shown = []
        for name in ("demo-SmolLM2-135M-Instruct-1", "demo-SmolLM2-135M-Instruct-2"):
            button.set_state("dim", f"{name} · stopped", name)
            shown.append(button._fitted(metrics, 150))
        assert shown[0] != shown[1]
        assert all(text.endswith(" · stopped") and metrics.horizontalAdvance(text) <= 151 for text in shown)

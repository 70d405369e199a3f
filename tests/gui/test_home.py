"""The Home page: what it found, and the two ways to start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from core.deployments.deployment import State
from core.events import DemoChanged
from core.telemetry.gpus import Gpu, GpuReading
from gui.pages.home import HomePage
from gui.pages.home.machine import MachineCards
from tests.gui.conftest import WAIT_MS

LEFT = Qt.MouseButton.LeftButton
GIB = 1024**3
TOKEN = "hf_" + "abcdefghijklmnopqrstuvwxyzABCDEF12"


@pytest.fixture
def page(app, bridge, navigator, show):
    return show(HomePage(app, bridge, navigator))


class TestFound:
    def test_an_engine_that_is_not_there_can_be_installed(self, qtbot, page, deck, navigator) -> None:
        deck.do(deck.app.installations.refresh())
        row = page.found.rows["vllm"]
        qtbot.waitUntil(lambda: row.words.text().startswith("not installed"), timeout=WAIT_MS)
        assert row.dot.tone == "dim"
        qtbot.mouseClick(row.button, LEFT)
        assert navigator.calls == [("go_engines", "vllm")]

    def test_one_that_is_there_says_version_target_and_origin(self, qtbot, page, deck, navigator) -> None:
        deck.install("vllm")
        row = page.found.rows["vllm"]
        qtbot.waitUntil(lambda: row.dot.tone == "ok", timeout=WAIT_MS)
        assert row.words.text() == "0.32.0+cpu for CPU, added by you"
        qtbot.keyClick(row.button, Qt.Key.Key_Space)
        assert navigator.calls == [("go_discover",)]
        deck.model()
        qtbot.mouseClick(row.button, LEFT)
        assert navigator.calls[-1] == ("go_library",)

    def test_tgi_needs_a_container_engine(self, page) -> None:
        row = page.found.rows["tgi"]
        assert "needs a container engine" in row.words.text()
        assert "maintenance" in row.words.text()

    def test_models_are_counted(self, qtbot, page, deck, navigator) -> None:
        row = page.found.rows["models"]
        assert "looking" in row.words.text()
        deck.model()
        qtbot.waitUntil(lambda: row.words.text().startswith("1 model on this machine"), timeout=WAIT_MS)
        qtbot.mouseClick(row.button, LEFT)
        assert navigator.calls == [("go_library",)]

    def test_the_account_without_and_with_a_token(self, qtbot, page, app, deck, hub_server, navigator) -> None:
        row = page.found.rows["account"]
        qtbot.waitUntil(lambda: row.words.text().startswith("no token"), timeout=WAIT_MS)
        qtbot.mouseClick(row.button, LEFT)
        assert navigator.calls == [("go_settings", "hf_token")]
        hub_server.add_token(TOKEN, "ada")
        deck.do(app.hub.set_token(TOKEN, remember=False))
        page.shown()
        qtbot.waitUntil(lambda: row.words.text().startswith("ada · token hf_"), timeout=WAIT_MS)
        assert row.dot.tone == "ok"
        hub_server.tokens.clear()
        page.shown()
        qtbot.waitUntil(lambda: row.dot.tone == "bad", timeout=WAIT_MS)

    def test_the_hub_down_and_up_again(self, qtbot, page, bridge, hub_server) -> None:
        row = page.found.rows["hub"]
        fault = hub_server.fault(r"/api/models", status=503, times=None)
        bridge.ask_hub()
        qtbot.waitUntil(lambda: row.dot.tone == "bad", timeout=WAIT_MS)
        fault.times = 0
        qtbot.mouseClick(row.button, LEFT)
        qtbot.waitUntil(lambda: row.dot.tone == "ok", timeout=WAIT_MS)

    def test_every_row_says_its_state_in_words(self, page) -> None:
        for row in page.found.rows.values():
            assert row.dot.accessibleName()


class TestMachine:
    def test_the_computer_is_measured(self, qtbot, page) -> None:
        qtbot.waitUntil(lambda: "GiB" in page.machine.computer.words.text(), timeout=WAIT_MS)
        assert "free on disk" in page.machine.computer.words.text().replace("\xa0", " ")

    def test_without_a_gpu_it_says_what_that_means(self, qtbot, page) -> None:
        qtbot.waitUntil(lambda: "no NVIDIA GPU" in page.machine.no_gpu.words.text(), timeout=WAIT_MS)

    def test_gpus_come_and_go(self, qtbot, show) -> None:
        cards = show(MachineCards())
        gpus = tuple(Gpu(n, "NVIDIA RTX 4090", f"u{n}", 24 * GIB, (3 + n) * GIB, 2.0, 44.0) for n in range(2))
        cards.show_gpus(GpuReading(gpus, "580.95", "13.0", "", True))
        assert [card.accessibleName() for card in cards._gpus] == ["GPU 0 NVIDIA RTX 4090", "GPU 1 NVIDIA RTX 4090"]
        assert "21 of 24 GiB free" in cards._gpus[0]._words.text().replace("\xa0", " ")
        assert not cards.no_gpu.isVisible()
        bare = Gpu(0, "GB10", "u", 0, 0, None, None)
        cards.show_gpus(GpuReading((bare,), "580.95", "13.0", "", True))
        assert "shares the memory" in cards._gpus[0]._words.text().replace("\xa0", " ")
        cards.show_gpus(GpuReading(problem="The driver does not answer.", has_nvidia=True))
        assert cards.no_gpu.isVisible()
        assert cards.no_gpu.words.text() == "The driver does not answer."

    @pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
    def test_a_gpu_of_the_driver_reaches_the_strip_and_the_page(self, tmp_path: Path) -> None:
        """In a process of its own: the library is loaded once and for all."""
        source = Path(__file__).parents[1] / "servers" / "nvml_stub.c"
        library = tmp_path / "libnvidia-ml.so.1"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        script = tmp_path / "look.py"
        script.write_text(
            "import sys\n"
            "from PySide6.QtCore import QTimer\n"
            "from PySide6.QtWidgets import QApplication\n"
            "from core.app import App\n"
            "from core.paths import Paths\n"
            "from gui.window import Window\n"
            "qt = QApplication([])\n"
            "with App(Paths.from_environment()) as app:\n"
            "    window = Window(app)\n"
            "    window.show()\n"
            "    timer = QTimer(interval=20)\n"
            "    def look():\n"
            "        if window.strip._gpus and window.pages['home'].machine._gpus:\n"
            "            print(len(window.strip._gpus), len(window.pages['home'].machine._gpus))\n"
            "            timer.stop()\n"
            "            window.leave()\n"
            "    timer.timeout.connect(look)\n"
            "    timer.start()\n"
            "    QTimer.singleShot(20000, qt.quit)\n"
            "    qt.exec()\n"
        )
        environment = {
            **os.environ,
            "SERVEDECK_HOME": str(tmp_path / "home"),
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "LD_LIBRARY_PATH": str(tmp_path),
            "NVML_STUB": "count=2",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        ended = subprocess.run(
            [sys.executable, script], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.stdout == "2 2\n", ended.stderr


class TestStart:
    def test_a_model_that_is_here_is_offered_and_served_by_one_button(self, qtbot, page, deck, navigator) -> None:
        assert not page.model.isVisible()
        assert page.demo.start.property("kind") == "primary"
        deck.install("vllm")
        deck.model()
        qtbot.waitUntil(lambda: page.model.isVisible(), timeout=WAIT_MS)
        assert page.demo.start.property("kind") == "plain"
        assert page.model.name.text() == "Tiny-Chat"
        assert "vLLM 0.32.0+cpu" in page.model.facts.text()
        qtbot.mouseClick(page.model.serve, LEFT)
        qtbot.waitUntil(lambda: bool(navigator.calls), timeout=WAIT_MS)
        deployment = deck.app.fleet.deployments()[0]
        assert navigator.calls == [("open_deployment", deployment.id)]
        qtbot.waitUntil(lambda: deck.state(deployment.id) is State.READY, timeout=WAIT_MS)
        assert page.model.serve.isEnabled()

    def test_other_models_are_in_the_library(self, qtbot, page, deck, navigator) -> None:
        deck.install("vllm")
        deck.model()
        qtbot.waitUntil(lambda: page.model.isVisible(), timeout=WAIT_MS)
        qtbot.mouseClick(page.model.others, LEFT)
        assert navigator.calls == [("go_library",)]

    def test_a_model_that_nobody_can_serve_is_not_offered(self, qtbot, page, deck) -> None:
        deck.install("vllm")
        deck.model("Odd", architectures=["NoSuchArchitecture"], model_type="no_such_type")
        qtbot.waitUntil(lambda: "1 model" in page.found.rows["models"].words.text(), timeout=WAIT_MS)
        assert not page.model.isVisible()


class TestDemo:
    def hub_model(self, hub_server, deck) -> None:
        folder = Path(deck.model("SmolLM2", add=False).id)
        hub_server.add_folder("HuggingFaceTB/SmolLM2-135M-Instruct", folder)

    def test_its_steps_show_and_it_ends_at_the_deployment(
        self, qtbot, page, deck, hub_server, bridge, navigator
    ) -> None:
        self.hub_model(hub_server, deck)
        deck.install("transformers")
        steps: list[str] = []
        bridge.demo_changed.connect(lambda event: steps.append(event.step))
        qtbot.mouseClick(page.demo.start, LEFT)
        assert page.demo.line.isVisible()
        assert page.demo.cancel.isVisible()
        qtbot.waitUntil(lambda: bool(navigator.calls) or page.demo.problem.isVisible(), timeout=2 * WAIT_MS)
        assert page.demo.problem.text == ""
        deployment = deck.app.fleet.deployments()[0]
        assert navigator.calls == [("open_deployment", deployment.id)]
        assert deployment.state is State.READY
        assert any("launching" in step for step in steps)
        assert page.demo.start.isVisible()
        assert not page.demo.line.isVisible()
        # It serves: the same button opens it instead of starting another one.
        qtbot.waitUntil(lambda: page.demo.start.text() == "Open it", timeout=WAIT_MS)
        qtbot.mouseClick(page.demo.start, LEFT)
        assert navigator.calls == [("open_deployment", deployment.id)] * 2
        assert len(deck.app.fleet.deployments()) == 1

    def test_a_failure_is_told_and_can_be_tried_again(self, qtbot, page, deck, hub_server) -> None:
        self.hub_model(hub_server, deck)
        deck.install("transformers", modes="exit_code=1,at=load")
        qtbot.mouseClick(page.demo.start, LEFT)
        qtbot.waitUntil(lambda: page.demo.problem.isVisible(), timeout=2 * WAIT_MS)
        assert page.demo.start.isVisible()
        assert "demo-SmolLM2" in page.demo.problem.text

    def test_cancel_stops_what_it_started(self, qtbot, page, deck, hub_server, bridge) -> None:
        self.hub_model(hub_server, deck)
        deck.install("transformers", modes="never_ready")
        with qtbot.waitSignal(bridge.demo_changed, check_params_cb=lambda event: event.deployment_id, timeout=WAIT_MS):
            qtbot.mouseClick(page.demo.start, LEFT)
        qtbot.mouseClick(page.demo.cancel, LEFT)
        qtbot.waitUntil(lambda: page.demo.start.isVisible(), timeout=WAIT_MS)
        assert not page.demo.problem.isVisible()
        assert not any(each.state.is_active for each in deck.app.fleet.deployments())

    def test_a_demo_that_runs_already_is_shown(self, qtbot, page, app) -> None:
        app.bus.publish(DemoChanged("installing Transformers"))
        qtbot.waitUntil(lambda: page.demo.step.text() == "Installing Transformers")
        assert page.demo.cancel.isVisible()

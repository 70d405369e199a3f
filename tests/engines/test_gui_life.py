"""The main job in the real window with real engines: find the model, serve it, watch it, chat with it, stop it.

Each start of vLLM takes most of a minute, so one start per engine and implementation carries all checks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from core.deployments.deployment import Deployment, Phase, State
from core.engines.support import Implementation
from core.hub.model_ref import ModelRef
from core.runtimes.processes import members_of
from gui.pages.deployments import DeploymentsPage
from gui.pages.serve.form import ServeForm
from gui.window import Window
from tests.engines import real
from tests.gui.conftest import Deck

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600), pytest.mark.xdist_group("engines")]

LEFT = Qt.MouseButton.LeftButton
START_MS = 400_000
QUESTION = "What is the capital of France?"


@dataclass(frozen=True)
class Case:
    """One way to serve the model, and what must be seen."""

    engine: str
    implementation: Implementation
    loaded: Implementation
    phases: tuple[Phase, ...]
    options: dict[str, str] = field(default_factory=dict)
    eager: bool = False


VLLM = {"max-model-len": "2048", "dtype": "float32"}
VLLM_PHASES = (Phase.START_ENGINE, Phase.LOAD_WEIGHTS, Phase.RESERVE_KV_CACHE, Phase.READY)
CASES = {
    "transformers": Case(
        "transformers",
        Implementation.TRANSFORMERS,
        Implementation.TRANSFORMERS,
        (Phase.START_ENGINE, Phase.LOAD_WEIGHTS, Phase.READY),
    ),
    "vllm-native": Case("vllm", Implementation.NATIVE, Implementation.NATIVE, VLLM_PHASES, VLLM, True),
    "vllm-transformers": Case(
        "vllm", Implementation.TRANSFORMERS, Implementation.TRANSFORMERS, VLLM_PHASES, VLLM, True
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_from_the_library_to_a_chat_and_a_verified_stop(
    name: str, qtbot: Any, window: Window, deck: Deck, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    deck.app.settings.change(stop_grace_seconds=15.0)
    deck.do(deck.app.installations.add(case.engine, str(real.engine_folder(case.engine))))
    deck.do(deck.app.library.add_folder(model_folder))

    window.activateWindow()
    qtbot.waitActive(window)
    form = open_form_from_library(qtbot, window, model_folder)
    fill(qtbot, form, case)
    qtbot.mouseClick(form.summary.button, LEFT)
    qtbot.waitUntil(lambda: window.current == "deployments", timeout=15_000)
    page = window.pages["deployments"]
    assert isinstance(page, DeploymentsPage)

    deployment = wait_until_ready(qtbot, page, deck)
    see_start(page, deployment, case)
    chat(qtbot, page)
    stop(qtbot, page, deck, deployment)


def open_form_from_library(qtbot: Any, window: Window, model: Path) -> ServeForm:
    qtbot.mouseClick(window.rail.buttons["library"], LEFT)
    library: Any = window.pages["library"]
    qtbot.waitUntil(lambda: library.model.rowCount() == 1, timeout=15_000)
    library.table.setFocus()
    library.table.selectRow(0)
    qtbot.keyClick(library.table, Qt.Key.Key_Return)
    serve: Any = window.pages["serve"]
    qtbot.waitUntil(lambda: serve.form is not None, timeout=15_000)
    assert serve.form.details.ref == ModelRef.parse(str(model))
    form = serve.form
    assert isinstance(form, ServeForm)
    return form


def fill(qtbot: Any, form: ServeForm, case: Case) -> None:
    """Engine by mouse, the rest by keyboard; the command must say the same."""
    qtbot.mouseClick(form.engines.cards[case.engine], LEFT)
    choice = form.implementation.choice
    wait(qtbot, form.isVisible, 15_000)
    choice.segment("auto").setFocus()
    wait(qtbot, choice.segment("auto").hasFocus, 15_000)
    while choice.value() != case.implementation.value:
        before = choice.value()
        QTest.keyClick(choice.segment(before), Qt.Key.Key_Right)
        assert choice.value() != before
    assert choice.value() == case.implementation.value
    # The options of the installed version are read once; the form then is built from them.
    table = lambda: form._table  # noqa: E731
    wait(qtbot, lambda: table() is not None and table().source == "installation", 180_000)
    for option, value in case.options.items():
        entry = form.options.rows[option].field
        entry.setFocus()
        if option == "dtype":
            for _ in range(12):
                if form.state.entries.get("dtype") == value:
                    break
                QTest.keyClick(entry, Qt.Key.Key_Down)
        else:
            QTest.keyClicks(entry, value)
    if case.eager:
        toggle = form.options.rows["enforce-eager"].field
        toggle.setFocus()
        QTest.keyClick(toggle, Qt.Key.Key_Space)
    wanted = [f"--{option} {value}" for option, value in case.options.items()]
    wanted += ["--enforce-eager"] if case.eager else []
    wait(qtbot, lambda: all(text in form.summary.code.toPlainText() for text in wanted), 15_000)


def wait(qtbot: Any, condition: Callable[[], object], timeout: int) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=timeout)


def wait_until_ready(qtbot: Any, page: DeploymentsPage, deck: Deck) -> Deployment:
    wait(qtbot, lambda: page.detail is not None, 15_000)
    detail = page.detail
    assert detail is not None
    deployment = deck.app.fleet.get(detail.deployment_id)
    wait(qtbot, lambda: is_shown(detail.phases.cells.get(Phase.LOAD_WEIGHTS)) or failed(deck, deployment), START_MS)
    wait(qtbot, lambda: is_ready(deck, deployment) or failed(deck, deployment), START_MS)
    deployment = deck.app.fleet.get(deployment.id)
    run = deployment.run
    assert run is not None
    assert deployment.state is State.READY, (run.failure, run.history)
    wait(qtbot, lambda: detail.header.state.text().startswith("Ready"), 15_000)
    return deployment


def is_shown(widget: QWidget | None) -> bool:
    return widget is not None and widget.isVisible()


def failed(deck: Deck, deployment: Deployment) -> bool:
    return not deck.app.fleet.get(deployment.id).state.is_active


def is_ready(deck: Deck, deployment: Deployment) -> bool:
    return deck.app.fleet.get(deployment.id).state is State.READY


def see_start(page: DeploymentsPage, deployment: Deployment, case: Case) -> None:
    """Phases with durations, the implementation that really loaded, the endpoint."""
    detail, run = page.detail, deployment.run
    assert detail is not None
    assert run is not None
    seen = [span.phase for span in run.phases]
    assert [phase for phase in case.phases if phase not in seen] == []
    assert all(span.ended is not None and span.ended >= span.started for span in run.phases)
    assert run.implementation_loaded is case.loaded
    assert deployment.differs == ""
    assert case.loaded.value in detail.header.implementation.text().lower()
    assert detail.header.endpoint.text() == run.endpoint
    assert detail.phases.cells[Phase.READY].detail.text().startswith("after ")


def chat(qtbot: Any, page: DeploymentsPage) -> None:
    """The answer streams into the panel and carries figures that were measured here."""
    detail = page.detail
    assert detail is not None
    panel = detail.chat
    qtbot.mouseClick(panel.settings_button, LEFT)
    popover = panel._popover
    assert popover is not None
    popover.temperature.setFocus()
    QTest.keyClicks(popover.temperature, "0")
    QTest.keyClick(popover.temperature, Qt.Key.Key_Return)
    QTest.keyClick(popover, Qt.Key.Key_Escape)
    wait(qtbot, panel.composer.field.isEnabled, 15_000)
    panel.composer.field.setFocus()
    qtbot.keyClicks(panel.composer.field, QUESTION)
    qtbot.keyClick(panel.composer.field, Qt.Key.Key_Return)
    wait(qtbot, lambda: panel.views and panel.views[-1].is_over and not panel.is_busy, 180_000)
    answer = panel.views[-1].answer
    assert "Paris" in answer.body.toPlainText()
    assert re.search(r"\d+ tokens · \d+\.\d tok/s · first token ", answer.figures.text()), answer.figures.text()


def stop(qtbot: Any, page: DeploymentsPage, deck: Deck, deployment: Deployment) -> None:
    detail, run = page.detail, deployment.run
    assert detail is not None
    assert run is not None
    mark = f"{deployment.id}-{run.folder.name}"
    assert members_of(mark)
    qtbot.mouseClick(detail.header.stop_button, LEFT)
    wait(qtbot, lambda: not deck.app.fleet.get(deployment.id).state.is_active, 60_000)
    ended = deck.app.fleet.get(deployment.id)
    assert ended.run is not None
    assert ended.state is State.STOPPED, ended.run.history
    assert ended.run.stop is not None
    assert ended.run.stop.is_clean
    assert members_of(mark) == []
    wait(qtbot, lambda: any("no process left" in each.text for each in detail.findings.notices), 15_000)

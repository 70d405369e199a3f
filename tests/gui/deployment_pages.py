"""Short ways that the tests of the Deployments page share."""

from __future__ import annotations

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from core.deployments.deployment import State
from gui.pages.deployments.detail import DeploymentDetail
from gui.widgets import Question
from tests.gui.conftest import WAIT_MS


def wait(qtbot, condition) -> None:
    qtbot.waitUntil(condition, timeout=WAIT_MS)


def opened(qtbot, deck, page, name: str = "tiny", state: State | None = State.READY) -> DeploymentDetail:
    """The detail of a deployment, once it and its page have come to a state."""
    if state is not None:
        wait(qtbot, lambda: deck.state(name) is state)
    page.open(deck.app.fleet.get(name).id)
    detail = page.detail
    assert detail is not None
    wait(qtbot, lambda: state is None or detail.header.state.text() not in ("", "Stopping…"))
    return detail


def question(page, kind: type[Question] = Question) -> Question:
    found = [each for each in page.window().findChildren(kind) if each.isVisible()]
    assert len(found) == 1, found
    return found[0]


def log_text(detail: DeploymentDetail) -> str:
    model = detail.logs.model
    return model.text_of(list(range(model.rowCount())))


def choose(menu: QMenu, text: str) -> QAction:
    action = next(each for each in menu.actions() if each.text().startswith(text))
    assert action.isEnabled(), text
    action.trigger()
    return action

"""What every page owes to those who use the keyboard or a screen reader."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QLabel, QWidget

from gui.window import Window

PAGES = ["home", "discover", "library", "deployments", "engines", "settings"]


def focusable(ground: QWidget) -> list[QWidget]:
    """What Tab reaches."""
    return [
        each
        for each in ground.findChildren(QWidget)
        if each.isVisible()
        and each.isEnabled()
        and each.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(each, QLabel)
    ]


def said(widget: QWidget) -> str:
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name) or interface.text(QAccessible.Text.Description)


@pytest.fixture
def at(window: Window, deck, qtbot):
    """Opens a page with something on it."""
    deck.install("vllm")
    deck.model()

    def go(name: str) -> QWidget:
        window._choose_page(name)
        page = window.pages[name]
        qtbot.waitUntil(page.isVisible)
        return page

    return go


@pytest.mark.parametrize("name", PAGES)
def test_whatever_tab_reaches_has_a_name(at, name: str) -> None:
    nameless = [each for each in focusable(at(name)) if not said(each)]
    assert not nameless, [(type(each).__name__, each.parent().__class__.__name__) for each in nameless]


@pytest.mark.parametrize("name", PAGES)
def test_tab_reaches_everything_and_comes_back(qtbot, window, at, name: str) -> None:
    page = at(name)
    wanted = {each for each in focusable(page) if not isinstance(each, QAbstractScrollArea)}
    window.rail.buttons["home"].setFocus(Qt.FocusReason.TabFocusReason)
    reached: set[QWidget] = set()
    for _ in range(300):
        now = QApplication.focusWidget()
        if now in reached:
            break
        reached.add(now)
        qtbot.keyClick(now, Qt.Key.Key_Tab)
    radio = {each for each in wanted if each.metaObject().className() == "_Segment"}
    missed = wanted - reached - radio  # of a row of choices Tab reaches the chosen one
    assert not missed, [(type(each).__name__, said(each)) for each in missed]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("size", [(1440, 900), (1024, 700)])
def test_nothing_sticks_out_at_the_side(qtbot, window, at, name: str, size: tuple[int, int]) -> None:
    page = at(name)
    window.resize(*size)
    qtbot.waitUntil(lambda: window.width() == size[0])
    QApplication.sendPostedEvents()
    out = [
        each
        for each in page.findChildren(QWidget)
        if each.isVisible()
        and not isinstance(each.parent(), QAbstractScrollArea)
        and not each.visibleRegion().isEmpty()
        and each.mapTo(page, each.rect().topRight()).x() > page.width()
    ]
    assert not out, [(type(each).__name__, each.geometry()) for each in out]

"""The theme: contrast, fonts, following the desktop, live switching."""

from __future__ import annotations

from itertools import product

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication, QLabel

from gui import theme
from gui.theme import DARK, LIGHT, Tokens
from gui.widgets import Button, Card


@pytest.fixture(autouse=True)
def light_again(qapp):
    yield
    theme.apply("light")


def luminance(colour: str) -> float:
    parts = [QColor(colour).redF(), QColor(colour).greenF(), QColor(colour).blueF()]
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_can_be_read_on_every_ground_it_stands_on(tokens: Tokens) -> None:
    pairs = [
        *product(("text", "dim"), ("bg", "panel", "rail", "log")),
        *product(("ok", "bad", "warn", "accent"), ("panel", "bg", "log")),
        ("text", "accent_weak"),
        ("ok", "okbg"),
        ("warn", "warnbg"),
        ("bad", "badbg"),
        ("accent", "accent_weak"),
        ("on_accent", "accent"),
        ("on_accent", "accent_hover"),
        *product(("text",), ("okbg", "warnbg", "badbg")),
    ]
    weak = {
        f"{ink} on {ground}": round(contrast(getattr(tokens, ink), getattr(tokens, ground)), 2)
        for ink, ground in pairs
        if contrast(getattr(tokens, ink), getattr(tokens, ground)) < 4.5
    }
    assert not weak
    # Outlines of controls that are told apart by nothing else, and focus rings (WCAG 1.4.11).
    for ink, ground in product(("edge", "accent"), ("panel", "bg")):
        assert contrast(getattr(tokens, ink), getattr(tokens, ground)) >= 3


def test_a_change_reaches_what_is_on_the_screen(qtbot) -> None:
    theme.apply("light")
    card = Card("Title")
    button = Button("Press")
    card.body.addWidget(button)
    qtbot.addWidget(card)
    card.resize(200, 120)
    card.show()

    def ground() -> str:
        return card.grab().toImage().pixelColor(100, 5).name()

    assert ground() == LIGHT.panel
    with qtbot.waitSignal(theme.theme().changed):
        theme.apply("dark")
    assert ground() == DARK.panel
    assert QApplication.palette().color(QPalette.ColorRole.Window).name() == DARK.bg


def test_the_same_choice_again_changes_nothing(qtbot) -> None:
    theme.apply("dark")
    with qtbot.assertNotEmitted(theme.theme().changed):
        theme.apply("dark")


def test_system_follows_the_desktop(qtbot, qapp) -> None:
    theme.apply("system")
    hints = qapp.styleHints()
    seen = theme.DARK if hints.colorScheme() == Qt.ColorScheme.Dark else theme.LIGHT
    assert theme.tokens() is seen
    # The desktop's own change arrives as this signal.
    hints.colorSchemeChanged.emit(hints.colorScheme())
    assert theme.tokens() is seen


def test_an_explicit_choice_does_not_follow(qapp) -> None:
    theme.apply("dark")
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert theme.tokens() is DARK


@pytest.mark.parametrize(
    ("role", "family", "weight"), [("body", "Inter", 400), ("bold", "Inter", 600), ("mono", "JetBrains Mono", 400)]
)
def test_the_bundled_fonts_are_the_ones_in_use(qtbot, role: theme.FontRole, family: str, weight: int) -> None:
    theme.apply("light")
    info = QFontInfo(theme.font(role))
    assert (info.family(), int(info.weight())) == (family, weight)


def test_lengths_follow_the_font(qtbot) -> None:
    assert theme.em(1) == round(QLabel().fontMetrics().height())
    assert theme.em(0.001) == 1

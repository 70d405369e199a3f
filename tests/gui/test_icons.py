"""Icons: all can be drawn, they follow the theme, and they look alike."""

from __future__ import annotations

import gc
import re
from importlib.resources import files

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon

from gui import theme
from gui.icons import icon, pixmap

NAMES = sorted(path.name.removesuffix(".svg") for path in (files("resources") / "icons").iterdir())


@pytest.fixture(autouse=True)
def light(qapp):
    theme.apply("light")
    yield
    theme.apply("light")


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_drawn_and_has_our_stroke(name: str) -> None:
    svg = (files("resources") / "icons" / f"{name}.svg").read_text()
    assert 'viewBox="0 0 24 24"' in svg
    assert re.findall(r'stroke-width="([\d.]+)"', svg) == ["1.75"]
    image = pixmap(name, 24).toImage()
    inked = [(x, y) for x in range(24) for y in range(24) if image.pixelColor(x, y).alpha() > 128]
    assert inked


def test_it_follows_the_theme() -> None:
    made = icon("stop")

    def colour() -> str:
        image = made.pixmap(QSize(48, 48)).toImage()
        inked = [image.pixelColor(x, y) for x in range(48) for y in range(48)]
        return max(inked, key=lambda each: each.alpha()).name()

    assert colour() == theme.LIGHT.text
    theme.apply("dark")
    assert colour() == theme.DARK.text


def test_copies_live_on_after_the_first_icon_is_gone() -> None:
    first = icon("play")
    copies = [QIcon(first) for _ in range(20)]
    for copy in copies:
        copy.addPixmap(pixmap("stop", 16))  # makes the copy one of its own
    del first
    gc.collect()
    assert all(not copy.pixmap(16, 16).isNull() for copy in copies)


def test_it_is_sharp_on_a_dense_screen() -> None:
    image = pixmap("check", 16, scale=2.0)
    assert (image.width(), image.devicePixelRatio()) == (32, 2.0)


def test_an_unknown_name_is_a_mistake_of_ours() -> None:
    with pytest.raises(FileNotFoundError):
        icon("no-such-icon")


def test_many_copies_come_and_go() -> None:
    for _ in range(200):
        copy = QIcon(icon("gear"))
        copy.addPixmap(pixmap("stop", 16))
        assert not copy.pixmap(16, 16).isNull()
        del copy
        gc.collect(0)

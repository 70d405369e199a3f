"""Our icons: monochrome drawings on a 24-pixel grid, tinted with a token of the theme.

They are drawn when they are painted, at the size and scale of the screen that shows them, and follow the theme: an
icon that was made in the light theme shows in the colours of the dark one after a change.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap, QPixmapCache
from shiboken6 import isValid

from gui.theme import tokens


@cache
def _drawing(name: str) -> str:
    """The SVG text of an icon.

    Raises:
        FileNotFoundError: there is no icon of that name (a mistake of ours).
    """
    return (files("resources") / "icons" / f"{name}.svg").read_text(encoding="utf-8")


def pixmap(name: str, size: int, token: str = "text", scale: float = 1.0) -> QPixmap:
    """The icon in the present colour of a token.

    Args:
        name: file name in `resources/icons` without its ending.
        size: device-independent pixels, of a square.
        token: a field of `theme.Tokens`.
        scale: device pixels for one of them.
    """
    colour: str = getattr(tokens(), token)
    key = f"servedeck:{name}:{size}:{colour}:{scale}"
    cached = QPixmap()
    if QPixmapCache.find(key, cached):
        return cached
    from PySide6.QtSvg import QSvgRenderer  # late: the first paint of the window needs no icon

    made = QPixmap(QSize(round(size * scale), round(size * scale)))
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    svg = QSvgRenderer(QByteArray(_drawing(name).replace("currentColor", colour).encode()))
    svg.render(painter, QRectF(0, 0, made.width(), made.height()))
    painter.end()
    made.setDevicePixelRatio(scale)
    QPixmapCache.insert(key, made)
    return made


class _Engine(QIconEngine):
    """Paints in the colours that the theme has at the time of painting."""

    def __init__(self, name: str, token: str) -> None:
        super().__init__()
        self._name = name
        self._token = token

    def _token_in(self, mode: QIcon.Mode) -> str:
        return "dim" if mode == QIcon.Mode.Disabled else self._token

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        side = min(rect.width(), rect.height())
        scale = painter.device().devicePixelRatio()
        at = rect.topLeft() + QPoint((rect.width() - side) // 2, (rect.height() - side) // 2)
        painter.drawPixmap(at, pixmap(self._name, side, self._token_in(mode), scale))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return pixmap(self._name, min(size.width(), size.height()), self._token_in(mode))

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        # Qt gives the size in device pixels here.
        return pixmap(self._name, round(min(size.width(), size.height()) / scale), self._token_in(mode), scale)

    def clone(self) -> QIconEngine:
        # Qt owns the copy, but PySide would delete it with the last reference from Python: keep one until Qt is done.
        global _clones
        _clones = [each for each in _clones if isValid(each)]
        copy = _Engine(self._name, self._token)
        _clones.append(copy)
        return copy


_clones: list[_Engine] = []


def icon(name: str, token: str = "text") -> QIcon:
    """An icon that follows the theme.

    Raises:
        FileNotFoundError: there is no icon of that name.
    """
    _drawing(name)
    return QIcon(_Engine(name, token))

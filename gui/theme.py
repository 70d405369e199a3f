"""How the application looks: colour tokens for light and dark, fonts, palette, and the one style sheet.

Fusion with a palette of our own everywhere: `QStyleHints.setColorScheme` alone does nothing on several Linux desktops.
Widgets that paint themselves ask `tokens()` while painting; a change of theme repaints everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from gui.stylesheet import stylesheet

Choice = Literal["system", "light", "dark"]
FontRole = Literal["body", "bold", "medium", "title", "heading", "strong", "small", "mono", "mono_small"]

FONT_FILES = (
    "Inter-Regular.otf",
    "Inter-Medium.otf",
    "Inter-SemiBold.otf",
    "Inter-Bold.otf",
    "JetBrainsMono-Regular.ttf",
    "JetBrainsMono-Bold.ttf",
)
# Sizes in points: at 96 dpi 9.75 pt are the 13 px of the design; a desktop that scales its fonts scales these.
_FONTS: dict[FontRole, tuple[str, float, QFont.Weight]] = {
    "body": ("Inter", 9.75, QFont.Weight.Normal),
    "medium": ("Inter", 9.75, QFont.Weight.Medium),
    "bold": ("Inter", 9.75, QFont.Weight.DemiBold),
    "title": ("Inter", 14.25, QFont.Weight.DemiBold),
    "heading": ("Inter", 10.5, QFont.Weight.DemiBold),
    "strong": ("Inter", 11.25, QFont.Weight.DemiBold),
    "small": ("Inter", 9.0, QFont.Weight.Normal),
    "mono": ("JetBrains Mono", 9.0, QFont.Weight.Normal),
    "mono_small": ("JetBrains Mono", 8.25, QFont.Weight.Normal),
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one theme, as `#rrggbb`. Texts keep a contrast of 4.5 to every ground they stand on (tested)."""

    is_dark: bool
    bg: str
    panel: str
    rail: str
    line: str
    """Borders and separators."""
    edge: str
    """Borders of what can be operated and has no other outline (a toggle that is off)."""
    text: str
    dim: str
    accent: str
    accent_weak: str
    accent_hover: str
    on_accent: str
    """Text on `accent`."""
    ok: str
    okbg: str
    warn: str
    warnbg: str
    bad: str
    badbg: str
    log: str
    """Ground of logs and code."""
    dot_warn: str
    used: str
    """In a bar: used by others."""
    accent_2: str
    accent_3: str


LIGHT = Tokens(
    is_dark=False,
    bg="#f6f7f9",
    panel="#ffffff",
    rail="#eef0f4",
    line="#dfe3ea",
    edge="#7d8696",
    text="#1b2230",
    dim="#5d6778",
    accent="#3b5bdb",
    accent_weak="#e7ecff",
    accent_hover="#3049b8",
    on_accent="#ffffff",
    ok="#18794e",
    okbg="#ddf3e4",
    warn="#8a5a00",
    warnbg="#fff1cf",
    bad="#b42318",
    badbg="#fde8e6",
    log="#fbfcfd",
    dot_warn="#e0a100",
    used="#c7ccd6",
    accent_2="#7c9cff",
    accent_3="#b9c7ff",
)
DARK = Tokens(
    is_dark=True,
    bg="#14171c",
    panel="#1b1f26",
    rail="#171a20",
    line="#2b313b",
    edge="#6b7587",
    text="#e6e9ef",
    dim="#8d97a8",
    accent="#7c9cff",
    accent_weak="#232c47",
    accent_hover="#9ab3ff",
    on_accent="#10131a",
    ok="#4cc38a",
    okbg="#14332a",
    warn="#f1c35b",
    warnbg="#3a2f14",
    bad="#ff8b7e",
    badbg="#3d1f1d",
    log="#16191f",
    dot_warn="#e0a100",
    used="#4a5262",
    accent_2="#4f6bd6",
    accent_3="#34437a",
)


class Theme(QObject):
    """Applies a choice to the application and follows the desktop while the choice is `system`. One per process."""

    changed = Signal()
    """The tokens are others now."""

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._choice: Choice = "system"
        self.tokens = LIGHT
        self._applied = False
        application.setStyle(QStyleFactory.create("Fusion"))
        _load_fonts()
        application.setFont(font("body"))
        application.styleHints().colorSchemeChanged.connect(self._on_system_changed)

    @property
    def choice(self) -> Choice:
        """What was asked for."""
        return self._choice

    def apply(self, choice: Choice) -> None:
        """Show the light or the dark theme, or what the desktop has; takes effect at once in every window."""
        self._choice = choice
        hints = self._application.styleHints()
        # Where the platform listens, its own title bars and file dialogs then go along.
        if choice == "system":
            hints.unsetColorScheme()
        else:
            hints.setColorScheme(Qt.ColorScheme.Dark if choice == "dark" else Qt.ColorScheme.Light)
        self._show(self._wanted())

    def _wanted(self) -> Tokens:
        if self._choice == "system":
            return DARK if self._application.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT
        return DARK if self._choice == "dark" else LIGHT

    def _on_system_changed(self) -> None:
        self._show(self._wanted())

    def _show(self, wanted: Tokens) -> None:
        if self._applied and wanted is self.tokens:
            return
        self._applied = True
        self.tokens = wanted
        self._application.setPalette(_palette(wanted))
        self._application.setStyleSheet(stylesheet(wanted, em()))
        self.changed.emit()


_theme: Theme | None = None


def theme() -> Theme:
    """The theme of this process; made at the first call, which needs a QApplication."""
    global _theme
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        raise RuntimeError("a theme needs a QApplication")
    if _theme is None or _theme.parent() is not application:
        _theme = Theme(application)
    return _theme


def apply(choice: Choice) -> Theme:
    """Apply a choice (see `Theme.apply`) and return the theme."""
    chosen = theme()
    chosen.apply(choice)
    return chosen


def tokens() -> Tokens:
    """The present colours."""
    return theme().tokens


def color(token: str) -> QColor:
    """The present colour of a token, by its name."""
    return QColor(getattr(tokens(), token))


def font(role: FontRole = "body") -> QFont:
    """The font of a role: body, medium, bold, title (page), heading (card), strong, small, mono, mono_small."""
    family, size, weight = _FONTS[role]
    made = QFont([family, "DejaVu Sans Mono" if role.startswith("mono") else "Noto Sans", "DejaVu Sans"])
    made.setPointSizeF(size)
    made.setWeight(weight)
    if role.startswith("mono"):
        made.setStyleHint(QFont.StyleHint.Monospace)
    return made


def em(factor: float = 1.0) -> int:
    """A length of so many heights of the body font, in device-independent pixels, at least 1. One is 16 at 96 dpi."""
    return max(1, round(QFontMetricsF(font()).height() * factor))


def _load_fonts() -> None:
    folder = files("resources") / "fonts"
    for name in FONT_FILES:
        if QFontDatabase.addApplicationFontFromData((folder / name).read_bytes()) < 0:
            raise RuntimeError(f"the bundled font {name} can't be loaded")


def _palette(colours: Tokens) -> QPalette:
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    palette = QPalette()
    for which, value in (
        (role.Window, colours.bg),
        (role.WindowText, colours.text),
        (role.Base, colours.panel),
        (role.AlternateBase, colours.bg),
        (role.ToolTipBase, colours.panel),
        (role.ToolTipText, colours.text),
        (role.Text, colours.text),
        (role.PlaceholderText, colours.dim),
        (role.Button, colours.panel),
        (role.ButtonText, colours.text),
        (role.BrightText, colours.bad),
        (role.Highlight, colours.accent),
        (role.HighlightedText, colours.on_accent),
        (role.Link, colours.accent),
        (role.LinkVisited, colours.accent),
        (role.Light, colours.panel),
        (role.Midlight, colours.line),
        (role.Mid, colours.line),
        (role.Dark, colours.edge),
        (role.Shadow, colours.edge),
        (role.Accent, colours.accent),
    ):
        palette.setColor(which, QColor(value))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(group.Disabled, which, QColor(colours.dim))
    palette.setColor(group.Disabled, role.Highlight, QColor(colours.line))
    palette.setColor(group.Disabled, role.HighlightedText, QColor(colours.dim))
    return palette

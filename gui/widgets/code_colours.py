"""Colours for code, by Pygments. Imported when the first code is shown: Pygments takes a while."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from PySide6.QtGui import QColor, QFont, QTextCharFormat, QTextLayout

LONGEST = 50_000
"""Characters of a block that are coloured; a longer one stays plain, as it would take too long."""

# By the beginning of a Pygments token type: the ink on a light and on a dark ground, and whether it is slanted.
_INKS: tuple[tuple[str, str, str, bool], ...] = (
    ("Comment.Preproc", "#8a5a00", "#e0b56c", False),
    ("Comment", "#5d6778", "#8d97a8", True),
    ("Keyword.Constant", "#8a5a00", "#f1c35b", False),
    ("Keyword", "#7a3ec8", "#c4a7ff", False),
    ("Operator.Word", "#7a3ec8", "#c4a7ff", False),
    ("Name.Builtin", "#0b6e8f", "#6fd3e8", False),
    ("Name.Function", "#1f5fbf", "#7cc7ff", False),
    ("Name.Class", "#1f5fbf", "#7cc7ff", False),
    ("Name.Decorator", "#8a5a00", "#e0b56c", False),
    ("Name.Tag", "#7a3ec8", "#c4a7ff", False),
    ("Name.Attribute", "#1f5fbf", "#7cc7ff", False),
    ("Name.Variable", "#1f5fbf", "#7cc7ff", False),
    ("Literal.String", "#18794e", "#7fd6a3", False),
    ("Literal.Number", "#8a5a00", "#f1c35b", False),
    ("Generic.Deleted", "#b42318", "#ff8b7e", False),
    ("Generic.Inserted", "#18794e", "#4cc38a", False),
    ("Generic.Heading", "#1f5fbf", "#7cc7ff", False),
)


class Run(NamedTuple):
    """A piece of one line in one colour."""

    start: int
    length: int
    ink: str
    slanted: bool


@lru_cache(maxsize=256)
def runs(language: str, code: str, is_dark: bool) -> tuple[tuple[Run, ...], ...]:
    """What to colour in each line of a block; nothing where the language is not known."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    lines: list[list[Run]] = [[] for _ in range(code.count("\n") + 1)]
    if not language or len(code) > LONGEST:
        return tuple(map(tuple, lines))
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return tuple(map(tuple, lines))
    line = column = 0
    for kind, value in lexer.get_tokens(code):
        ink = _ink(str(kind).removeprefix("Token."), is_dark=is_dark)
        for number, piece in enumerate(value.split("\n")):
            if number:
                line, column = line + 1, 0
            width = len(piece.encode("utf-16-le")) // 2  # Qt counts UTF-16 units
            if ink is not None and width and line < len(lines):
                lines[line].append(Run(column, width, *ink))
            column += width
    return tuple(map(tuple, lines))


def formats(line: tuple[Run, ...]) -> list[QTextLayout.FormatRange]:
    """The runs of a line as Qt wants them."""
    return [_range(run) for run in line]


def _range(run: Run) -> QTextLayout.FormatRange:
    made = QTextLayout.FormatRange()
    made.start, made.length = run.start, run.length
    style = QTextCharFormat()
    style.setForeground(QColor(run.ink))
    if run.slanted:
        style.setFontItalic(True)
    style.setFontWeight(QFont.Weight.Normal)
    made.format = style
    return made


@lru_cache(maxsize=512)
def _ink(kind: str, *, is_dark: bool) -> tuple[str, bool] | None:
    for start, light, dark, slanted in _INKS:
        if kind.startswith(start):
            return (dark if is_dark else light), slanted
    return None

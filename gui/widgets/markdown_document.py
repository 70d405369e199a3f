"""A model's Markdown as a text document in the colours of the theme: no HTML, no pictures, nothing loaded."""

from __future__ import annotations

from typing import Any, NamedTuple

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextTable,
    QTextTableFormat,
)

from gui.theme import em, font, tokens
from gui.widgets import code_colours

FLAGS = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML
_HEADINGS = (2, 1, 0, 0, 0, 0)
"""Steps of a half that each level of headings is larger than the text."""


class CodeBlock(NamedTuple):
    """A block of code in the document."""

    first: int
    last: int
    """Numbers of its first and last text block."""
    language: str


class MarkdownDocument(QTextDocument):
    """Rendered once. Nobody shows it while it is made, so changing its formats lays nothing out.

    Args:
        markdown: the text; it may end in the middle of anything.
        parent: its owner.
    """

    def __init__(self, markdown: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._markdown = markdown
        self.setUndoRedoEnabled(False)
        self.setDefaultFont(font())
        self.setDocumentMargin(0)
        self.setMarkdown(markdown, FLAGS)
        self.codes: list[CodeBlock] = []
        self._style()
        self._colour_codes()

    @property
    def ends_in_code(self) -> bool:
        """A block of code is its last paragraph."""
        return bool(self.codes) and self.codes[-1].last == self.blockCount() - 1

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Nothing: what a model writes must not read files or reach the network."""
        return None

    def _style(self) -> None:
        """What the theme says of headings, code, links and tables."""
        self.codes = _codes(self)
        inside = {number for code in self.codes for number in range(code.first, code.last + 1)}
        pictures = []
        block = self.begin()
        while block.isValid():
            if block.blockNumber() not in inside:
                _style_block(block)
                pictures += _style_fragments(block)
            block = block.next()
        for position, format_ in reversed(pictures):
            _replace_picture(self, position, format_)
        for code in self.codes:
            self._style_code(code)
        for frame in self.rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                _style_table(frame)
        self.codes = _codes(self)

    def _style_code(self, code: CodeBlock) -> None:
        mono = QTextCharFormat()
        _set_mono(mono)
        cursor = QTextCursor(self.findBlockByNumber(code.first))
        end = self.findBlockByNumber(code.last)
        cursor.setPosition(end.position() + end.length() - 1, QTextCursor.MoveMode.KeepAnchor)
        cursor.mergeCharFormat(mono)
        wraps = QTextBlockFormat()
        wraps.setNonBreakableLines(False)
        wraps.setLeftMargin(em(0.62))
        wraps.setRightMargin(em(0.62))
        cursor.mergeBlockFormat(wraps)
        for number, token in ((code.first, "top"), (code.last, "bottom")):
            edge = QTextBlockFormat()
            if token == "top":
                edge.setTopMargin(em(1.1))
            else:
                edge.setBottomMargin(em(1.1))
            QTextCursor(self.findBlockByNumber(number)).mergeBlockFormat(edge)

    def _colour_codes(self) -> None:
        """Colour what is complete; an unfinished block would be read wrong, and again and again."""
        for code in self.codes:
            if code.language and not self._is_open(code):
                self._colour(code)

    def _is_open(self, code: CodeBlock) -> bool:
        """Its closing fence has not come yet: it is the last thing in the text, and the text doesn't end in a fence."""
        if code.last < self.blockCount() - 1:
            return False
        return not self._markdown.rstrip().endswith(("```", "~~~"))

    def _colour(self, code: CodeBlock) -> None:
        blocks = [self.findBlockByNumber(number) for number in range(code.first, code.last + 1)]
        text = "\n".join(block.text() for block in blocks)
        for block, line in zip(blocks, code_colours.runs(code.language, text, tokens().is_dark), strict=False):
            if line:
                block.layout().setFormats(code_colours.formats(line))


def _codes(document: QTextDocument) -> list[CodeBlock]:
    """The blocks of code, in order."""
    found: list[CodeBlock] = []
    block = document.begin()
    while block.isValid():
        style = block.blockFormat()
        # An indented block has no fence, only the property that a fenced one has, too.
        if style.hasProperty(QTextFormat.Property.BlockCodeLanguage) or style.hasProperty(
            QTextFormat.Property.BlockCodeFence
        ):
            number = block.blockNumber()
            language = str(style.property(QTextFormat.Property.BlockCodeLanguage) or "").split(" ")[0].lower()
            if found and found[-1].last == number - 1 and found[-1].language == language:
                found[-1] = found[-1]._replace(last=number)
            else:
                found.append(CodeBlock(number, number, language))
        block = block.next()
    return found


def _set_mono(style: QTextCharFormat) -> None:
    mono = font("mono")
    style.setFontFamilies(mono.families())
    style.setFontPointSize(mono.pointSizeF())


def _select(cursor: QTextCursor, block: QTextBlock) -> None:
    cursor.setPosition(block.position())
    cursor.setPosition(block.position() + block.length() - 1, QTextCursor.MoveMode.KeepAnchor)


def _style_block(block: QTextBlock) -> None:
    cursor = QTextCursor(block)
    style = block.blockFormat()
    spacing = QTextBlockFormat()
    spacing.setLineHeight(125, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    if block.blockNumber() == 0:
        spacing.setTopMargin(0)
    level = style.headingLevel()
    if level:
        spacing.setTopMargin(em(0.6) if block.blockNumber() else 0)
        spacing.setBottomMargin(em(0.25))
        _select(cursor, block)
        size = QTextCharFormat()
        # The importer's way to enlarge; a size in points would be multiplied by it.
        size.setProperty(QTextFormat.Property.FontSizeAdjustment, _HEADINGS[min(level, 6) - 1])
        size.setFontWeight(QFont.Weight.DemiBold)
        cursor.mergeCharFormat(size)
    elif style.hasProperty(QTextFormat.Property.BlockQuoteLevel):
        spacing.setLeftMargin(em(0.9) * style.intProperty(QTextFormat.Property.BlockQuoteLevel))
        _select(cursor, block)
        quiet = QTextCharFormat()
        quiet.setForeground(QColor(tokens().dim))
        cursor.mergeCharFormat(quiet)
    QTextCursor(block).mergeBlockFormat(spacing)


def _style_fragments(block: QTextBlock) -> list[tuple[int, QTextCharFormat]]:
    """Colour the links and inline code of a block; returns where its pictures are."""
    pictures = []
    styled: list[tuple[int, int, QTextCharFormat]] = []
    places = block.begin()
    while not places.atEnd():
        fragment = places.fragment()
        style = fragment.charFormat()
        if style.isImageFormat():
            pictures += [(fragment.position() + n, style) for n in range(fragment.length())]
        elif style.isAnchor() or style.fontFixedPitch():
            change = QTextCharFormat()
            if style.isAnchor():
                change.setForeground(QColor(tokens().accent))
            if style.fontFixedPitch():
                _set_mono(change)
                change.setBackground(QColor(tokens().rail if not tokens().is_dark else tokens().line))
            styled.append((fragment.position(), fragment.length(), change))
        places += 1
    for position, length, change in styled:
        cursor = QTextCursor(block)
        cursor.setPosition(position)
        cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
        cursor.mergeCharFormat(change)
    return pictures


def _replace_picture(document: QTextDocument, position: int, style: QTextCharFormat) -> None:
    """A picture is not shown: its name stands there as a link, for who wants to open it."""
    address = style.toImageFormat().name()
    name = str(style.property(QTextFormat.Property.ImageAltText) or "") or address
    cursor = QTextCursor(document)
    cursor.setPosition(position)
    cursor.deleteChar()
    link = QTextCharFormat()
    link.setAnchor(True)
    link.setAnchorHref(address)
    link.setForeground(QColor(tokens().accent))
    link.setFontUnderline(True)
    cursor.insertText(f"[picture: {name}]", link)


def _style_table(table: QTextTable) -> None:
    style = table.format()
    assert isinstance(style, QTextTableFormat)
    style.setBorder(1)
    style.setBorderCollapse(True)
    style.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    style.setBorderBrush(QBrush(QColor(tokens().line)))
    style.setCellPadding(em(0.3))
    style.setCellSpacing(0)
    style.setTopMargin(em(0.75))
    style.setBottomMargin(em(0.4))
    table.setFormat(style)
    flat = QTextBlockFormat()
    flat.setTopMargin(0)
    flat.setBottomMargin(0)
    bold = QTextCharFormat()
    bold.setFontWeight(QFont.Weight.DemiBold)
    for column in range(table.columns()):
        for row in range(table.rows()):
            cell = table.cellAt(row, column)
            cursor = cell.firstCursorPosition()
            if not cursor.block().text() and cursor.position() < cell.lastPosition():
                cursor.deleteChar()  # the importer leaves an empty paragraph in the first cell
            cursor.mergeBlockFormat(flat)
            if row == 0:
                cursor.setPosition(cell.lastPosition(), QTextCursor.MoveMode.KeepAnchor)
                cursor.mergeCharFormat(bold)

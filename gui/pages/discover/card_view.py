"""Shows a model card. Loads nothing from outside; links open in the user's browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextBlockFormat, QTextCursor, QTextDocument, QTextFormat, QTextFrameFormat, QTextTable
from PySide6.QtWidgets import QTextBrowser

from gui.pages.discover.card_text import readable
from gui.pages.hub_notice import open_address
from gui.theme import color, em, font, theme

_HEADING_SIZES = {1: 12.75, 2: 11.25, 3: 10.5}


class CardView(QTextBrowser):
    """A model card as text."""

    def __init__(self) -> None:
        super().__init__()
        self._card = ""
        self._page = ""
        self.setProperty("kind", "plain")
        self.setAccessibleName("Model card")
        self.setOpenLinks(False)
        self.setTabChangesFocus(True)
        self.anchorClicked.connect(self._on_link)
        theme().changed.connect(self._render)

    def show_card(self, card: str, *, page: str) -> None:
        """Show a card.

        Args:
            card: Markdown, as written for a browser.
            page: address of the model's page, to which relative links are relative.
        """
        self._card, self._page = card, page
        self._render()
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Nothing, neither from the net nor from this disk: a card is text of a stranger."""
        return None

    def _render(self) -> None:
        document = self.document()
        document.setDefaultFont(font())
        features = QTextDocument.MarkdownFeature
        text = readable(self._card)
        document.setMarkdown(text, features.MarkdownDialectGitHub | features.MarkdownNoHTML)
        cursor = QTextCursor(document)
        cursor.beginEditBlock()
        block = document.begin()
        while block.isValid():
            self._style(QTextCursor(block), block.blockFormat())
            block = block.next()
        for frame in document.rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                self._style_table(frame)
        cursor.endEditBlock()

    def _style(self, cursor: QTextCursor, block: QTextBlockFormat) -> None:
        """Sizes of headings, and the ground and font of code."""
        level = block.headingLevel()
        is_code = block.hasProperty(QTextFormat.Property.BlockCodeLanguage) or block.hasProperty(
            QTextFormat.Property.BlockCodeFence
        )
        cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
        if level:
            characters = cursor.charFormat()
            characters.setFont(font("bold"))
            characters.setFontPointSize(_HEADING_SIZES.get(level, 9.75))
            characters.clearProperty(QTextFormat.Property.FontSizeAdjustment)
            cursor.setCharFormat(characters)
            block.setTopMargin(em(0.9))
            block.setBottomMargin(em(0.35))
            cursor.setBlockFormat(block)
        elif is_code:
            characters = cursor.charFormat()
            characters.setFont(font("mono"))
            cursor.setCharFormat(characters)
            block.setBackground(color("log"))
            block.setLeftMargin(em(0.6))
            block.setNonBreakableLines(False)
            cursor.setBlockFormat(block)

    @staticmethod
    def _style_table(table: QTextTable) -> None:
        shape = table.format()
        shape.setBorder(1)
        shape.setBorderBrush(color("line"))
        shape.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        shape.setBorderCollapse(True)
        shape.setCellPadding(em(0.3))
        shape.setCellSpacing(0)
        table.setFormat(shape)

    def _on_link(self, url: QUrl) -> None:
        text = url.toString()
        if text.startswith("#"):
            return
        open_address(urljoin(f"{self._page}/blob/main/", text) if self._page and not url.scheme() else text)

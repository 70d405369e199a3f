"""Shows a model card. Loads nothing from outside; links open in the user's browser."""

from __future__ import annotations

from urllib.parse import urljoin

from PySide6.QtCore import QUrl

from gui.pages.discover.card_text import readable
from gui.pages.hub_notice import open_address
from gui.widgets import ScrollColumn
from gui.widgets.markdown_view import MarkdownView


class CardView(ScrollColumn):
    """A model card as text that scrolls."""

    def __init__(self) -> None:
        super().__init__(margins=False)
        self._page = ""
        self.text = MarkdownView(name="Model card")
        self.text.link_clicked.connect(self._on_link)
        self.body.addWidget(self.text)
        self.body.addStretch(1)

    def show_card(self, card: str, *, page: str) -> None:
        """Show a card.

        Args:
            card: Markdown, as written for a browser.
            page: address of the model's page, to which relative links are relative; empty if it has none.
        """
        self._page = page
        self.text.set_markdown(readable(card), final=True)
        self.verticalScrollBar().setValue(0)

    def clear(self) -> None:
        """Show nothing."""
        self.show_card("", page="")

    def _on_link(self, url: QUrl) -> None:
        text = url.toString()
        if text.startswith("#"):
            return
        open_address(urljoin(f"{self._page}/blob/main/", text) if self._page and not url.scheme() else text)

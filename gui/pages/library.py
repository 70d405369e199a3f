"""The Library page (in the making)."""

from __future__ import annotations

from gui.pages.page import Page


class LibraryPage(Page):
    """In the making."""

    def open(self, name: str) -> None:
        """Go to one part of it."""

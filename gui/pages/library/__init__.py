"""The Library: the models on this machine."""

from gui.pages.library.page import LibraryPage

__all__ = ["LibraryPage"]

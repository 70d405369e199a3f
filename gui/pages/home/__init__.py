"""Home: what is here, and where to start."""

from gui.pages.home.page import HomePage

__all__ = ["HomePage"]

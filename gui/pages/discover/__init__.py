"""Discover: search the Hub, look at a model, go on to serve it."""

from gui.pages.discover.page import DiscoverPage

__all__ = ["DiscoverPage"]

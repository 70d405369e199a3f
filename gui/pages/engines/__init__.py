"""Engines: their installations, and installing them."""

from gui.pages.engines.page import EnginesPage

__all__ = ["EnginesPage"]

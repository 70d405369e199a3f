"""Settings: what the user can set, the Hub's token, and where everything lies."""

from gui.pages.settings.page import SettingsPage

__all__ = ["SettingsPage"]

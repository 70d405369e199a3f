"""What all pages have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge
    from gui.navigator import Navigator


class Page(QWidget):
    """One screen. Built at its first showing; afterwards it stays and follows the bridge's signals.

    Args:
        app: the core; its commands are run by `bridge.run`.
        bridge: signals and results.
        navigator: the way to other pages.
    """

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__()
        self.app = app
        self.bridge = bridge
        self.navigator = navigator

    def shown(self) -> None:
        """The page came to the front: look at what may have changed."""

    def hidden(self) -> None:
        """Another page came to the front: stop timers."""

    def focus_search(self) -> bool:
        """Ctrl+F: put the focus into the page's search field; False if it has none."""
        return False

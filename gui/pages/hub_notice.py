"""What went wrong with the Hub, and the ways on: retry, wait, another token, none."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from core.errors import GatedModelError, HubRateLimitedError, HubTokenError, ServedeckError
from gui.errors import describe
from gui.widgets import Notice
from gui.widgets.notice import NoticeTone

if TYPE_CHECKING:
    from core.app import App
    from gui.navigator import Navigator

Action = tuple[str, Callable[[], None]]


class HubNotice(Notice):
    """A notice that knows the errors of the Hub. Hidden until `show_error`.

    After a rate limit it counts the seconds down and then retries by itself, as long as it is on the screen.
    """

    def __init__(self, app: App, navigator: Navigator, parent: QWidget | None = None) -> None:
        super().__init__(tone="bad", parent=parent)
        self._app = app
        self._navigator = navigator
        self._retry: Callable[[], None] = self.clear
        self._error: BaseException | None = None
        self._try_again_at = 0.0
        self._clock = QTimer(self)
        self._clock.setInterval(500)
        self._clock.timeout.connect(self._count_down)

    def show_error(self, error: BaseException, retry: Callable[[], None], *, more: tuple[Action, ...] = ()) -> None:
        """Say what went wrong.

        Args:
            error: what was raised; what is no error of ours to expect is also reported by the window.
            retry: asks again.
            more: other ways on, offered behind the usual ones.
        """
        self._error, self._retry = error, retry
        self._clock.stop()
        if not isinstance(error, ServedeckError):
            self._navigator.show_error(error)
        if isinstance(error, HubRateLimitedError) and error.retry_after is not None:
            self._try_again_at = time.monotonic() + error.retry_after
            actions: list[Action] = [("Try now", self._try_again)]
            if "access token" in error.remedy:  # said only where none was sent
                actions.append(("Set a token for a higher limit", self._go_to_token))
            self.show_text("", title=error.message, tone="warn", actions=[*actions, *more])
            self._clock.start()
            self._count_down()
            return
        said = describe(error)
        tone: NoticeTone = "warn" if isinstance(error, GatedModelError) else "bad"
        self.show_text(said.text, title=said.title, tone=tone, actions=[*self._actions(error), *more])

    def clear(self) -> None:
        """Hide it, and retry no more."""
        self._clock.stop()
        self._error = None
        super().clear()

    def _actions(self, error: BaseException) -> list[Action]:
        retry: Action = ("Retry", self._try_again)
        settings: Action = ("Open Settings", self._go_to_token)
        if isinstance(error, HubTokenError):
            return [("Go on without the token", self._without_token), settings, retry]
        if isinstance(error, GatedModelError):
            return [settings, retry]
        return [retry]

    def _go_to_token(self) -> None:
        self._navigator.go_settings("hf_token")

    def _try_again(self) -> None:
        retry = self._retry
        self.clear()
        retry()

    def _without_token(self) -> None:
        self._app.hub.go_on_without_token()
        self._try_again()

    def _count_down(self) -> None:
        left = self._try_again_at - time.monotonic()
        if left > 0:
            self.set_text(f"Asking again in {math.ceil(left)} s.")
        elif self.isVisible():
            self._try_again()


def open_address(address: str) -> None:
    """Open a page in the user's browser; only http and https."""
    url = QUrl(address)
    if url.scheme() in ("http", "https"):
        QDesktopServices.openUrl(url)

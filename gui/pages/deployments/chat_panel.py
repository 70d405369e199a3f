"""The chat with a deployment: one widget a message, filled while the answer streams."""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QAbstractSlider, QHBoxLayout, QVBoxLayout, QWidget

from core.chat.answer import Answer, ChatParams, ChatTarget
from core.chat.conversation import Conversation, Exchange
from core.deployments.deployment import Deployment, State
from gui.pages.deployments.chat_words import figures_words, thought_words, why_not
from gui.pages.deployments.composer import Composer
from gui.pages.deployments.parameters import ParametersPopover, params_words
from gui.theme import em
from gui.widgets import Button, ElidedLabel, IconButton, Label, ScrollColumn, Separator, announce, confirm
from gui.widgets.message_view import AnswerView, QuestionView

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge
    from gui.navigator import Navigator

POLL_MS = 50


class ExchangeView:
    """The widgets of one question and its answer, and how far they are."""

    def __init__(self, exchange: Exchange, panel: ChatPanel) -> None:
        self.exchange = exchange
        self.question = QuestionView(exchange.question)
        self.answer = AnswerView()
        self.answer.retry_wanted.connect(panel.regenerate)
        self.answer.edit_wanted.connect(panel.edit_last)
        self.answer.link_clicked.connect(panel.open_link)
        self._version = -1
        self._asked = time.monotonic()
        self._thinking_since: float | None = None
        self._thought: float | None = None
        self.is_over = False

    def update(self) -> None:
        """Show what came since the last time."""
        answer = self.exchange.answer
        if answer is None or self.is_over:
            return
        if answer.version == self._version:
            self._say_waiting(answer)
            return
        self._version = answer.version
        snapshot = answer.snapshot()
        now = time.monotonic()
        if snapshot.reasoning and self._thinking_since is None:
            self._thinking_since = now
        if self._thinking_since is not None and self._thought is None and (snapshot.text or snapshot.is_over):
            self._thought = now - self._thinking_since
        final = snapshot.is_over
        self._say_waiting(answer)
        if snapshot.reasoning:
            self.answer.set_reasoning(snapshot.reasoning, thought_words(self._thought), final=final)
        self.answer.set_text(snapshot.text, final=final)
        if final:
            self.is_over = True
            self.answer.set_over(figures_words(snapshot), snapshot.problem)
            announce(self.answer, snapshot.problem or "The answer is complete")

    def _say_waiting(self, answer: Answer) -> None:
        if answer.snapshot().state == "waiting":
            passed = time.monotonic() - self._asked
            self.answer.set_waiting(f"Waiting for the first token… {int(passed)} s" if passed >= 1 else "Waiting…")
        else:
            self.answer.set_waiting("")


class ChatPanel(QWidget):
    """The conversation with one deployment; it lives as long as the window.

    Args:
        app: the core.
        bridge: runs what blocks.
        navigator: for messages.
    """

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._app = app
        self._bridge = bridge
        self._navigator = navigator
        self._deployment: Deployment | None = None
        self._ready_run = 0
        self._params = ChatParams()
        self._system = ""
        self.conversation: Conversation | None = None
        self.views: list[ExchangeView] = []
        self.composer = Composer()
        self.composer.sent.connect(self._send)
        self.composer.stop_wanted.connect(self.stop)
        self.composer.field.page_wanted.connect(self._scroll_page)
        self._is_at_end = True
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._popover: ParametersPopover | None = None
        self._build()

    def _build(self) -> None:
        self.params_label = ElidedLabel(params_words(self._params, self._system), "small", tone="dim")
        self.settings_button = Button("Settings", kind="small")
        self.settings_button.clicked.connect(self.open_settings)
        self.clear_button = IconButton("plus", "New chat")
        self.clear_button.clicked.connect(self.clear)
        head = QHBoxLayout()
        head.setContentsMargins(em(0.88), em(0.4), em(0.62), em(0.4))
        head.setSpacing(em(0.5))
        self.title = Label("Chat", "heading")
        head.addWidget(self.title)
        head.addStretch(1)
        for part in (self.params_label, self.settings_button, self.clear_button):
            head.addWidget(part)
        self.messages = ScrollColumn(margins=False, spacing=0.75)
        self.messages.setAccessibleName("Conversation")
        self.messages.body.setContentsMargins(em(0.88), em(0.88), em(0.88), em(0.88))
        self.empty = Label("Ask something to try the model.", tone="dim", wrap=True)
        self.messages.body.addWidget(self.empty)
        self.messages.body.addStretch(1)
        bar = self.messages.verticalScrollBar()
        # Not valueChanged: that comes, too, when another width or theme changes the height of messages.
        bar.actionTriggered.connect(self._on_scrolled)
        bar.rangeChanged.connect(self._on_range)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(Separator())
        column.addWidget(self.messages, 1)
        column.addWidget(Separator())
        column.addWidget(self.composer)
        self._update()

    @property
    def has_messages(self) -> bool:
        """Something was asked."""
        return bool(self.views)

    @property
    def is_busy(self) -> bool:
        """An answer is being given."""
        return self.conversation is not None and self.conversation.running is not None

    def show_deployment(self, deployment: Deployment) -> None:
        """Talk to the latest run of this deployment, once it is ready."""
        self._deployment = deployment
        self.composer.set_name(deployment.name)
        run = deployment.run
        if deployment.state is not State.READY or run is None:
            self._ready_run = 0
        elif self._ready_run != run.number:
            self._ready_run = run.number
            number = run.number
            self._bridge.in_thread(
                lambda: self._app.fleet.api_key(deployment.id), lambda key: self._open(number, key), owner=self
            )
            return
        self._update()

    def stop(self) -> None:
        """Stop the answer that is being given."""
        if self.conversation is not None:
            self.conversation.stop()
            self._poll()

    def regenerate(self) -> None:
        """Ask the last question again."""
        if self.conversation is not None and not self._why_not():
            self.conversation.regenerate()
            self._follow_answer()

    def edit_last(self) -> None:
        """Put the last question into the field, to be changed and asked again."""
        if self.views:
            self.composer.edit(self.views[-1].exchange.question)

    def clear(self) -> None:
        """Begin a new conversation, after a question."""
        if not self.has_messages:
            return
        confirm(
            self.window(),
            "Start a new chat?",
            "The present conversation is forgotten.",
            action="New chat",
            on_confirm=self._clear_now,
        )

    def open_settings(self) -> None:
        """Show the parameters under their button."""
        if self._popover is not None:
            self._popover.deleteLater()
        self._popover = ParametersPopover(self._params, self._system, self)
        self._popover.changed.connect(self._on_params)
        self._popover.open_under(self.settings_button)

    def open_link(self, url: QUrl) -> None:
        """Open what was clicked in a browser; only addresses of the web."""
        if url.scheme().lower() in ("http", "https") and url.host():
            QDesktopServices.openUrl(url)
        else:
            self._navigator.say(f"Not opened: {url.toString()[:200]} is no address of the web.")

    # --- inside --------------------------------------------------------------------------------------------------

    def _open(self, number: int, key: str) -> None:
        """The run is ready and its key is known."""
        run = self._deployment.run if self._deployment is not None else None
        if run is None or run.number != number:
            return
        target = ChatTarget(run.base_url, run.served_name, key)
        if self.conversation is None:
            self.conversation = Conversation(self._app.chat, target, self._params, self._system)
        else:
            self.conversation.target = target
        self._update()

    def _why_not(self) -> str:
        if self._deployment is None:
            return "Nothing is chosen."
        words = why_not(self._deployment)
        return words or ("" if self.conversation is not None else "One moment…")

    def _send(self, text: str) -> None:
        if self.conversation is None:
            return
        # Colouring code needs Pygments; importing it in the GUI's thread would hold the answer up.
        self._bridge.in_thread(lambda: import_module("pygments.lexers") and None)
        if self.composer.is_editing and self.views:
            self.conversation.edit(len(self.views) - 1, text)
        else:
            self.conversation.ask(text)
        self._follow_answer()

    def _follow_answer(self) -> None:
        self._is_at_end = True
        self._sync()
        self._poll()
        self._timer.start()

    def _clear_now(self) -> None:
        if self.conversation is not None:
            self.conversation.clear()
        self._sync()
        self._update()
        self.composer.field.setFocus()

    def _sync(self) -> None:
        """One view for each exchange: those that are gone go, new ones come."""
        exchanges = self.conversation.exchanges if self.conversation is not None else ()
        same = 0
        while same < min(len(exchanges), len(self.views)) and self.views[same].exchange is exchanges[same]:
            same += 1
        for view in self.views[same:]:
            for widget in (view.question, view.answer):
                self.messages.body.removeWidget(widget)
                widget.hide()
                widget.deleteLater()
        del self.views[same:]
        for exchange in exchanges[same:]:
            view = ExchangeView(exchange, self)
            self.views.append(view)
            place = self.messages.body.count() - 1
            self.messages.body.insertWidget(place, view.question)
            self.messages.body.insertWidget(place + 1, view.answer)
        for view in self.views:
            view.answer.set_last(view is self.views[-1])

    def _poll(self) -> None:
        if self.views:
            self.views[-1].update()
        if not self.is_busy:
            self._timer.stop()
        self._update()

    def _update(self) -> None:
        problem = self._why_not()
        self.composer.set_enabled(problem)
        self.composer.set_busy(self.is_busy)
        self.empty.setVisible(not self.has_messages and not problem)
        self.clear_button.setEnabled(self.has_messages)
        for view in self.views[-1:]:
            view.answer.set_enabled(not problem and not self.is_busy)

    def _on_params(self) -> None:
        if self._popover is None:
            return
        self._params, self._system = self._popover.params, self._popover.system
        self.params_label.setText(params_words(self._params, self._system))
        if self.conversation is not None:
            self.conversation.params, self.conversation.system = self._params, self._system

    def _on_scrolled(self) -> None:
        """By the user: only at the end does it go on following."""
        bar = self.messages.verticalScrollBar()
        self._is_at_end = bar.sliderPosition() >= bar.maximum() - em(0.5)

    def _on_range(self, _low: int, high: int) -> None:
        if self._is_at_end:
            self.messages.verticalScrollBar().setValue(high)

    def _scroll_page(self, direction: int) -> None:
        step = QAbstractSlider.SliderAction
        action = step.SliderPageStepAdd if direction > 0 else step.SliderPageStepSub
        self.messages.verticalScrollBar().triggerAction(action)

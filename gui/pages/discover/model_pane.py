"""The right side of Discover: one model, read from the Hub, the cache or a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from core.hub.facts import ModelDetails
from core.hub.model_ref import ModelRef
from gui.pages.discover.model_facts import DownloadFacts, ModelHeader, WhoCanServe
from gui.pages.discover.model_tabs import ModelTabs
from gui.pages.hub_notice import HubNotice, open_address
from gui.serving import ServingAnswer, who_can_serve
from gui.theme import em
from gui.widgets import EmptyState, Label, Notice, ProgressLine, ScrollColumn, TurningRow

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge, Job
    from gui.navigator import Navigator

_NARROW_EM = 34


class _Waiting(QWidget):
    """The model is being read, or could not be."""

    def __init__(self, app: App, navigator: Navigator) -> None:
        super().__init__()
        self.name = Label("", "title", wrap=True)
        self.progress = ProgressLine(name="Reading the model")
        self.notice = HubNotice(app, navigator)
        column = QVBoxLayout(self)
        column.setContentsMargins(em(1.4), em(1.2), em(1.4), em(1.2))
        column.setSpacing(em(0.9))
        for widget in (self.name, self.progress, self.notice):
            column.addWidget(widget)
        column.addStretch(1)


class ModelPane(QWidget):
    """Shows one model, or says what to do while none is chosen."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__()
        self._app, self._bridge, self._navigator = app, bridge, navigator
        self.details: ModelDetails | None = None
        """The model that is shown, None while there is none or it is being read."""
        self.ref: ModelRef | None = None
        """The model that was asked for."""
        self._job: Job | None = None
        self._answer_job: Job | None = None
        self._hint = EmptyState(
            "Choose a model",
            "Its facts appear here: who can serve it and why, what there is to download, its files and its code.",
            icon="library",
        )
        self.waiting = _Waiting(app, navigator)
        self.header = ModelHeader()
        self.notice = Notice()
        self.serving = WhoCanServe()
        self.download = DownloadFacts()
        self.tabs = ModelTabs(app, bridge, navigator)
        self._content = ScrollColumn(spacing=0.75)
        self._cards = TurningRow(narrow_below=_NARROW_EM)
        self._stack = QStackedWidget()
        self._build()
        self.header.serve.connect(self.serve)
        self.header.open_page.connect(self._open_page)
        bridge.installations_changed.connect(self._ask_who_can_serve)

    def show_model(self, ref: ModelRef) -> None:
        """Read a model and show it. The one that is shown stays as it is when it is asked for again."""
        if ref == self.ref and (self.details is not None or self._is_reading):
            return
        self.ref, self.details = ref, None
        self._read()

    def serve(self) -> None:
        """Go on to the Serve form."""
        if self.details is not None and self.header.button.isEnabled():
            self._navigator.serve(self.details.ref)

    # --- building ------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._cards.add(self.serving, 9)
        self._cards.add(self.download, 4)
        body = self._content.body
        body.setContentsMargins(em(1.4), em(1.1), em(1.4), em(1.1))
        body.addWidget(self.header)
        body.addWidget(self.notice)
        body.addWidget(self._cards)
        body.addWidget(self.tabs, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._stack)
        for widget in (self._hint, self.waiting, self._content):
            self._stack.addWidget(widget)

    # --- reading -------------------------------------------------------------------------------------------------

    @property
    def _is_reading(self) -> bool:
        return self._job is not None and not self._job.is_finished

    def _read(self) -> None:
        if self._job is not None:
            self._job.cancel()
        assert self.ref is not None
        self.waiting.notice.clear()
        self.waiting.name.setText(self.ref.text)
        self.waiting.progress.set_fraction(None)
        self.waiting.progress.show()
        self._stack.setCurrentWidget(self.waiting)
        self._job = self._bridge.run(self._app.hub.details(self.ref), self._on_details, self._on_failed)

    def _on_failed(self, error: BaseException) -> None:
        self.waiting.progress.hide()
        self.waiting.notice.show_error(error, self._read)

    def _on_details(self, details: ModelDetails) -> None:
        self.details = details
        self.header.show_details(details)
        self.header.set_can_serve(True)
        self.download.show_details(details)
        self._show_notice(details)
        self.serving.show_waiting()
        self.tabs.show_details(details)
        self._stack.setCurrentWidget(self._content)
        self._ask_who_can_serve()

    def _show_notice(self, details: ModelDetails) -> None:
        """What stands between the user and this model, most important first; hidden if nothing does."""
        if details.from_cache_only:
            self.notice.show_text(
                f"These are the facts of the copy on this disk. {self._app.hub.problem}".strip(),
                title="The Hub does not answer.",
                tone="warn",
                actions=[("Ask the Hub again", self._read)],
            )
        elif details.summary.gated and not details.cached and details.ref.kind == "hub":
            self.notice.show_text(
                "Downloading it needs an access token of an account that accepted the licence on its page.",
                title="This model is gated.",
                tone="warn",
                actions=[
                    ("Open its page", self._open_page),
                    ("Set a token", lambda: self._navigator.go_settings("hf_token")),
                ],
            )
        elif details.config is None or details.config_problem:
            self.notice.show_text(details.config_problem, tone="warn")
        else:
            self.notice.clear()

    def _ask_who_can_serve(self) -> None:
        details = self.details
        if details is None:
            return
        if self._answer_job is not None:
            self._answer_job.cancel()
        self._answer_job = self._bridge.in_thread(lambda: who_can_serve(self._app, details), self._on_answers)

    def _on_answers(self, answers: tuple[ServingAnswer, ...]) -> None:
        self.serving.show_answers(answers)
        usable = [each for each in answers if not each.needs_container]
        details = self.details
        if details is not None and details.config is None:
            self.header.set_can_serve(False, details.config_problem)
        elif any(each.support.can_serve or each.support.auto is not None for each in usable):
            self.header.set_can_serve(True)
        else:
            self.header.set_can_serve(False, "No engine that runs as a process can serve it; see “Who can serve it”.")

    def _open_page(self) -> None:
        if self.details is None:
            return
        ref = self.details.ref
        if ref.kind == "hub":
            open_address(self._app.hub.page_url(ref))
        else:
            QDesktopServices.openUrl(QUrl.fromLocalFile(ref.id))

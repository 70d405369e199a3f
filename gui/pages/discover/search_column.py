"""The left side of Discover: what to search for, in which order, and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QListView, QStackedWidget, QVBoxLayout, QWidget

from core.errors import HubUnreachableError, InputError
from core.hub.facts import SearchPage
from core.hub.hub import Sort
from core.hub.model_ref import ModelRef
from gui.models.search_results import SearchResults
from gui.pages.discover.result_row import ResultRow
from gui.pages.hub_notice import Action, HubNotice
from gui.theme import em
from gui.widgets import EmptyState, Label, ProgressLine, SearchField, Select, announce
from gui.wording import plural

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge, Job
    from gui.navigator import Navigator

STALE_MS = 400
"""How long old results may stand while a new search runs: without this, fast answers would flicker."""
SETTLE_MS = 150
"""How long the keyboard's choice must rest before the model is read."""
_PASTED = 3
"""So many characters at once were pasted, not typed."""


class _Results(QListView):
    """The list. Enter and a double click choose for good."""

    chosen = Signal(QModelIndex)
    settled = Signal(QModelIndex)
    """The current row changed, by mouse or key."""

    def __init__(self, results: SearchResults) -> None:
        super().__init__()
        self.setModel(results)
        self.setItemDelegate(ResultRow(self))
        self.setAccessibleName("Models found")
        self.setProperty("surface", "list")
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        # Not `activated`: where the desktop activates by a single click, choosing would be going on.
        self.doubleClicked.connect(self.chosen)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter goes on with the current row."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.chosen.emit(self.currentIndex())
            return
        super().keyPressEvent(event)

    def currentChanged(self, current: QModelIndex, previous: QModelIndex) -> None:  # type: ignore[override]
        """Tell which row it is now."""
        super().currentChanged(current, previous)
        if current.isValid():
            self.settled.emit(current)


class SearchColumn(QWidget):
    """Search field, order, results and what can be said instead of them."""

    model_chosen = Signal(object)
    """The `ModelRef` to show."""
    found = Signal()
    """There are other rows now."""
    activated = Signal()
    """The user wants to go on with the chosen model (Enter, double click)."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__()
        self._app, self._bridge, self._navigator = app, bridge, navigator
        self._text = ""
        self._typed = ""
        self._job: Job | None = None
        self._has_searched = False
        self.results = SearchResults(self)
        self.field = SearchField(placeholder="Search models, or paste org/name or a Hub URL", name="Search models")
        self.sort = Select([(each.name, each.label) for each in Sort], name="Sort by")
        self.said = Label("", "small", tone="dim")
        self.progress = ProgressLine(name="Searching")
        self.notice = HubNotice(app, navigator)
        self.list = _Results(self.results)
        self.empty = EmptyState("", icon="search", primary=False)
        self.more_notice = HubNotice(app, navigator)
        self._stale = QTimer(self, singleShot=True, interval=STALE_MS)
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._build()
        self._connect()

    @property
    def text(self) -> str:
        """What was searched for last."""
        return self._text

    def search(self, text: str) -> None:
        """Search for a text, or open the model that it names."""
        self.field.setText(text)
        self._typed = text
        if self._is_exact(text) and self._open(text):
            return
        self._start(text)

    def ensure_searched(self) -> None:
        """At the first showing: what is popular now, so that the page is never blank."""
        if not self._has_searched:
            self._start("")

    def mark(self, ref: ModelRef | None) -> None:
        """Light the row of a model that was opened from elsewhere, or none."""
        row = self.results.row_of(ref.id) if ref is not None and ref.kind == "hub" else -1
        blocked = self.list.blockSignals(True)
        if row >= 0:
            index = self.results.index(row)
            self.list.setCurrentIndex(index)
        else:
            self.list.selectionModel().clear()
        self.list.blockSignals(blocked)

    def refresh(self) -> None:
        """Search again for the same text."""
        self._start(self._text)

    # --- building ------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        head = QVBoxLayout()
        head.setContentsMargins(em(1), em(1), em(1), em(0.6))
        head.setSpacing(em(0.6))
        head.addWidget(self.field)
        row = QHBoxLayout()
        row.addWidget(self.said, 1)
        label = Label("Sort", tone="dim")
        label.setBuddy(self.sort)
        row.addWidget(label)
        row.addWidget(self.sort)
        head.addLayout(row)
        head.addWidget(self.notice)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.empty)
        foot = QVBoxLayout()
        foot.setContentsMargins(em(1), 0, em(1), em(0.5))
        foot.addWidget(self.more_notice)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.progress)
        column.addWidget(self._stack, 1)
        column.addLayout(foot)
        keep = self.progress.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(keep)
        self.progress.hide()
        self.setMinimumWidth(em(17))

    def _connect(self) -> None:
        self.field.searched.connect(self._on_searched)
        self.field.textEdited.connect(self._on_edited)
        self.field.returnPressed.connect(self._on_return)
        self.sort.chosen.connect(lambda _value: self._start(self._text))
        self.results.more_wanted.connect(self._load_more)
        self.list.settled.connect(lambda _index: self._settle.start())
        self.list.chosen.connect(self._on_chosen)
        self._settle.timeout.connect(self._tell_choice)
        self._stale.timeout.connect(self._drop_stale)
        self.empty.clicked.connect(self.field.clear)

    # --- what is typed -------------------------------------------------------------------------------------------

    def _on_edited(self, text: str) -> None:
        was, self._typed = self._typed, text
        if abs(len(text) - len(was)) >= _PASTED and self._is_exact(text):
            self.field.set_text(text)

    def _on_searched(self, text: str) -> None:
        pasted_url = "://" in text
        if pasted_url and self._open(text):
            return
        if pasted_url or text.startswith(("/", "~", "./")):
            return
        if text != self._text or not self._has_searched:
            self._start(text)

    def _on_return(self) -> None:
        text = self.field.text().strip()
        if self._is_exact(text):
            self._open(text)
        elif self.results.rowCount():
            self.list.setFocus()
            if not self.list.currentIndex().isValid():
                self.list.setCurrentIndex(self.results.index(0))

    @staticmethod
    def _is_exact(text: str) -> bool:
        """It may name one model: `org/name`, a URL, a folder."""
        stripped = text.strip()
        return stripped.startswith(("/", "~")) or ("/" in stripped.strip("/") and " " not in stripped)

    def _open(self, text: str) -> bool:
        """Open the model that the text names; search for its name, too. False if it names none."""
        try:
            ref = ModelRef.parse(text, hub_endpoint=self._app.hub.endpoint)
        except InputError as error:
            if "://" not in text and not text.startswith(("/", "~", "./")):
                return False
            self._stop()
            self.notice.show_text(error.remedy, title=error.message, tone="warn")
            return True
        self.notice.clear()
        if ref.kind == "hub":
            self._start(ref.id)
        self.model_chosen.emit(ref)
        return True

    # --- searching -----------------------------------------------------------------------------------------------

    def _start(self, text: str) -> None:
        self._stop()
        self._text, self._has_searched = text, True
        self.notice.clear()
        self.more_notice.clear()
        self.said.setText("Searching…")
        self.progress.set_fraction(None)
        self.progress.show()
        self._stale.start()
        page_size = self._app.settings.current.hub_page_size
        work = self._app.hub.search(text, sort=Sort[self.sort.value()], page_size=page_size)
        self._job = self._bridge.run(work, self._on_found, self._on_failed)

    def _stop(self) -> None:
        """Nobody waits for the running request any more: cancel it, which closes its connection."""
        self._stale.stop()
        if self._job is not None:
            self._job.cancel()
        self.progress.hide()

    def _drop_stale(self) -> None:
        self.results.clear()
        self._stack.setCurrentWidget(self.list)

    def _on_found(self, page: SearchPage) -> None:
        self._stop()
        self.results.clear()
        self.results.add(page)
        if self.results.rowCount():
            self._stack.setCurrentWidget(self.list)
        else:
            self.empty.set(
                f"No model found for “{self._text}”" if self._text else "The Hub lists no models",
                "Check the spelling or use fewer words. A model that is not listed opens by its full name: org/name.",
                button="Clear the search" if self._text else "",
            )
            self._stack.setCurrentWidget(self.empty)
        self._say_count()
        announce(self, self.said.text())
        self.found.emit()

    def _on_failed(self, error: BaseException) -> None:
        self._stop()
        self.results.clear()
        self._stack.setCurrentWidget(self.list)
        self.said.setText("")
        more: tuple[Action, ...] = ()
        if isinstance(error, HubUnreachableError):
            more = (("Models on this disk", self._navigator.go_library),)
        self.notice.show_error(error, self.refresh, more=more)

    def _load_more(self, page: str) -> None:
        self.progress.show()
        self._job = self._bridge.run(self._app.hub.search(self._text, page=page), self._on_more, self._on_more_failed)

    def _on_more(self, page: SearchPage) -> None:
        self.progress.hide()
        self.results.add(page)
        self._say_count()
        self.found.emit()

    def _on_more_failed(self, error: BaseException) -> None:
        self.progress.hide()
        self.more_notice.show_error(error, self._more_again)

    def _more_again(self) -> None:
        self.results.allow_more()
        self.results.fetchMore(QModelIndex())

    def _say_count(self) -> None:
        number = self.results.rowCount()
        more = " so far" if self.results.next_page else ""
        self.said.setText(plural(number, "model") + more if number else "")

    # --- choosing ------------------------------------------------------------------------------------------------

    def _tell_choice(self) -> None:
        index = self.list.currentIndex()
        if index.isValid():
            self.model_chosen.emit(ModelRef(kind="hub", id=self.results.summary(index.row()).id))

    def _on_chosen(self, index: QModelIndex) -> None:
        self._settle.stop()
        self.list.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.SelectCurrent)
        self._tell_choice()
        self.activated.emit()

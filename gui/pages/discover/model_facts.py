"""The upper part of a model's page: name, facts, who can serve it, and what there is to download."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from core.hub.facts import ModelDetails, serving_files
from gui.model_words import commit_text, facts
from gui.serving import ServingAnswer, chip_words, short_version
from gui.theme import em
from gui.widgets import Card, Chip, ElidedLabel, FlowLayout, Label, LinkLabel, PrimaryButton
from gui.widgets.text import plain_tooltip
from gui.wording import ago, disk_size

_NAME_EM = 9.2


class ModelHeader(QWidget):
    """Name, commit, the way to its page, the way to serve it, and its facts as chips."""

    serve = Signal()
    open_page = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.name = ElidedLabel("", "title")
        self.commit = Chip()
        self.button = PrimaryButton("Serve…")
        self.button.clicked.connect(self.serve)
        self.page = LinkLabel("", quiet=True)
        self.page.set_icon("external")
        self.page.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the icon behind the text
        self.page.clicked.connect(self.open_page)
        self.updated = Label("", "small", tone="dim")
        self._chips = QWidget()
        self._flow = FlowLayout(self._chips)
        row = QHBoxLayout()
        row.setSpacing(em(0.6))
        row.addWidget(self.name)
        row.addWidget(self.commit)
        row.addStretch(1)
        row.addWidget(self.button)
        second = QHBoxLayout()
        second.setSpacing(em(0.6))
        second.addWidget(self.page)
        second.addWidget(self.updated)
        second.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.5))
        column.addLayout(row)
        column.addLayout(second)
        column.addWidget(self._chips)

    def show_details(self, details: ModelDetails) -> None:
        """Show a model."""
        ref = details.ref
        self.name.setText(ref.label)
        self.commit.set(commit_text(ref), "plain")
        self.commit.setToolTip(ref.commit or ref.id)
        is_hub = ref.kind == "hub"
        self.page.setText(ref.id)
        self.page.setEnabled(is_hub)
        self.page.setIcon(self.page.icon() if is_hub else Chip().windowIcon())
        self.page.setAccessibleName(f"Open {ref.id} on the Hub" if is_hub else ref.id)
        updated = details.summary.updated
        self.updated.setText(f"updated {ago(updated, datetime.now(UTC))}" if updated else "")
        self._flow.clear()
        for fact in facts(details):
            chip = Chip(fact.text, fact.tone)
            chip.setToolTip(plain_tooltip(fact.why))
            chip.setAccessibleDescription(fact.why)
            self._flow.addWidget(chip)

    def set_can_serve(self, can: bool, why_not: str = "") -> None:
        """Enable the way to the Serve form, or say why there is none."""
        self.button.setEnabled(can)
        self.button.setToolTip(why_not)
        self.button.setAccessibleDescription(why_not)


class _EngineRow(QWidget):
    """One engine: its version, what it can do with the model, and why."""

    def __init__(self, answer: ServingAnswer) -> None:
        super().__init__()
        name = QWidget()
        name.setFixedWidth(em(_NAME_EM))
        words = QHBoxLayout(name)
        words.setContentsMargins(0, em(0.1), 0, 0)
        words.setSpacing(em(0.35))
        words.addWidget(Label(answer.engine.title, "bold"))
        words.addWidget(Label(short_version(answer.version_text), tone="dim"))
        words.addStretch(1)
        installed = "installed" if answer.installation is not None else "not installed"
        name.setToolTip(plain_tooltip(f"{answer.engine.title} {answer.version_text}, {installed}; {answer.basis}"))
        chips = QWidget()
        self.chips = FlowLayout(chips, spacing=0.25)
        for each in answer.support.implementations:
            text, tone = chip_words(each)
            chip = Chip(text, "plain" if answer.needs_container else tone)
            chip.setToolTip(plain_tooltip(each.reason))
            chip.setAccessibleDescription(each.reason)
            self.chips.addWidget(chip)
        if answer.installation is None and not answer.needs_container:  # the reason says that it needs a container
            self.chips.addWidget(Chip("not installed"))
        self.reason = Label(reason_line(answer), "small", tone="dim", wrap=True, selectable=True)
        right = QVBoxLayout()
        right.setSpacing(em(0.2))
        right.addWidget(chips)
        right.addWidget(self.reason)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(em(0.6))
        row.addWidget(name, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(right, 1)


class WhoCanServe(Card):
    """One row an engine."""

    def __init__(self) -> None:
        super().__init__("Who can serve it")
        self.rows: list[_EngineRow] = []
        self._waiting = Label("Reading the engines' tables…", tone="dim")
        self.body.addWidget(self._waiting)
        self._box = QVBoxLayout()
        self._box.setSpacing(em(0.55))
        self.body.addLayout(self._box)
        self.body.addStretch(1)

    def show_waiting(self) -> None:
        """The answers are being worked out."""
        self._clear()
        self._waiting.show()

    def show_answers(self, answers: Sequence[ServingAnswer]) -> None:
        """Show the answers of all engines."""
        self._clear()
        self._waiting.hide()
        for answer in answers:
            row = _EngineRow(answer)
            self.rows.append(row)
            self._box.addWidget(row)

    def _clear(self) -> None:
        for row in self.rows:
            row.hide()
            row.deleteLater()
        self.rows.clear()


class DownloadFacts(Card):
    """How much there is to fetch, or where it lies already."""

    def __init__(self) -> None:
        super().__init__("Download")
        self._figure = Label("", "strong")
        self._text = Label("", tone="dim", wrap=True)
        self._path = ElidedLabel("", "small", tone="dim", mode=Qt.TextElideMode.ElideMiddle)
        for widget in (self._figure, self._text, self._path):
            self.body.addWidget(widget)
        self.body.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def show_details(self, details: ModelDetails) -> None:
        """Show a model's."""
        needed = len(serving_files(details.files))
        left_out = len(details.files) - needed
        size = disk_size(details.download_size) if details.download_size is not None else "size unknown"
        others = f"; {left_out} others are not needed" if left_out else ""
        files = f"{needed} {'file' if needed == 1 else 'files'}{others}."
        self._path.setText(str(details.cached_path or details.ref.id if details.ref.kind == "folder" else ""))
        if details.ref.kind == "folder":
            self._figure.setText("A folder of yours")
            self._text.setText(f"{size} in {files}")
        elif details.cached:
            self._figure.setText("On this disk")
            self._text.setText(f"{size} in {files}")
            self._path.setText(str(details.cached_path))
        else:
            self._figure.setText(size)
            self._text.setText(f"In {files} Fetched before the first start.")
        self._path.setVisible(bool(self._path.text()))


def reason_line(answer: ServingAnswer) -> str:
    """In plain words what will happen, for everyone who sees no tooltips."""
    support = answer.support
    return " ".join(part for part in (support.auto_reason, support.note) if part)

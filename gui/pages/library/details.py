"""The chosen model of the Library page."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from core.hub.facts import LibraryEntry
from gui.theme import em
from gui.widgets import Button, Card, Chip, ElidedLabel, FlowLayout, Notice, PrimaryButton
from gui.wording import grouped


class Details(Card):
    """The chosen model and its buttons."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout()
        row.setSpacing(em(0.62))
        self.name = ElidedLabel("", "strong")
        row.addWidget(self.name, 1)
        self.remove = Button("Remove from the list…", icon="minus")
        self.copy = Button("Copy id", icon="copy")
        self.open = Button("Open folder", icon="folder")
        self.serve = PrimaryButton("Serve…", icon="play")
        for button in (self.remove, self.copy, self.open, self.serve):
            row.addWidget(button)
        self._chips = QWidget()
        self._flow = FlowLayout(self._chips)
        self.path = ElidedLabel("", "mono", tone="dim", mode=Qt.TextElideMode.ElideMiddle)
        self.problem = Notice(tone="warn")
        self.body.addLayout(row)
        self.body.addWidget(self._chips)
        self.body.addWidget(self.path)
        self.body.addWidget(self.problem)

    def show_entry(self, entry: LibraryEntry, *, is_added: bool) -> None:
        """Show this one; only what the user added can be removed from the list."""
        self.setAccessibleName(f"Details of {entry.ref.label}")
        is_folder = entry.ref.kind == "folder"
        self.name.setText(entry.ref.label if is_folder else entry.ref.text)
        self.copy.setText("Copy path" if is_folder else "Copy id")
        self.path.setText(str(entry.path))
        self.problem.show_text(entry.problem, spoken=False)
        self.remove.setVisible(is_added)
        self.open.setEnabled(entry.path.is_dir())
        self.serve.setEnabled(entry.ref.kind == "hub" or entry.config is not None)
        self._flow.clear()
        for words in _facts(entry):
            self._flow.addWidget(Chip(words))
        self._chips.setVisible(self._flow.count() > 0)


def _facts(entry: LibraryEntry) -> list[str]:
    """What its config says, for chips."""
    config = entry.config
    if config is None:
        return []
    facts = [*config.architectures[:1], config.dtype or ""]
    if config.quantization:
        facts.append(config.quantization)
    if config.context_length:
        facts.append(f"{grouped(config.context_length)} context")
    if entry.ref.commit:
        facts.append(f"{entry.ref.revision or 'main'} @ {entry.ref.commit[:7]}")
    return [fact for fact in facts if fact]

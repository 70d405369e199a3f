"""The right side of the Serve form: what will run, where, and the button that does it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from core.hub.facts import ModelDetails
from gui.theme import em
from gui.widgets import Button, Card, CodeBox, ElidedLabel, Label, Notice, PrimaryButton, ScrollColumn, copy_text
from gui.widgets.text import Tone
from gui.wording import disk_size

_WIDTH_EM, _NARROW_EM = 23, 17


@dataclass(frozen=True)
class Preview:
    """What a launch spec would do, or why that can't be said."""

    command: str = ""
    problem: str = ""


class _Fact(QWidget):
    """A name at the left, its value at the right."""

    def __init__(self, name: str, *, mono: bool = False) -> None:
        super().__init__()
        self.value = ElidedLabel("", "mono" if mono else "body")
        self.value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(Label(name))
        row.addWidget(self.value, 1)
        self._name = name
        self.setAccessibleName(name)

    def set(self, text: str, tone: Tone = "dim") -> None:
        """Show a value."""
        self.value.setText(text)
        self.value.set_tone(tone)
        self.setAccessibleName(f"{self._name}: {text}")


class Summary(QWidget):
    """Command, endpoint, download, installation, and the primary button."""

    launched = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.code = CodeBox(name="What will run", max_lines=24, wrap=True, copyable=False)
        self.copy = Button("Copy", kind="small")
        self.copy.setAccessibleName("Copy the command")
        self.cause = Label("", tone="dim", wrap=True)
        self.endpoint = _Fact("Endpoint", mono=True)
        self.download = _Fact("Download first")
        self.installation = _Fact("Installation")
        self.notice = Notice()
        self.button = PrimaryButton("Serve")
        self.button.setSizePolicy(self.button.sizePolicy().Policy.Expanding, self.button.sizePolicy().Policy.Fixed)
        self.hint = Label("", "small", tone="dim", wrap=True)
        self._verb = "Serve"
        self._build()
        self.copy.clicked.connect(lambda: copy_text(self.code.toPlainText()))
        self.button.clicked.connect(self.launched)

    def show_preview(self, preview: Preview) -> None:
        """Show the command, or why there is none."""
        self.code.setVisible(bool(preview.command))
        self.copy.setVisible(bool(preview.command))
        if preview.command:
            self.code.set_text(preview.command)
        self.cause.setText(preview.problem)
        self.cause.setVisible(bool(preview.problem))

    def show_download(self, details: ModelDetails, free: int | None) -> None:
        """Show what must be fetched first.

        Args:
            details: the model.
            free: bytes free where it goes, None where unknown.
        """
        if details.ref.kind == "folder" or details.cached:
            self.download.set("on this disk", "ok")
            return
        size = details.download_size
        words = disk_size(size) if size is not None else "size unknown"
        if free is None:
            self.download.set(words)
        elif size is not None and size > free:
            self.download.set(f"{words} · only {disk_size(free)} free", "bad")
        else:
            self.download.set(f"{words} · {disk_size(free)} free")

    def set_verb(self, verb: str, hint: str = "") -> None:
        """What the button says, and a line under it."""
        self._verb = verb
        self.button.setText(verb)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))

    def set_busy(self, busy: bool) -> None:
        """It is being launched."""
        self.button.setEnabled(not busy)
        self.button.setText("Starting…" if busy else self._verb)

    def set_narrow(self, narrow: bool) -> None:
        """Leave room to a form that has little."""
        self.setFixedWidth(em(_NARROW_EM if narrow else _WIDTH_EM))

    def _build(self) -> None:
        self.set_narrow(False)
        column = ScrollColumn(margins=False)
        what = Card("What will run")
        what.body.addWidget(self.code)
        what.body.addWidget(self.cause)
        row = QHBoxLayout()
        row.addWidget(self.copy)
        row.addStretch(1)
        what.body.addLayout(row)
        facts = Card()
        for fact in (self.endpoint, self.download, self.installation):
            facts.body.addWidget(fact)
        column.body.addWidget(what)
        column.body.addWidget(facts)
        column.body.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(em(0.6), em(1.25), em(1.5), em(1.25))
        whole.setSpacing(em(0.6))
        whole.addWidget(column, 1)
        for widget in (self.notice, self.button, self.hint):
            whole.addWidget(widget)
        self.cause.hide()
        self.hint.hide()


def free_space(folder: Path) -> int | None:
    """Bytes free on the disk where a folder is or will be; None if it can't be told. Blocks."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None

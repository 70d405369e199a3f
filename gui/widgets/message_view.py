"""The messages of a chat: a question as a bubble at the right, an answer as text across the column."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from gui.theme import em, font
from gui.widgets.buttons import Button
from gui.widgets.card import Separator
from gui.widgets.codebox import CopyButton
from gui.widgets.markdown_view import MarkdownView
from gui.widgets.notice import Notice
from gui.widgets.text import ElidedLabel, Label, LinkLabel

_BUBBLE_SHARE = 0.8


class QuestionView(QWidget):
    """What the user asked."""

    def __init__(self, text: str, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.label = Label(text, wrap=True, selectable=True)
        self.label.setAccessibleName(f"You: {text}")
        self._bubble = QFrame()
        self._bubble.setProperty("notice", "accent")
        inner = QVBoxLayout(self._bubble)
        inner.setContentsMargins(em(0.75), em(0.5), em(0.75), em(0.5))
        inner.addWidget(self.label)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(self._bubble)
        self._fit(em(20))

    @property
    def text(self) -> str:
        """The question."""
        return self.label.text()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As wide as its longest line, at most four fifths."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit(event.size().width())

    def _fit(self, width: int) -> None:
        metrics = self.label.fontMetrics()
        longest = max((metrics.horizontalAdvance(line) for line in self.label.text().split("\n")), default=0)
        room = max(em(6), round(width * _BUBBLE_SHARE) - em(1.5) - 2)
        wide = min(longest + 2, room)
        self.label.setFixedSize(wide, self.label.heightForWidth(wide))
        self.setFixedHeight(self.label.height() + em(1) + 2)

    def minimumSizeHint(self) -> QSize:
        """Narrow: the bubble follows."""
        return QSize(em(8), self.height())


class AnswerView(QWidget):
    """What the model said: its reasoning folded away, its text, what went wrong, and what was measured."""

    retry_wanted = Signal()
    edit_wanted = Signal()
    link_clicked = Signal(QUrl)

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.waiting = Label("", tone="dim")
        self.fold = LinkLabel("", quiet=True)
        self.fold.setCheckable(True)
        self.fold.toggled.connect(self._on_fold)
        self.reasoning = MarkdownView(name="Reasoning")
        self.body = MarkdownView(name="Answer")
        for view in (self.reasoning, self.body):
            view.link_clicked.connect(self.link_clicked)
        self.problem = Notice(tone="bad")
        self.figures = ElidedLabel("", "small", tone="dim")
        self.copy_button = CopyButton("Copy the answer")
        self.regenerate_button = Button("Regenerate", kind="dim-link")
        self.regenerate_button.setToolTip("Ask the last question again")
        self.edit_button = Button("Edit", kind="dim-link")
        self.edit_button.setToolTip("Change the last question and ask it again")
        for button in (self.regenerate_button, self.edit_button):
            button.setFont(font("small"))
        self.regenerate_button.clicked.connect(self.retry_wanted)
        self.edit_button.clicked.connect(self.edit_wanted)
        self._is_last = True
        self._is_over = False
        self._thought = ""
        self._build()

    def _build(self) -> None:
        self._thinking = QWidget()
        thinking = QHBoxLayout(self._thinking)
        thinking.setContentsMargins(0, 0, 0, 0)
        thinking.setSpacing(em(0.62))
        thinking.addWidget(Separator(vertical=True))
        inner = QVBoxLayout()
        inner.setSpacing(em(0.3))
        inner.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        inner.addWidget(self.reasoning)
        thinking.addLayout(inner, 1)
        self._footer = QWidget()
        footer = QHBoxLayout(self._footer)
        footer.setContentsMargins(0, 0, 0, 0)
        footer.setSpacing(em(0.4))
        for widget in (self.figures, self.copy_button, self.regenerate_button, self.edit_button):
            footer.addWidget(widget)
        footer.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.4))
        for part in (self.waiting, self._thinking, self.body, self.problem, self._footer):
            column.addWidget(part)
        for part in (self._thinking, self.reasoning, self.body, self._footer):
            part.hide()

    def set_waiting(self, text: str) -> None:
        """What it waits for; empty once something came."""
        self.waiting.setText(text)
        self.waiting.setVisible(bool(text))

    def set_reasoning(self, text: str, words: str, *, final: bool) -> None:
        """Show the reasoning under a fold that says `words` (`Thought for 1.4 s`)."""
        self._thought = words
        self._thinking.setVisible(bool(text))
        self._say_fold()
        self.reasoning.set_markdown(text, final=final)

    def set_text(self, text: str, *, final: bool) -> None:
        """Show the text so far; the rendering is exact once it is `final`."""
        self.body.setVisible(bool(text))
        self.body.set_markdown(text, final=final)
        self.copy_button.set_text(text)

    def set_over(self, figures: str, problem: str = "", *, can_retry: bool = True) -> None:
        """Nothing more will come: what was measured, and what went wrong."""
        self._is_over = True
        self.set_waiting("")
        self.figures.setText(figures)
        self.figures.setVisible(bool(figures))
        self.copy_button.setVisible(bool(self.body.markdown))
        actions = [("Retry", self.retry_wanted.emit)] if can_retry and self._is_last else []
        self.problem.show_text(problem, tone="bad", actions=actions)
        self._update_footer()

    def set_last(self, last: bool) -> None:
        """Only the last answer can be asked for again."""
        if last != self._is_last:
            self._is_last = last
            if not last and self.problem.text:
                self.problem.show_text(self.problem.text, spoken=False)
            self._update_footer()

    def set_enabled(self, enabled: bool) -> None:
        """Whether the endpoint can be asked again now."""
        for button in (self.regenerate_button, self.edit_button):
            button.setEnabled(enabled)

    def _update_footer(self) -> None:
        self.regenerate_button.setVisible(self._is_last and not self.problem.text)
        self.edit_button.setVisible(self._is_last)
        self._footer.setVisible(self._is_over)

    def _on_fold(self, unfolded: bool) -> None:
        self.reasoning.setVisible(unfolded)
        self._say_fold()

    def _say_fold(self) -> None:
        unfolded = self.fold.isChecked()
        self.fold.setText(f"{'▾' if unfolded else '▸'} {self._thought}")
        self.fold.setAccessibleName(f"{self._thought}, {'unfolded' if unfolded else 'folded'}")

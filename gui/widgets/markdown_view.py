"""Markdown that grows: a model's answer while it streams.

No HTML, no images, nothing loaded from anywhere; links are told to the outside and open only by a click. A whole
`setMarkdown` costs time in proportion to the text, so it is done at most every `max(50 ms, 10 times the last cost)`:
that keeps the share of the GUI's time constant, however long the text gets.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
    QTextCursor,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from gui.theme import color, em, font, theme
from gui.widgets.markdown_document import MarkdownDocument
from gui.widgets.text import plain_tooltip

SHORTEST_PAUSE = 0.05
PAUSE_PER_COST = 10.0


class MarkdownView(QTextBrowser):
    """A read-only text as high as its content.

    Args:
        name: what it is, for screen readers.
    """

    link_clicked = Signal(QUrl)

    def __init__(self, *, name: str = "Answer", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "plain")
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setFont(font())
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.anchorClicked.connect(self.link_clicked)
        self.highlighted.connect(self._on_highlighted)
        self._markdown = ""
        self._rendered = ""
        self._own: MarkdownDocument | None = None
        self._cost = 0.0
        self._rendered_at = 0.0
        self.renders = 0
        """How often the text was set, for measurements."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.render_now)
        theme().changed.connect(self._on_theme)

    @property
    def markdown(self) -> str:
        """The text that was given last."""
        return self._markdown

    def set_markdown(self, text: str, *, final: bool = False) -> None:
        """Show a text, at once when it is `final`, else as soon as the last rendering has been paid for."""
        self._markdown = text
        if not self.isVisible():  # rendered when somebody looks
            return
        if final:
            self.render_now()
            return
        if text == self._rendered or self._timer.isActive():
            return
        pause = max(SHORTEST_PAUSE, PAUSE_PER_COST * self._cost)
        wait = self._rendered_at + pause - time.perf_counter()
        if wait <= 0:
            self.render_now()
        else:
            self._timer.start(max(1, round(wait * 1000)))

    def render_now(self) -> None:
        """Show all of it."""
        self._timer.stop()
        if self._markdown == self._rendered or not self.isVisible():
            return
        started = time.perf_counter()
        self._render()
        self._fit()
        self._rendered_at = time.perf_counter()
        self._cost = self._rendered_at - started

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Nothing is loaded here either."""
        return None

    # --- rendering -----------------------------------------------------------------------------------------------

    def _render(self) -> None:
        """Set the text; keeps what is selected where it still is the same."""
        cursor = self.textCursor()
        anchor, position = cursor.anchor(), cursor.position()
        self._rendered = self._markdown
        self.renders += 1
        document = MarkdownDocument(self._markdown, self)
        self.setDocument(document)
        if self._own is not None:
            self._own.deleteLater()
        self._own = document
        if anchor != position:
            last = max(0, document.characterCount() - 1)
            cursor = QTextCursor(document)
            cursor.setPosition(min(anchor, last))
            cursor.setPosition(min(position, last), QTextCursor.MoveMode.KeepAnchor)
            self.setTextCursor(cursor)

    # --- the widget ----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """As high as the text at the present width."""
        high = round(self.document().size().height() + 0.5)
        if self._own is not None and self._own.ends_in_code:
            high += em(0.6)  # Qt leaves out the margin under the last block, where the frame of the code is
        return QSize(em(20), max(self.fontMetrics().height(), high))

    def minimumSizeHint(self) -> QSize:
        """Narrow, and as high."""
        return QSize(em(6), self.sizeHint().height())

    def showEvent(self, event: QShowEvent) -> None:
        """Show what came while nobody looked."""
        super().showEvent(event)
        self.render_now()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width makes another height."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave it to what scrolls around."""
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc, PageUp and the like are for what is around."""
        if event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Escape):
            event.ignore()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Frames behind the code, then the text."""
        if self._own is not None and self._own.codes:
            painter = QPainter(self.viewport())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(color("line"), 1))
            painter.setBrush(color("log"))
            for frame in self.code_frames():
                painter.drawRoundedRect(frame, em(0.5), em(0.5))
            painter.end()
        super().paintEvent(event)

    def code_frames(self) -> Iterator[QRectF]:
        """Where the blocks of code are, in the viewport."""
        if self._own is None:
            return
        layout = self._own.documentLayout()
        for code in self._own.codes:
            first = layout.blockBoundingRect(self._own.findBlockByNumber(code.first))
            last = layout.blockBoundingRect(self._own.findBlockByNumber(code.last))
            pad = em(0.5)
            left = max(0.5, first.left() - em(0.62))
            yield QRectF(
                left + 0.5,
                first.top() - pad,
                self.viewport().width() - left - 1.5,
                last.bottom() - first.top() + 2 * pad,
            )

    def _fit(self) -> None:
        self.document().setTextWidth(self.viewport().width())
        high = self.sizeHint().height()
        if self.height() != high or self.minimumHeight() != high:
            self.setFixedHeight(high)

    def _on_theme(self) -> None:
        self._rendered = "\0"  # anything else: the colours are in the document
        self.render_now()

    def _on_highlighted(self, url: QUrl) -> None:
        self.setToolTip(plain_tooltip(url.toString()))

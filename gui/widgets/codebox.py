"""Code and commands: monospaced, selectable, with a button that copies all of it."""

from __future__ import annotations

import math

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetricsF, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QWidget

from gui.theme import em, font
from gui.widgets.buttons import IconButton
from gui.widgets.notice import announce


def copy_text(text: str) -> None:
    """Put a text on the clipboard."""
    QGuiApplication.clipboard().setText(text)


class CopyButton(IconButton):
    """Copies what `text` returns when it is pressed, and shows for a moment that it did."""

    copied = Signal(str)

    def __init__(self, name: str = "Copy", *, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__("copy", name, parent=parent)
        self._text = text
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(1500)
        self._timer.timeout.connect(lambda: self.set_icon("copy"))
        self.clicked.connect(self._copy)

    def set_text(self, text: str) -> None:
        """What it will copy."""
        self._text = text

    def _copy(self) -> None:
        copy_text(self._text)
        self.set_icon("check")
        self._timer.start()
        announce(self, "Copied")
        self.copied.emit(self._text)


class CodeBox(QPlainTextEdit):
    """A block of code as high as its lines, up to a limit; then it scrolls.

    Args:
        text: the code.
        name: what it is, for screen readers.
        max_lines: lines shown without scrolling.
        wrap: break long lines, else scroll sideways.
        copyable: has the copy button.
    """

    copied = Signal(str)

    def __init__(
        self,
        text: str = "",
        *,
        name: str = "Code",
        max_lines: int = 16,
        wrap: bool = False,
        copyable: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._max_lines = max_lines
        self._button = CopyButton(f"Copy {name[:1].lower()}{name[1:]}", parent=self)
        self._button.setVisible(copyable)
        self._button.copied.connect(self.copied)
        self.setProperty("kind", "code")
        self.setAccessibleName(name)
        self.setFont(font("mono_small"))
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        mode = QPlainTextEdit.LineWrapMode
        self.setLineWrapMode(mode.WidgetWidth if wrap else mode.NoWrap)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if wrap:
            self.document().documentLayout().documentSizeChanged.connect(lambda _size: self.updateGeometry())
        self.verticalScrollBar().rangeChanged.connect(self._place_button)
        self.set_text(text)

    def set_text(self, text: str) -> None:
        """Show other code; keeps the place where it is scrolled to when only a part changed."""
        if text == self.toPlainText():
            return
        place = self.verticalScrollBar().value()
        self.setPlainText(text)
        self._button.set_text(text)
        self.verticalScrollBar().setValue(place)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """As high as its lines."""
        lines = max(1, round(self.document().size().height()))  # QPlainTextDocumentLayout counts in lines
        lines = min(lines, self._max_lines)
        bar = self.horizontalScrollBar()
        extra = bar.sizeHint().height() if bar.maximum() > bar.minimum() else 0
        # As the layout rounds: over many lines the metrics' own line spacing would come out a line short.
        metrics = QFontMetricsF(self.font())
        line = math.ceil(metrics.ascent()) + math.ceil(metrics.descent()) + math.ceil(metrics.leading())
        return QSize(em(20), line * lines + em(1.7) + extra)

    def minimumSizeHint(self) -> QSize:
        """Narrow, and as high."""
        return QSize(em(6), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the button in the corner; broken at another width the lines may be more or fewer."""
        super().resizeEvent(event)
        if self.lineWrapMode() != QPlainTextEdit.LineWrapMode.NoWrap:
            self.updateGeometry()
        self._place_button()

    def _place_button(self) -> None:
        side = self._button.sizeHint()
        bar = self.verticalScrollBar()
        room = bar.sizeHint().width() if bar.maximum() > bar.minimum() else 0
        self._button.setGeometry(self.width() - side.width() - room - 2, 2, side.width(), side.height())

"""How a found model is drawn in the list: name and marks, and under it size, licence and popularity."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from core.hub.facts import ModelSummary
from gui.model_words import popularity, summary_line, summary_marks
from gui.models.search_results import SUMMARY
from gui.theme import color, em, font

Index = QModelIndex | QPersistentModelIndex


class ResultRow(QStyledItemDelegate):
    """Paints a row of `SearchResults`."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Two lines and their padding."""
        lines = QFontMetrics(font("bold")).height() + QFontMetrics(font()).height()
        return QSize(em(12), lines + em(1.7))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Ground, name with marks, facts, hairline."""
        model = index.data(SUMMARY)
        if not isinstance(model, ModelSummary):
            return
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, color("accent_weak"))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, color("rail"))
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), color("line"))
        inner = rect.adjusted(em(0.75), em(0.7), -em(0.75), -em(0.7))
        half = inner.height() // 2
        self._paint_name(painter, QRect(inner.left(), inner.top(), inner.width(), half), model)
        self._paint_facts(painter, QRect(inner.left(), inner.top() + half, inner.width(), half), model)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(rect.adjusted(1, 1, -1, -2))
        painter.restore()

    def _paint_name(self, painter: QPainter, rect: QRect, model: ModelSummary) -> None:
        marks = summary_marks(model)
        small = QFontMetrics(font("small"))
        widths = [small.horizontalAdvance(mark) + em(1.2) for mark in marks]
        room = rect.width() - sum(widths) - em(0.6) * len(marks)
        painter.setFont(font("bold"))
        painter.setPen(color("text"))
        metrics = QFontMetrics(font("bold"))
        name = metrics.elidedText(model.id, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)
        left = rect.left() + metrics.horizontalAdvance(name) + em(0.6)
        painter.setFont(font("small"))
        high = small.height() + em(0.25)
        for mark, wide in zip(marks, widths, strict=True):
            chip = QRectF(left, rect.center().y() - high / 2, wide, high)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("warnbg"))
            painter.drawRoundedRect(chip, high / 2, high / 2)
            painter.setPen(color("warn"))
            painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, mark)
            left += wide + em(0.4)

    def _paint_facts(self, painter: QPainter, rect: QRect, model: ModelSummary) -> None:
        painter.setFont(font())
        painter.setPen(color("dim"))
        metrics = QFontMetrics(font())
        text = summary_line(model)
        # What has no room is left out: half a number says nothing.
        for part in popularity(model):
            longer = f"{text}    {part}" if text else part
            if metrics.horizontalAdvance(longer) <= rect.width():
                text = longer
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)

"""The one style sheet of the application, made from the tokens of a theme.

It gives stock widgets the rounded cards, inputs and buttons of the design. Widgets are reached by type and by the
dynamic properties `card`, `kind` and `surface` that our own widgets set; pages never set style sheets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gui.theme import Tokens


def stylesheet(t: Tokens, em: int) -> str:
    """The style sheet for these tokens; lengths in parts of `em`, the height of the body font in pixels."""
    return "".join((_surfaces(t, em), _buttons(t, em), _inputs(t, em), _views(t, em), _bars(t, em)))


def _surfaces(t: Tokens, em: int) -> str:
    radius = round(em * 0.62)
    cards = {
        "plain": (t.panel, t.line),
        "accent": (t.panel, t.accent),
        "ok": (t.panel, t.ok),
        "warn": (t.panel, t.dot_warn),
        "bad": (t.panel, t.bad),
    }
    rules = [
        f'QFrame[card="{name}"] {{ background: {ground}; border: 1px solid {edge}; border-radius: {radius}px; }}\n'
        for name, (ground, edge) in cards.items()
    ]
    notices = {
        "plain": (t.panel, t.line),
        "accent": (t.accent_weak, t.accent_weak),
        "ok": (t.okbg, t.okbg),
        "warn": (t.warnbg, t.warnbg),
        "bad": (t.badbg, t.badbg),
    }
    rules += [
        f'QFrame[notice="{name}"] {{ background: {ground}; border: 1px solid {edge}; border-radius: {radius}px; }}\n'
        for name, (ground, edge) in notices.items()
    ]
    rules += [
        f'QLabel[tone="{name}"] {{ color: {getattr(t, name)}; }}\n' for name in ("dim", "ok", "warn", "bad", "accent")
    ]
    return (
        "".join(rules)
        + f"""
QWidget[surface="rail"] {{ background: {t.rail}; border: 0; border-right: 1px solid {t.line}; }}
QWidget[surface="strip"] {{ background: {t.rail}; border: 0; border-top: 1px solid {t.line}; }}
QWidget[surface="bg"] {{ background: {t.bg}; }}
QWidget[surface="panel"] {{ background: {t.panel}; }}
QFrame[surface="line"] {{ background: {t.line}; border: 0; }}
QFrame[toast="true"] {{ border-color: {t.edge}; }}
QToolTip {{ background: {t.panel}; color: {t.text}; border: 1px solid {t.line}; padding: {em // 4}px; }}
QMenu {{ background: {t.panel}; border: 1px solid {t.line}; padding: {em // 4}px; }}
QMenu::item {{ padding: {em // 3}px {em}px; border-radius: {em // 3}px; }}
QMenu::item:selected {{ background: {t.accent_weak}; color: {t.accent}; }}
QMenu::item:disabled {{ color: {t.dim}; }}
QMenu::separator {{ height: 1px; background: {t.line}; margin: {em // 4}px 0; }}
QSplitter::handle {{ background: transparent; }}
QSplitter::handle:hover {{ background: {t.accent_weak}; }}
"""
    )


def _buttons(t: Tokens, em: int) -> str:
    radius, high, wide = round(em * 0.45), round(em * 0.36), round(em * 0.75)
    small_high, small_wide = round(em * 0.12), round(em * 0.5)
    return f"""
QPushButton {{ background: {t.panel}; color: {t.text}; border: 1px solid {t.line}; border-radius: {radius}px;
  padding: {high}px {wide}px; }}
QPushButton:hover {{ background: {t.bg if not t.is_dark else t.line}; }}
QPushButton:pressed, QPushButton:checked, QPushButton:open {{ background: {t.accent_weak}; }}
QPushButton:disabled {{ color: {t.dim}; background: {t.bg}; }}
QPushButton:focus {{ border: 2px solid {t.accent}; padding: {high - 1}px {wide - 1}px; }}
QPushButton::menu-indicator {{ width: 0; }}
QPushButton[kind="primary"] {{ background: {t.accent}; color: {t.on_accent}; border-color: {t.accent}; }}
QPushButton[kind="primary"]:hover, QPushButton[kind="primary"]:pressed {{ background: {t.accent_hover}; }}
QPushButton[kind="primary"]:focus {{ border: 2px solid {t.text}; }}
QPushButton[kind="primary"]:disabled {{ background: {t.line}; color: {t.dim}; border-color: {t.line}; }}
QPushButton[kind="danger"] {{ color: {t.bad}; }}
QPushButton[kind="danger"]:focus {{ border-color: {t.bad}; }}
QPushButton[kind="danger"]:disabled {{ color: {t.dim}; }}
QPushButton[kind="small"] {{ padding: {small_high}px {small_wide}px; }}
QPushButton[kind="small"]:focus {{ padding: {small_high - 1}px {small_wide - 1}px; }}
QPushButton[kind="icon"] {{ padding: {high}px; border-color: transparent; background: transparent; }}
QPushButton[kind="icon"]:hover {{ background: {t.accent_weak}; }}
QPushButton[kind="icon"]:focus {{ padding: {high - 1}px; border: 2px solid {t.accent}; }}
QPushButton[kind="link"] {{ padding: 1px 2px; border: 1px solid transparent; background: transparent;
  color: {t.accent}; text-align: left; border-radius: {em // 5}px; }}
QPushButton[kind="link"]:hover {{ text-decoration: underline; }}
QPushButton[kind="link"]:disabled {{ color: {t.dim}; }}
QPushButton[kind="link"]:focus {{ border: 1px solid {t.accent}; }}
QPushButton[kind="dim-link"] {{ padding: 1px 2px; border: 1px solid transparent; background: transparent;
  color: {t.dim}; text-align: left; border-radius: {em // 5}px; }}
QPushButton[kind="dim-link"]:hover {{ color: {t.accent}; }}
QPushButton[kind="dim-link"]:focus {{ border: 1px solid {t.accent}; }}
"""


def _inputs(t: Tokens, em: int) -> str:
    radius, high, wide = round(em * 0.5), round(em * 0.36), round(em * 0.62)
    fields = "QLineEdit, QAbstractSpinBox, QPlainTextEdit, QTextEdit"
    focus = ", ".join(f"{each.strip()}:focus" for each in fields.split(","))
    return f"""
{fields} {{ background: {t.panel}; color: {t.text}; border: 1px solid {t.line}; border-radius: {radius}px;
  padding: {high}px {wide}px; selection-background-color: {t.accent}; selection-color: {t.on_accent}; }}
{focus} {{ border: 2px solid {t.accent}; padding: {high - 1}px {wide - 1}px; }}
QLineEdit:disabled, QAbstractSpinBox:disabled, QPlainTextEdit:disabled {{ color: {t.dim}; background: {t.bg}; }}
QLineEdit[problem="true"], QAbstractSpinBox[problem="true"], QPlainTextEdit[problem="true"]
  {{ border: 1px solid {t.bad}; }}
QLineEdit[problem="true"]:focus, QAbstractSpinBox[problem="true"]:focus {{ border: 2px solid {t.bad}; }}
QAbstractSpinBox > QLineEdit, QAbstractSpinBox > QLineEdit:focus
  {{ border: 0; padding: 0 {wide}px; background: transparent; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 0; border: 0; }}
QPlainTextEdit[kind="code"], QTextEdit[kind="code"], QTextBrowser[kind="code"] {{ background: {t.log}; }}
QTextBrowser[kind="plain"], QPlainTextEdit[kind="plain"], QTextEdit[kind="plain"]
  {{ border: 0; padding: 0; background: transparent; }}
QComboBox QAbstractItemView {{ background: {t.panel}; border: 1px solid {t.line}; outline: 0;
  selection-background-color: {t.accent_weak}; selection-color: {t.accent}; }}
QComboBox QAbstractItemView::item {{ min-height: {round(em * 1.7)}px; }}
"""


def _views(t: Tokens, em: int) -> str:
    return f"""
QAbstractScrollArea[surface="bare"] {{ background: transparent; border: 0; }}
QAbstractScrollArea[surface="bare"] > QWidget > QWidget[surface="bare"] {{ background: transparent; }}
QAbstractItemView[surface="list"] {{ background: transparent; border: 0; outline: 0;
  selection-background-color: {t.accent_weak}; selection-color: {t.text}; }}
QAbstractItemView[surface="log"] {{ background: {t.log}; border: 0; outline: 0;
  selection-background-color: {t.accent_weak}; selection-color: {t.text}; }}
QAbstractItemView[surface="list"]:focus {{ border: 1px solid {t.accent}; border-radius: {em // 4}px; }}
QTableView[surface="list"]::item {{ border-bottom: 1px solid {t.line}; padding: 0 {em // 3}px; }}
QTableView[surface="list"]::item:selected {{ background: {t.accent_weak}; color: {t.text}; }}
QHeaderView {{ background: transparent; border: 0; }}
QHeaderView::section {{ background: transparent; color: {t.dim}; border: 0; border-bottom: 1px solid {t.line};
  padding: {em // 3}px {em // 3}px {em // 3}px {em // 3 + 3}px; text-align: left; }}
QAbstractScrollArea::corner {{ background: transparent; border: 0; }}
QTableCornerButton::section {{ background: transparent; border: 0; }}
QTabBar {{ background: transparent; }}
QTabBar::tab {{ background: transparent; color: {t.dim}; border: 2px solid transparent; border-radius: {em // 4}px;
  padding: {em // 4}px {em // 3}px; margin-right: {em // 2}px; }}
QTabBar::tab:selected {{ color: {t.accent}; }}
QTabBar::tab:hover {{ color: {t.text}; }}
QTabBar::tab:focus {{ border-color: {t.accent}; }}
"""


def _bars(t: Tokens, em: int) -> str:
    wide, radius = round(em * 0.62), round(em * 0.25)
    return f"""
QScrollBar:vertical {{ background: transparent; width: {wide}px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: {wide}px; margin: 0; }}
QScrollBar::handle {{ background: {t.used}; border-radius: {radius}px; margin: 1px; }}
QScrollBar::handle:vertical {{ min-height: {em * 2}px; }}
QScrollBar::handle:horizontal {{ min-width: {em * 2}px; }}
QScrollBar::handle:hover {{ background: {t.edge}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
"""

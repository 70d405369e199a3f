"""The options of the chosen engine: those that matter, those that were added, and the search among all."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from core.engines.engine import Engine
from core.engines.options import Option, OptionTable
from core.hub.facts import ModelConfig
from gui.pages.serve.form_state import OWN_OPTIONS, FormState
from gui.pages.serve.option_editors import OptionEditor, TextEntry, make_editor
from gui.pages.serve.option_search import OptionSearch
from gui.pages.serve.option_values import first_sentence, is_switch
from gui.theme import em
from gui.widgets import Card, FormRow, Label, LinkLabel, Notice, ProgressLine
from gui.widgets.tab_order import chain_tabs


class OptionsCard(Card):
    """Shows and changes `FormState.entries`.

    Args:
        state: the form.
        config: the model's, where it can be read: some defaults come from it.
    """

    changed = Signal()
    row_added = Signal(object)
    """A `FormRow` that should be seen."""

    def __init__(self, state: FormState, config: ModelConfig | None) -> None:
        super().__init__("Options")
        self._state, self._config = state, config
        self._engine: Engine | None = None
        self._table: OptionTable | None = None
        self._undo: dict[str, str] | None = None
        self.rows: dict[str, FormRow] = {}
        self._editors: dict[str, OptionEditor] = {}
        self.search = OptionSearch(self)
        self.search.field.setMaximumWidth(em(17))
        self.differ = Label("", tone="dim")
        self.reset = LinkLabel("reset")
        self.notice = Notice()
        self.progress = ProgressLine(name="Reading the options")
        self._rows_box = QVBoxLayout()
        self._rows_box.setSpacing(em(0.5))
        self._own_rows: list[QWidget] = []
        self._build()
        self.search.taken.connect(self.add)
        self.reset.clicked.connect(self._on_reset)

    def set_engine(self, engine: Engine, table: OptionTable) -> None:
        """Show the options of an engine; what was typed stays where it has an option of that name."""
        self._engine, self._table, self._undo = engine, table, None
        self._rebuild()

    def add_row(self, row: QWidget) -> None:
        """Put a row of another part of the form among the options, behind those that matter."""
        self._own_rows.append(row)

    def say(self, text: str, *, title: str = "", retry: Callable[[], None] | None = None, busy: bool = False) -> None:
        """Where these options come from, if that needs saying."""
        actions = [("Try again", retry)] if retry is not None else []
        self.notice.show_text(text, title=title, tone="warn" if retry else "plain", actions=actions)
        self.progress.set_fraction(None)
        self.progress.setVisible(busy)

    def add(self, name: str) -> None:
        """Have an option in the form, and the focus in it."""
        if name not in self.rows and self._table is not None and (option := self._table.get(name)) is not None:
            self._state.added.append(option.name)
            self._add_option(option, _label(option))
            self._offer()
            self._order_tabs()
        row = self.rows.get(name)
        if row is not None:
            # After the search panel has closed and the rows stand where they stay.
            QTimer.singleShot(0, row, lambda: self._show_row(row))

    def refresh_marks(self) -> None:
        """Mark what differs from its default, and count it."""
        if self._table is None:
            return
        differing = self._state.differing(self._table)
        for name, row in self.rows.items():
            row.set_differs(name in differing)
        number = len(differing)
        if self._undo is not None and not number:
            self.differ.setText("all as the engine has them")
            self.reset.setText("undo")
        else:
            self._undo = None
            verb = "differs from its default" if number == 1 else "differ from the defaults"
            self.differ.setText(f"{number} {verb}" if number else "")
            self.reset.setText("reset")
        self.reset.setVisible(bool(number or self._undo))

    # --- building ------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.header.setSpacing(em(0.6))
        self.header.addWidget(self.search.field, 1)
        self.header.addStretch(1)
        self.header.addWidget(self.differ)
        self.header.addWidget(self.reset)
        self.reset.hide()
        self.body.addWidget(self.search.panel)
        self.body.addWidget(self.notice)
        self.body.addWidget(self.progress)
        self.progress.hide()
        self.body.addSpacing(em(0.2))
        self.body.addLayout(self._rows_box)

    def _rebuild(self) -> None:
        engine, table = self._engine, self._table
        assert engine is not None
        assert table is not None
        focused = next((name for name, editor in self._editors.items() if editor.hasFocus()), "")
        for own in self._own_rows:
            self._rows_box.removeWidget(own)
        for row in self.rows.values():
            row.hide()
            row.deleteLater()
        self.rows.clear()
        self._editors.clear()
        for name, label in engine.key_options:
            option = table.get(name)
            if option is not None:
                self._add_option(option, label)
        for own in self._own_rows:
            self._rows_box.addWidget(own)
        for name in dict.fromkeys((*self._state.added, *self._state.entries)):
            option = table.get(name)
            if option is None and name in self._state.entries:
                self._add_unknown(name, f"{engine.title} {table.version} has no such option; clear it to drop it")
            elif option is not None and option.name not in self.rows:
                self._add_option(option, _label(option))
        self._offer()
        self.refresh_marks()
        self._order_tabs()
        if focused in self._editors:
            self._editors[focused].setFocus()

    def _order_tabs(self) -> None:
        items = (self._rows_box.itemAt(index) for index in range(self._rows_box.count()))
        chain_tabs(self.reset, [widget for item in items if item is not None and (widget := item.widget())])

    def _offer(self) -> None:
        assert self._table is not None
        options = [each for each in self._table.options if each.name not in OWN_OPTIONS]
        self.search.set_options(options, self.rows)

    def _add_option(self, option: Option, label: str) -> None:
        editor = make_editor(option, self._config)
        self._add_row(option.name, label, editor, _hint(option), option.help.strip())

    def _add_unknown(self, name: str, hint: str) -> None:
        self._add_row(name, name, TextEntry(), hint, "")

    def _add_row(self, name: str, label: str, editor: OptionEditor, hint: str, help_text: str) -> None:
        row = FormRow(label, editor, hint=hint, name=name, help_text=help_text)
        editor.set_entry(self._state.entries.get(name, ""))
        editor.edited.connect(lambda: self._on_edited(name))
        self.rows[name] = row
        self._editors[name] = editor
        self._rows_box.addWidget(row)

    # --- changing ------------------------------------------------------------------------------------------------

    def _on_edited(self, name: str) -> None:
        self._state.set_entry(name, self._editors[name].entry())
        self._undo = None
        self.refresh_marks()
        self.changed.emit()

    def _on_reset(self) -> None:
        """Back to the defaults; the same link then brings back what was there."""
        if self._undo is not None:
            self._state.entries, self._undo = self._undo, None
        else:
            self._undo, self._state.entries = self._state.entries, {}
        for name, editor in self._editors.items():
            editor.set_entry(self._state.entries.get(name, ""))
        self.refresh_marks()
        self.changed.emit()

    def _show_row(self, row: FormRow) -> None:
        row.field.setFocus()
        self.row_added.emit(row)


def _label(option: Option) -> str:
    """`max-num-batched-tokens` as words."""
    words = option.name.replace("-", " ")
    return words[:1].upper() + words[1:]


def _hint(option: Option) -> str:
    """The flag, and for a switch what it does: its name alone says little."""
    sentence = first_sentence(option.help, 70) if is_switch(option) else ""
    mark = "deprecated" if option.deprecated else ""
    return " · ".join(part for part in (option.flag, mark, sentence) if part)

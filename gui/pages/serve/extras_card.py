"""What else is handed to the engine: arguments of the user's own, and environment variables."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui.pages.serve.form_state import FormState, Variable
from gui.pages.serve.option_editors import TextEntry
from gui.theme import em
from gui.widgets import Button, Card, FormRow, IconButton, Label
from gui.widgets.tab_order import chain_tabs

_SECRET_HINT = "By its name it is a secret: kept in a file that only you can read, never shown or exported."


class _VariableRow(QWidget):
    """Name, value, and a cross."""

    changed = Signal()
    removed = Signal()

    def __init__(self, variable: Variable) -> None:
        super().__init__()
        self.variable = variable
        self.name = TextEntry(placeholder="NAME", name="Name of an environment variable")
        self.value = TextEntry(placeholder="value", name="Its value")
        self.remove = IconButton("cross", "Remove this variable")
        self.said = Label("", "small", tone="dim", wrap=True)
        self.problem = Label("", "small", tone="bad", wrap=True)
        self.name.set_entry(variable.name)
        self.value.set_entry(variable.value)
        row = QHBoxLayout()
        row.setSpacing(em(0.5))
        row.addWidget(self.name, 2)
        row.addWidget(Label("="))
        row.addWidget(self.value, 3)
        row.addWidget(self.remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.2))
        column.addLayout(row)
        column.addWidget(self.said)
        column.addWidget(self.problem)
        self.problem.hide()
        self.name.edited.connect(self._on_edited)
        self.value.edited.connect(self._on_edited)
        self.remove.clicked.connect(self.removed)
        self._show_secret()

    def set_problem(self, text: str) -> None:
        """Say what is wrong with it, or nothing."""
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        self.name.setAccessibleDescription(text)

    def _on_edited(self) -> None:
        self.variable.name, self.variable.value = self.name.entry().strip(), self.value.entry()
        self._show_secret()
        self.changed.emit()

    def _show_secret(self) -> None:
        secret = self.variable.is_secret
        modes = TextEntry.EchoMode
        self.value.setEchoMode(modes.Password if secret else modes.Normal)
        self.value.setPlaceholderText("kept, type to replace" if self.variable.is_kept and secret else "value")
        self.value.setAccessibleName(f"Value of {self.variable.name}" if self.variable.name else "Its value")
        self.said.setText(_SECRET_HINT if secret else "")
        self.said.setVisible(secret)


class ExtrasCard(Card):
    """Shows and changes `FormState.extra` and `FormState.variables`."""

    changed = Signal()

    def __init__(self, state: FormState) -> None:
        super().__init__("Arguments and environment")
        self._state = state
        self.extra = TextEntry(placeholder="--flag value …, as in a shell")
        self.extra.set_entry(state.extra)
        self.extra_row = FormRow(
            "Extra arguments", self.extra, name="extra_args", hint="Added to the end of the command as they are"
        )
        self.add_button = Button("Add a variable", icon="plus", kind="small")
        self.rows: list[_VariableRow] = []
        self.problem = Label("", "small", tone="bad", wrap=True)
        self.problem.hide()
        self._box = QVBoxLayout()
        self._box.setSpacing(em(0.4))
        label = Label("Environment variables")
        label.setFixedWidth(em(11))
        right = QVBoxLayout()
        right.setSpacing(em(0.4))
        right.addLayout(self._box)
        right.addWidget(self.problem)
        foot = QHBoxLayout()
        foot.addWidget(self.add_button)
        foot.addStretch(1)
        right.addLayout(foot)
        row = QHBoxLayout()
        row.setSpacing(em(1))
        left = QVBoxLayout()
        left.addWidget(label)
        left.addStretch(1)
        row.addLayout(left)
        row.addLayout(right, 1)
        self.body.addWidget(self.extra_row)
        self.body.addLayout(row)
        for variable in state.variables:
            self._add_row(variable)
        self.extra.edited.connect(self._on_extra)
        self.add_button.clicked.connect(self.add)

    def add(self) -> None:
        """One more variable, with the focus in its name."""
        variable = Variable()
        self._state.variables.append(variable)
        self._add_row(variable).name.setFocus()

    def show_problem(self, field: str, text: str) -> QWidget | None:
        """Show a problem where it belongs; returns what should get the focus, None if it isn't one of ours."""
        if field == "extra_args":
            self.extra_row.set_problem(text)
            return self.extra
        named = next((row for row in self.rows if row.variable.name == field), None)
        if named is not None:
            named.set_problem(text)
            return named.name if not named.variable.is_secret else named.value
        if field in ("env", "secret_env"):
            self.problem.setText(text)
            self.problem.show()
            return self.rows[-1].name if self.rows else self.add_button
        return None

    def clear_problems(self) -> None:
        """All is well."""
        self.extra_row.set_problem("")
        self.problem.hide()
        for row in self.rows:
            row.set_problem("")

    def _add_row(self, variable: Variable) -> _VariableRow:
        row = _VariableRow(variable)
        row.changed.connect(self.changed)
        row.removed.connect(lambda: self._remove(row))
        self.rows.append(row)
        self._box.addWidget(row)
        chain_tabs(self.extra, [*self.rows, self.add_button])
        return row

    def _remove(self, row: _VariableRow) -> None:
        self._state.variables = [each for each in self._state.variables if each is not row.variable]
        self.rows.remove(row)
        row.hide()
        row.deleteLater()
        self.add_button.setFocus()
        self.changed.emit()

    def _on_extra(self) -> None:
        self._state.extra = self.extra.entry()
        self.changed.emit()

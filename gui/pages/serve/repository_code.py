"""The switch that lets an engine run the repository's own code, with what would run and a question before."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from core.deployments.launch_spec import CodeConsent
from core.hub.facts import ModelDetails
from gui.model_words import commit_text, foreign_code
from gui.pages.serve.form_state import FormState
from gui.theme import em
from gui.widgets import CANCEL, Answer, CodeBox, FormRow, Label, LinkLabel, Question, Toggle
from gui.wording import disk_size, plural

FIELD = "trust_remote_code"
_MOST = 4


class RepositoryCode(FormRow):
    """Off by default. Turning it on asks; a consent holds for exactly the files that were shown."""

    changed = Signal()
    read = Signal()
    """The user wants to read the code."""

    def __init__(self, state: FormState, details: ModelDetails) -> None:
        self._state, self._details = state, details
        self.toggle = Toggle(name="Run the repository's code")
        self.words = Label("", tone="dim", wrap=True)
        self.link = LinkLabel("Read the code")
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(em(0.5))
        row.addWidget(self.toggle)
        row.addWidget(self.words, 1)
        row.addWidget(self.link)
        holder.setFocusProxy(self.toggle)
        super().__init__("Repository code", holder, name=FIELD)
        self._foreign = foreign_code(details.config)
        self._has_code = bool(details.python_files or self._foreign)
        self.question: Question | None = None
        self.toggle.setEnabled(self._has_code or state.trust_remote_code)
        self.link.setVisible(bool(details.python_files))
        self.set_hint(self._hint())
        self._drop_old_consent()
        self._show()
        self.toggle.clicked.connect(self._on_clicked)
        self.link.clicked.connect(self.read)

    def _drop_old_consent(self) -> None:
        """A consent to other files is none."""
        state = self._state
        if state.consent is not None and tuple(sorted(state.consent.files)) != self._consent().files:
            state.consent = None
            state.trust_remote_code = False
            self.set_problem("The code changed since you agreed to it: look at it and turn it on again.")

    def _consent(self) -> CodeConsent:
        files = tuple(sorted((each.path, each.size or 0) for each in self._details.python_files))
        return CodeConsent(commit=self._details.ref.commit, files=files)

    def _files(self) -> list[str]:
        return [
            f"{each.path}, {disk_size(each.size) if each.size is not None else 'size unknown'}"
            for each in self._details.python_files
        ]

    def _hint(self) -> str:
        """The first files; all of them are in the question and under “Read the code”."""
        files = self._files()
        more = [f"and {len(files) - _MOST} more"] if len(files) > _MOST else []
        return "\n".join([*files[:_MOST], *more])

    def _on_clicked(self, on: bool) -> None:
        if not on:
            self._set(on=False)
            return
        self.toggle.setChecked(False)  # until the user has agreed
        self._ask()

    def _ask(self) -> None:
        count = len(self._details.python_files)
        text = (
            f"The engine would run {plural(count, 'Python file')} of {self._details.ref.id} "
            f"({commit_text(self._details.ref)}) on this machine, with your rights. "
            "Agree only if you trust its author. With other files you will be asked again."
        )
        if self._foreign:
            text += f"\n\nconfig.json also names code of {', '.join(self._foreign)}; Servedeck can't show those files."
        answers = (Answer(CANCEL, "Cancel"), Answer("agree", "Run this code", "danger"))
        question = Question(self.window(), f"Run the code of {self._details.ref.label}?", text, answers)
        if count:
            question.body.addWidget(CodeBox("\n".join(self._files()), name="Files", max_lines=10, copyable=False))
        question.finished.connect(lambda _code: self._on_answer(question.answer))
        self.question = question
        question.open()
        question.buttons[CANCEL].setFocus()

    def _on_answer(self, answer: str) -> None:
        self.question = None
        self._set(on=answer == "agree")
        self.toggle.setFocus()

    def _set(self, *, on: bool) -> None:
        self._state.trust_remote_code = on
        self._state.consent = self._consent() if on else None
        self.set_problem("")
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        on = self._state.trust_remote_code
        count = len(self._details.python_files)
        self.toggle.setChecked(on)
        self.set_differs(on)
        if not self._has_code:
            self.words.setText("off; this model has none")
        elif not count:
            self.words.setText(f"{'on' if on else 'off'}; config.json names code of {', '.join(self._foreign)}")
        elif on:
            self.words.setText(f"on · {plural(count, 'file')}")
        else:
            self.words.setText(f"off · {plural(count, 'file')}")

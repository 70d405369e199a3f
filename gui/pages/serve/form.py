"""The Serve form of one model: its cards on the left, what will run on the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from core.deployments.deployment import Deployment
from core.deployments.launch_spec import LaunchSpec
from core.engines.engine import Engine, Installation
from core.engines.options import FieldProblem, OptionTable
from core.errors import ServedeckError
from core.hub.facts import ModelDetails
from gui.model_words import commit_text
from gui.pages.serve.engine_cards import EngineCards
from gui.pages.serve.extras_card import ExtrasCard
from gui.pages.serve.form_state import FormState
from gui.pages.serve.launch import Launch
from gui.pages.serve.look import Look, look
from gui.pages.serve.options_card import OptionsCard
from gui.pages.serve.repository_code import FIELD, RepositoryCode
from gui.pages.serve.run_cards import AddressCard, ImplementationCard, RunAsCard
from gui.pages.serve.summary import Preview, Summary, free_space
from gui.serving import ServingAnswer, newest_usable, short_version, who_can_serve
from gui.theme import em
from gui.widgets import Chip, ElidedLabel, LinkLabel, Notice, ScrollColumn
from gui.widgets.notice import NoticeTone

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge, Job
    from gui.navigator import Navigator

CHECK_MS = 250
"""The form is checked once typing pauses for so long."""
_NARROW_EM = 60


class ServeForm(QWidget):
    """The form.

    Args:
        app: the core.
        bridge: runs its commands.
        navigator: where to go afterwards.
        details: the model.
        state: what the form shows at first; it is changed.
        answers: who can serve the model.
        deployment: the one that it will relaunch, None to make a new one.
    """

    back = Signal()
    launched = Signal(str)
    """The id of the deployment that is being started: the form has done its work."""

    def __init__(
        self,
        app: App,
        bridge: Bridge,
        navigator: Navigator,
        details: ModelDetails,
        state: FormState,
        answers: Sequence[ServingAnswer],
        deployment: Deployment | None,
    ) -> None:
        super().__init__()
        self._app, self._bridge, self._navigator = app, bridge, navigator
        self.details, self.state, self.deployment = details, state, deployment
        self._answers = {each.engine.id: each for each in answers}
        self._table: OptionTable | None = None
        self._used: tuple[str, str, str] | None = None
        self._jobs: dict[str, Job] = {}
        self._timer = QTimer(self, singleShot=True, interval=CHECK_MS)
        self._timer.timeout.connect(self.check)
        self.engines = EngineCards([each.engine for each in answers])
        self.implementation = ImplementationCard(state)
        self.run_as = RunAsCard(state)
        self.address = AddressCard(
            state, default_host=app.settings.current.default_host, generate_key=app.fleet.generate_key()
        )
        self.options = OptionsCard(state, details.config)
        self.code = RepositoryCode(state, details)
        self.extras = ExtrasCard(state)
        self.summary = Summary()
        self.column = ScrollColumn()
        self._launch = Launch(app, bridge, navigator, self)
        self._build()
        self._connect()
        self._show_answers()
        self._use_engine(state.engine or self._first_engine())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window the right side takes less."""
        super().resizeEvent(event)
        self.summary.set_narrow(self.width() < em(_NARROW_EM))

    # --- building ------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        ref = self.details.ref
        self.back_link = LinkLabel(self.deployment.name if self.deployment else ref.id, quiet=True)
        self.back_link.set_icon("chevron-left")
        self.back_link.setAccessibleName(f"Back to {self.back_link.text()}")
        title = f"Edit {self.deployment.name}" if self.deployment else f"Serve {ref.label}"
        head = QHBoxLayout()
        head.setSpacing(em(0.6))
        head.addWidget(ElidedLabel(title, "title"))
        commit = Chip(commit_text(ref))
        commit.setToolTip(ref.commit or ref.id)
        head.addWidget(commit)
        head.addStretch(1)
        self.notice = Notice()
        self.options.add_row(self.code)
        body = self.column.body
        body.addWidget(self.back_link)
        body.addLayout(head)
        for widget in (
            self.notice,
            self.engines,
            self.implementation,
            self.run_as,
            self.address,
            self.options,
            self.extras,
        ):
            body.addWidget(widget)
        body.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.column, 1)
        row.addWidget(self.summary)
        margins = body.contentsMargins()
        margins.setRight(em(0.6))
        body.setContentsMargins(margins)
        self._set_verb()
        if self.details.from_cache_only:
            self.notice.show_text(
                f"These are the facts of the copy on this disk. {self._app.hub.problem}".strip(),
                title="The Hub does not answer.",
                tone="warn",
            )

    def _set_verb(self) -> None:
        details = self.details
        if self.deployment is not None:
            active = self.deployment.state.is_active
            self.summary.set_verb("Relaunch", "Stops the present run first." if active else "")
        elif details.cached or details.ref.kind == "folder":
            self.summary.set_verb("Serve")
        else:
            self.summary.set_verb("Download and serve")

    def _connect(self) -> None:
        self.back_link.clicked.connect(self.back)
        self.engines.chosen.connect(self._on_engine)
        self.engines.install.connect(self._navigator.go_engines)
        self.run_as.changed.connect(lambda: self._use_engine(self.state.engine))
        for card in (self.implementation, self.address, self.options, self.code, self.extras):
            card.changed.connect(self._on_changed)
        self.options.row_added.connect(lambda row: self.column.ensureWidgetVisible(row, 0, em(3)))
        self.code.read.connect(lambda: self._navigator.open_model(self.details.ref))
        self.summary.launched.connect(self.launch)
        self._bridge.installations_changed.connect(self.refresh_engines)
        folder = self._app.library.cache_folder
        self._bridge.in_thread(
            lambda: free_space(folder), lambda free: self.summary.show_download(self.details, free), owner=self
        )

    # --- the engine ----------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The chosen engine."""
        return self._answers[self.state.engine].engine

    @property
    def installation(self) -> Installation | None:
        """The one that would be launched, None if there is none."""
        wanted = self.state.installation
        if not wanted:
            return newest_usable(self._app, self.state.engine)
        return next((each for each in self._app.installations.of(self.state.engine) if each.id == wanted), None)

    def refresh_engines(self) -> None:
        """Installations changed: look again, and keep what was typed."""

        def done(answers: tuple[ServingAnswer, ...]) -> None:
            self._answers = {each.engine.id: each for each in answers}
            self._show_answers()
            if _identity(self.installation) != self._used:
                self._use_engine(self.state.engine)

        self._run("answers", self._bridge.in_thread(lambda: who_can_serve(self._app, self.details), done, owner=self))

    def _show_answers(self) -> None:
        for engine_id, answer in self._answers.items():
            self.engines.cards[engine_id].show_answer(answer, self._app.installations.of(engine_id))

    def _first_engine(self) -> str:
        """The first that is installed and can serve it; else the first that could be installed."""
        answers = [each for each in self._answers.values() if not each.needs_container]
        able = [each for each in answers if each.support.can_serve]
        installed = [each for each in answers if each.installation is not None]
        usable = [each for each in installed if each in able]
        return next(iter([*usable, *able, *installed, *answers])).engine.id

    def _on_engine(self, engine_id: str) -> None:
        if engine_id != self.state.engine:
            self.state.installation = ""
            self._use_engine(engine_id)

    def _use_engine(self, engine_id: str) -> None:
        self.state.engine = engine_id
        self.engines.set_chosen(engine_id)
        engine, installation = self.engine, self.installation
        self._used = _identity(installation)
        usable = [each for each in self._app.installations.of(engine_id) if each.is_usable]
        self.run_as.set_installations(engine, usable, self._answers[engine_id].installation)
        support = engine.support(self.details.config, installation, has_code=bool(self.details.python_files))
        self.implementation.set_engine(engine, support)
        words = f"{engine.title} {short_version(installation.version)}".strip() if installation else "none yet"
        self.summary.installation.set(words, "dim" if installation else "warn")
        self._show_options(installation)

    def _show_options(self, installation: Installation | None) -> None:
        """The options that are known at once; those of the installed version are read meanwhile, if need be."""
        self._cancel("options")
        table = self._app.options.table(self.engine.id, installation)
        self._set_table(table)
        self.options.say("")
        if installation is None or table.source == "installation":
            return
        title = self.engine.title
        if short_version(table.version) != short_version(installation.version):
            self.options.say(
                f"These are the options of {title} {table.version}, which came with Servedeck. "
                f"Those of your {installation.version or 'version'} are being read; what you type stays.",
                busy=True,
            )
        else:
            self.options.say(f"Reading the options of your {title} {installation.version}…", busy=True)
        self._run(
            "options",
            self._bridge.run(
                self._app.options.read(self.engine.id, installation),
                self._on_options_read,
                lambda error: self._on_options_failed(error, installation, table),
                owner=self,
            ),
        )

    def _on_options_read(self, table: OptionTable) -> None:
        self.options.say("")
        self._set_table(table)

    def _on_options_failed(self, error: BaseException, installation: Installation, table: OptionTable) -> None:
        if not isinstance(error, ServedeckError):
            self._navigator.show_error(error)
        text = error.line if isinstance(error, ServedeckError) else str(error)
        self.options.say(
            f"{text} Until then the form shows those of version {table.version}.",
            title=f"The options of {self.engine.title} {installation.version} can't be read.",
            retry=lambda: self._show_options(installation),
        )

    def _set_table(self, table: OptionTable) -> None:
        self._table = table
        self.options.set_engine(self.engine, table)
        self.check()

    # --- checking ------------------------------------------------------------------------------------------------

    def _on_changed(self) -> None:
        self._timer.start()

    def check(self) -> None:
        """Look at what the form means now, and say what is wrong at the fields."""
        self._timer.stop()
        self._cancel("look")
        spec, problems = self.build()
        if problems:
            self.show_problems(problems)
            self.summary.show_preview(Preview(problem="Mend the marked fields, then the command stands here."))
        if spec is None:
            return
        deployment_id = self.deployment.id if self.deployment else ""
        self._run(
            "look",
            self._bridge.in_thread(
                lambda: look(self._app, spec, self.details, deployment_id),
                lambda found: self._on_look(spec, problems, found),
                owner=self,
            ),
        )

    def build(self) -> tuple[LaunchSpec | None, tuple[FieldProblem, ...]]:
        """The launch spec that the form means now, and what is wrong with it (see `FormState.build`)."""
        assert self._table is not None
        return self.state.build(self._table)

    def _on_look(self, spec: LaunchSpec, known: Sequence[FieldProblem], found: Look) -> None:
        """Show what the core says, behind what the form itself knows; the command of a draft is not shown."""
        fields = {each.field for each in known}
        self.show_problems([*known, *(each for each in found.problems if each.field not in fields)])
        if known:
            return
        self.summary.show_preview(found.preview)
        host = f"[{spec.host}]" if ":" in spec.host else spec.host
        self.summary.endpoint.set(f"{host}:{found.port}" if found.port else host)
        if found.port is not None and spec.port is None:
            self.address.set_free_port(found.port)

    def show_problems(self, problems: Sequence[FieldProblem]) -> QWidget | None:
        """Say each problem at its field; returns the uppermost field that must be mended."""
        self._clear_problems()
        wrong: list[QWidget] = []
        elsewhere: list[FieldProblem] = []
        for problem in problems:
            widget = self._show_problem(problem)
            if widget is None:
                elsewhere.append(problem)
            elif not problem.is_warning:
                wrong.append(widget)
        if elsewhere:
            text = "\n".join(" ".join(part for part in (each.message, each.remedy) if part) for each in elsewhere)
            missing = any(each.field in ("installation", "engine") for each in elsewhere)
            actions = [("Install…", lambda: self._navigator.go_engines(self.state.engine))] if missing else []
            tone: NoticeTone = "warn" if all(each.is_warning for each in elsewhere) else "bad"
            self.summary.notice.show_text(text, tone=tone, actions=actions)
        ground = self.column.column
        return min(wrong, key=lambda widget: widget.mapTo(ground, QPoint(0, 0)).y(), default=None)

    def _show_problem(self, problem: FieldProblem) -> QWidget | None:
        text = " ".join(part for part in (problem.message, problem.remedy) if part)
        option = self._table.get(problem.field) if self._table is not None else None
        names = (problem.field, option.name if option is not None else problem.field)
        rows = {FIELD: self.code, **self.options.rows, **self.address.rows}
        row = next((rows[name] for name in names if name in rows), None)
        if row is not None:
            row.set_problem(text, is_warning=problem.is_warning)
            return row.field
        if problem.field == "implementation":
            self.implementation.set_problem(text)
            return self.implementation.choice.segment(self.state.implementation.value)
        return self.extras.show_problem(problem.field, text)

    def _clear_problems(self) -> None:
        for row in (self.code, *self.options.rows.values(), *self.address.rows.values()):
            if row.problem:
                row.set_problem("")
        self.implementation.set_problem("")
        self.extras.clear_problems()
        self.summary.notice.clear()

    # --- launching -----------------------------------------------------------------------------------------------

    def launch(self) -> None:
        """Launch what the form means, or go to the first field that is wrong."""
        self._timer.stop()
        self._cancel("look")
        self._launch.begin()

    def focus_problem(self, problems: Sequence[FieldProblem]) -> None:
        """Show the problems and put the focus where the first can be mended."""
        first = self.show_problems(problems)
        if first is not None:
            first.setFocus()
            self.column.ensureWidgetVisible(first, 0, em(5))

    def _run(self, name: str, job: Job) -> None:
        self._cancel(name)
        self._jobs[name] = job

    def _cancel(self, name: str) -> None:
        """An answer that nobody waits for any more is dropped."""
        job = self._jobs.pop(name, None)
        if job is not None:
            job.cancel()


def _identity(installation: Installation | None) -> tuple[str, str, str] | None:
    """What makes a difference to the form."""
    return (installation.id, installation.version, installation.problem) if installation else None

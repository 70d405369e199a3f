"""Deployments on disk: one readable folder each, shared by the window and the command line.

deployments/<id>/
    spec.toml           the launch spec as it is now
    deployment.json     when it was created
    secrets.json        API key and secret variables, readable by their owner only
    runs/0001/
        run.json        command, port, engine version, the spec of that run
        history.jsonl   states with time and evidence, appended under a lock
        reading.json    what the log showed: phases, implementation, failure
        stop-report.json
        log/ keeper.json process.json stop.json exit.json    (the keeper's)
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from core.deployments.deployment import Deployment, Exit, Phase, PhaseSpan, Run, State, StateChange, StopReport
from core.deployments.launch_spec import LaunchSpec
from core.engines.support import Implementation
from core.errors import NotFoundError, ServedeckError, StoreError
from core.files import read_json, read_object, write_json, write_text
from core.runtimes.keeper import EXIT_FILE

logger = logging.getLogger(__name__)

SPEC, META, SECRETS, RUN, HISTORY, READING, STOP_REPORT = (
    "spec.toml",
    "deployment.json",
    "secrets.json",
    "run.json",
    "history.jsonl",
    "reading.json",
    "stop-report.json",
)


class RunFacts(BaseModel):
    """`run.json`: what is fixed when a run begins."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    argv: tuple[str, ...]
    env: dict[str, str]
    secret_env: tuple[str, ...] = ()
    host: str
    port: int
    started: float
    engine_version: str
    served_name: str
    spec: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """`reading.json`: what the log of a run showed."""

    phases: tuple[PhaseSpan, ...] = ()
    implementation: Implementation | None = None
    implementation_evidence: str = ""
    failure: str = ""
    failure_line: int | None = None
    warnings: tuple[str, ...] = ()


class DeploymentStore:
    """Reads and writes the deployments folder. Blocking; small files only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ids(self) -> tuple[str, ...]:
        """Ids of all deployments."""
        if not self.folder.is_dir():
            return ()
        return tuple(each.name for each in self.folder.iterdir() if (each / META).is_file())

    def exists(self, deployment_id: str) -> bool:
        """Whether there is such a deployment now."""
        return (self.folder / deployment_id / META).is_file()

    def create(self, spec: LaunchSpec, secrets: dict[str, str]) -> str:
        """A new deployment without runs; it appears in one step. Returns its id."""
        new_id = uuid.uuid4().hex[:12]
        building = self.folder / f".new-{new_id}"
        write_text(building / SPEC, spec.to_toml())
        write_json(building / SECRETS, secrets)
        write_json(building / META, {"version": 1, "created": time.time()})
        building.replace(self.folder / new_id)
        return new_id

    def load(self, deployment_id: str) -> Deployment:
        """The deployment as the files have it; damaged files make `problem`, never a crash.

        Raises:
            NotFoundError: there is no such folder.
        """
        folder = self.folder / deployment_id
        try:
            meta = read_json(folder / META)
            spec = LaunchSpec.from_toml((folder / SPEC).read_text(encoding="utf-8"), source=str(folder / SPEC))
            created, problem = float(meta["created"]), ""
        except FileNotFoundError as error:
            raise NotFoundError(f"There is no deployment {deployment_id}.") from error
        except (ServedeckError, OSError, ValueError, KeyError, TypeError) as error:
            problem = f"Its files can't be read: {error}"
            created = 0.0
            spec = LaunchSpec.build(
                name=f"damaged-{deployment_id}", model={"kind": "hub", "id": "unknown"}, engine="unknown"
            )
        return Deployment(deployment_id, spec, created, self._load_runs(folder), problem, folder)

    def save_spec(self, deployment_id: str, spec: LaunchSpec) -> None:
        """Replace the launch spec."""
        write_text(self.folder / deployment_id / SPEC, spec.to_toml())

    def secrets(self, deployment_id: str) -> dict[str, str]:
        """API key (`api_key`) and secret variables (`env:NAME`)."""
        try:
            value = read_json(self.folder / deployment_id / SECRETS)
        except FileNotFoundError:
            return {}
        return {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else {}

    def save_secrets(self, deployment_id: str, secrets: dict[str, str]) -> None:
        """Replace them; the file is readable by its owner only."""
        write_json(self.folder / deployment_id / SECRETS, secrets)

    def remove(self, deployment_id: str) -> None:
        """Delete the deployment's folder, logs included.

        Raises:
            StoreError: something in it can't be deleted.
        """
        gone = self.folder / f".gone-{deployment_id}"
        try:
            (self.folder / deployment_id).replace(gone)
            shutil.rmtree(gone)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"Can't remove {gone}: {error.strerror or error}.", field=str(gone)) from error

    @contextmanager
    def locked(self, deployment_id: str) -> Iterator[None]:
        """Only one process starts a run of a deployment at a time."""
        with (self.folder / deployment_id / META).open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def new_run(self, deployment_id: str, keep: int) -> tuple[int, Path]:
        """The next run's number and folder; the oldest ended runs beyond `keep` are deleted."""
        runs = self.folder / deployment_id / "runs"
        runs.mkdir(exist_ok=True, mode=0o700)
        numbers = sorted(int(each.name) for each in runs.iterdir() if each.name.isdigit())
        for number in numbers[: max(0, len(numbers) + 1 - keep)]:
            if (runs / f"{number:04d}" / EXIT_FILE).exists():
                shutil.rmtree(runs / f"{number:04d}", ignore_errors=True)
        number = numbers[-1] + 1 if numbers else 1
        folder = runs / f"{number:04d}"
        folder.mkdir(mode=0o700)
        return number, folder

    def save_run(self, folder: Path, facts: RunFacts) -> None:
        """Write what is fixed for a run."""
        write_json(folder / RUN, facts.model_dump(mode="json"))

    def append_state(self, folder: Path, change: StateChange) -> bool:
        """Add a state, unless the run had it already (another process saw it first) or has ended; True if added."""
        with (folder / HISTORY).open("a+", encoding="utf-8", errors="replace") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            states = [each.state for each in _history(file.read())]
            if change.state in states or (states and not states[-1].is_active):
                return False
            if change.state in (State.STARTING, State.READY) and State.STOPPING in states:
                return False
            file.write(json.dumps({"state": change.state, "at": change.at, "evidence": change.evidence}) + "\n")
            file.flush()
        return True

    def save_reading(self, folder: Path, reading: Reading) -> None:
        """Write what the log showed."""
        write_json(
            folder / READING,
            {
                "phases": [
                    {
                        "phase": span.phase,
                        "started": span.started,
                        "ended": span.ended,
                        "note": span.note,
                        "progress": span.progress,
                    }
                    for span in reading.phases
                ],
                "implementation": reading.implementation,
                "implementation_evidence": reading.implementation_evidence,
                "failure": reading.failure,
                "failure_line": reading.failure_line,
                "warnings": list(reading.warnings),
            },
        )

    def reading(self, folder: Path) -> Reading:
        """What `save_reading` wrote; an empty one if there is none."""
        value = read_object(folder / READING)
        try:
            phases = tuple(
                PhaseSpan(Phase(each["phase"]), each["started"], each["ended"], each["note"], each["progress"])
                for each in value.get("phases", ())
            )
            implementation = value.get("implementation")
            return Reading(
                phases,
                Implementation(implementation) if implementation else None,
                str(value.get("implementation_evidence", "")),
                str(value.get("failure", "")),
                value.get("failure_line"),
                tuple(str(each) for each in value.get("warnings", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            logger.warning("%s is damaged: %s", folder / READING, error)
            return Reading()

    def save_stop_report(self, folder: Path, report: StopReport) -> None:
        """Write what was found after a stop."""
        write_json(
            folder / STOP_REPORT,
            {
                "processes_left": list(report.processes_left),
                "port_free": report.port_free,
                "port_holder": report.port_holder,
                "seconds": report.seconds,
                "killed": report.killed,
            },
        )

    def load_run(self, folder: Path) -> Run | None:
        """One run; None if it has no readable `run.json` and no history."""
        history_file = folder / HISTORY
        history = _history(history_file.read_text("utf-8", "replace")) if history_file.exists() else ()
        facts = self._facts(folder)
        if not history and facts is None:
            return None
        if facts is None:
            at = history[0].at
            facts = RunFacts(argv=(), env={}, host="127.0.0.1", port=0, started=at, engine_version="", served_name="")
        reading = self.reading(folder)
        ending, report = read_object(folder / EXIT_FILE), read_object(folder / STOP_REPORT)
        return Run(
            number=int(folder.name),
            folder=folder,
            argv=facts.argv,
            env=facts.env,
            secret_env=facts.secret_env,
            host=facts.host,
            port=facts.port,
            started=facts.started,
            engine_version=facts.engine_version,
            served_name=facts.served_name,
            history=history,
            phases=reading.phases,
            implementation_loaded=reading.implementation,
            implementation_evidence=reading.implementation_evidence,
            exit=_exit(ending),
            stop=_stop_report(report),
            warnings=reading.warnings,
            failure=reading.failure,
            failure_line=reading.failure_line,
        )

    def marks(self) -> dict[str, tuple[float, ...]]:
        """Modification times by id, to see what another process changed."""
        found: dict[str, tuple[float, ...]] = {}
        for each in self.ids():
            folder = self.folder / each
            runs = sorted((folder / "runs").glob("[0-9]*"))[-1:] if (folder / "runs").is_dir() else []
            files = [folder / SPEC, *(run / name for run in runs for name in (HISTORY, READING, STOP_REPORT))]
            found[each] = tuple(_mtime(file) for file in files)
        return found

    def _load_runs(self, folder: Path) -> tuple[Run, ...]:
        if not (folder / "runs").is_dir():
            return ()
        folders = sorted(each for each in (folder / "runs").iterdir() if each.name.isdigit())
        return tuple(run for run in (self.load_run(each) for each in folders) if run is not None)

    def _facts(self, folder: Path) -> RunFacts | None:
        value = read_object(folder / RUN)
        try:
            return RunFacts.model_validate(value) if value else None
        except ValidationError as error:
            logger.warning("%s is damaged: %s", folder / RUN, error)
            return None


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _history(text: str) -> tuple[StateChange, ...]:
    changes = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
            changes.append(StateChange(State(value["state"]), float(value["at"]), str(value["evidence"])))
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("a line of a run's history is damaged: %s", error)
    return tuple(changes)


def _exit(value: dict[str, Any]) -> Exit | None:
    try:
        at = float(value.get("at", 0.0))
        code, signal = (None if value.get(name) is None else int(value[name]) for name in ("code", "signal"))
    except (TypeError, ValueError) as error:
        logger.warning("the end of a run can't be read: %s", error)
        return Exit(None, None, 0.0, asked=False)
    return Exit(code, signal, at, value.get("asked_at") is not None) if value else None


def _stop_report(value: dict[str, Any]) -> StopReport | None:
    if not value:
        return None
    try:
        return StopReport(
            tuple(str(each) for each in value.get("processes_left", ())),
            bool(value.get("port_free")),
            str(value.get("port_holder", "")),
            float(value.get("seconds", 0.0)),
            bool(value.get("killed")),
        )
    except (TypeError, ValueError) as error:
        logger.warning("a stop report can't be read: %s", error)
        return None

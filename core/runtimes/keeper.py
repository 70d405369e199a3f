"""The keeper: a small process that runs one run of a deployment and outlives everybody else.

Started as `python -P -m core.runtimes.keeper RUN_FOLDER` with a plan (JSON) on standard input. It detaches, becomes the
reaper of orphaned grandchildren (Linux), runs the plan's steps one after another, each in a session of its own, writes
their output to `log/`, and at the end writes `exit.json`. It is to a process what a container shim is to a container.

Files in the run folder, all JSON written in one step:
    keeper.json   who the keeper is            process.json   the step that runs, and who its first process is
    stop.json     a request to stop (written by the core, followed by SIGTERM to the keeper)
    exit.json     how the last step ended, whether a stop was asked for, and what had to be killed

Nothing of Servedeck but its neighbours `processes`, `segments` and `shared_memory` is imported: it starts in some
50 ms and takes some 12 MiB. The plan holds secrets (the engine's environment), so it comes by standard input and is
never written anywhere.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from core.runtimes.processes import RUN_VARIABLE, Identity, Member, members_of
from core.runtimes.segments import SegmentWriter
from core.runtimes.shared_memory import mapped_by, remove_unmapped

KEEPER_FILE = "keeper.json"
PROCESS_FILE = "process.json"
STOP_FILE = "stop.json"
EXIT_FILE = "exit.json"
LOG_FOLDER = "log"

PR_SET_CHILD_SUBREAPER = 36
READ_BYTES = 1 << 20
NOTE_SECONDS = 10.0
"""How often the shared memory of the run's processes is noted."""
LEFTOVER_GRACE = 3.0
"""Seconds that other processes of the run get to end after the first one ended."""
DEFAULT_STOP = [{"signal": "TERM", "target": "group", "wait": 10.0}, {"signal": "KILL", "target": "group", "wait": 5.0}]


class Keeper:
    """Runs the steps of one plan."""

    def __init__(self, folder: Path, plan: dict[str, Any]) -> None:
        self._folder = folder
        self._plan = plan
        self._log = SegmentWriter(folder / LOG_FOLDER)
        self._leader: Identity | None = None
        self._status: int | None = None
        self._leaders: list[Identity] = []
        self._stop_steps: list[dict[str, Any]] = []
        self._stop_deadline: float | None = None
        self._asked_at: float | None = None
        self._killed: list[str] = []
        self._shared_memory: set[Path] = set()
        self._note_at = 0.0
        self._output, self._output_write = os.pipe()
        os.set_blocking(self._output, False)
        self._wakeup, wakeup_write = os.pipe()
        for end in (self._wakeup, wakeup_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_term)
        self._is_terminated = False
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            # Not SIG_IGN: children would inherit that, and a Python that starts with INT ignored never heeds it.
            signal.signal(number, lambda *_: None)

    def run(self) -> None:
        """Run all steps, then clear up, then say how it ended."""
        set_pipe_size = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux only
        if set_pipe_size is not None:
            try:
                fcntl.fcntl(self._output, set_pipe_size, READ_BYTES)
            except OSError as error:
                self._say(f"small output pipe: {error.strerror}")
        problem = ""
        for step in self._plan["steps"]:
            problem = self._run_step(step)
            if problem or self._status != 0 or self._asked_at is not None:
                break
        self._clear_up()
        self._drain()
        removed = remove_unmapped(self._shared_memory)
        if removed:
            self._say(f"removed shared memory that the engine left: {', '.join(removed)}")
        if self._log.lost:
            self._say(f"{self._log.lost} bytes of output could not be written: {self._log.problem}")
        self._write_exit(problem)
        self._log.close()

    def _run_step(self, step: dict[str, Any]) -> str:
        """Start it and attend to it until its first process ends; returns why it could not be started, or nothing."""
        self._status = None
        self._say(f"starting {step['name']}")
        environment = {**self._plan["env"], **step.get("env", {}), RUN_VARIABLE: self._plan["mark"]}
        try:
            process = subprocess.Popen(
                step["argv"],
                stdin=subprocess.DEVNULL,
                stdout=self._output_write,
                stderr=self._output_write,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            text = getattr(error, "strerror", None) or str(error)
            self._say(f"can't start {step['argv'][0]}: {text}")
            self._status = 127 << 8
            return f"{step['argv'][0]}: {text}"
        process.returncode = 0  # we reap it ourselves, with all the others
        self._leader = Identity.of(process.pid) or Identity(process.pid, "gone")
        self._leaders.append(self._leader)
        problem = self._note_process(step["name"])
        if problem:  # an engine that nobody could find again is not left running
            self._signal("KILL", "group")
        while self._status is None:
            self._attend()
        return problem

    def _note_process(self, step: str) -> str:
        """Write down who runs; returns why that can't be done, or nothing."""
        leaders = [each.to_json() for each in self._leaders]
        note = {"step": step, "leader": leaders[-1], "leaders": leaders, "at": time.time()}
        try:
            write_file(self._folder / PROCESS_FILE, note)
        except OSError as error:
            self._say(f"can't write {PROCESS_FILE}: {error.strerror}")
            return f"can't write {PROCESS_FILE}: {error.strerror}"
        return ""

    def _attend(self) -> None:
        """Wait for output, a signal or a deadline, and deal with what came."""
        timeout = NOTE_SECONDS
        self._note_shared_memory()
        if self._stop_deadline is not None:
            timeout = max(0.0, self._stop_deadline - time.monotonic())
        ready, _, _ = select.select([self._output, self._wakeup], [], [], timeout)
        if self._output in ready:
            self._read_output()
        if self._wakeup in ready:
            os.read(self._wakeup, 4096)
        self._reap()
        if self._asked_at is None and ((self._folder / STOP_FILE).exists() or self._is_terminated):
            self._begin_stop()
        if self._stop_deadline is not None and time.monotonic() >= self._stop_deadline and self._status is None:
            self._next_stop_step()

    def _note_shared_memory(self, *, now: bool = False) -> None:
        if now or time.monotonic() >= self._note_at:
            self._note_at = time.monotonic() + NOTE_SECONDS
            self._shared_memory |= mapped_by(each.identity.pid for each in self._members())

    def _read_output(self) -> bool:
        """Move what the pipe holds to the log; True if there was something."""
        try:
            data = os.read(self._output, READ_BYTES)
        except BlockingIOError:
            return False
        self._log.write(data)
        return bool(data)

    def _drain(self) -> None:
        while self._read_output():
            pass

    def _reap(self) -> None:
        """Collect every child that ended, the adopted ones too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._leader is not None and pid == self._leader.pid and self._status is None:
                self._status = status

    def _on_term(self, *_: object) -> None:
        """Somebody wants the end: the core, which has left a request, or a machine that shuts down."""
        self._is_terminated = True

    def _begin_stop(self) -> None:
        self._asked_at = time.time()
        self._note_shared_memory(now=True)
        steps = self._plan.get("stop") or DEFAULT_STOP
        try:
            if (self._folder / STOP_FILE).exists():
                steps = json.loads((self._folder / STOP_FILE).read_text(encoding="utf-8"))["steps"] or steps
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._say(f"the stop request can't be read ({error}); stopping with the usual steps")
        self._stop_steps = list(steps)
        self._next_stop_step()

    def _next_stop_step(self) -> None:
        if not self._stop_steps:
            self._signal("KILL", "group")
            self._stop_deadline = time.monotonic() + 1.0
            return
        step = self._stop_steps.pop(0)
        self._signal(str(step["signal"]), str(step["target"]))
        self._stop_deadline = time.monotonic() + float(step["wait"])

    def _signal(self, name: str, target: str) -> None:
        """Signal the step's first process, or all processes of the run."""
        number = signal.Signals[f"SIG{name}"]
        if target == "leader":
            if self._leader is not None:
                self._leader.send(number)
            return
        for member in self._members():
            if number is signal.SIGKILL:
                self._killed.append(member.text)
            member.identity.send(number)

    def _members(self) -> list[Member]:
        own = Identity.of(os.getpid())
        return members_of(self._plan["mark"], leaders=self._leaders, keeper=own)

    def _clear_up(self) -> None:
        """No process of the run stays: what is left after a grace is killed, again and again until none is left."""
        self._note_shared_memory(now=True)
        grace_ends = time.monotonic() + (LEFTOVER_GRACE if self._asked_at is None else min(LEFTOVER_GRACE, 2.0))
        while True:
            self._reap()
            left = self._members()
            if not left:
                return
            if time.monotonic() >= grace_ends:
                self._signal("KILL", "group")
            ready, _, _ = select.select([self._output, self._wakeup], [], [], 0.05)
            if self._output in ready:
                self._read_output()
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
            if self._asked_at is None and (self._folder / STOP_FILE).exists():
                self._asked_at = time.time()

    def _write_exit(self, problem: str) -> None:
        status = self._status if self._status is not None else 0
        code, number = (
            (None, os.WTERMSIG(status)) if os.WIFSIGNALED(status) else (os.waitstatus_to_exitcode(status), None)
        )
        write_reserved(
            self._folder,
            {
                "code": code,
                "signal": number,
                "at": time.time(),
                "asked_at": self._asked_at,
                "problem": problem,
                "killed": self._killed[:50],
                "output_lost": self._log.lost,
            },
        )

    def _say(self, text: str) -> None:
        self._log.write(f"[servedeck] {text}\n".encode())


def write_file(path: Path, value: dict[str, Any]) -> None:
    """Write in one step, as `core.files.write_json`, with nothing imported."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def reserve_exit(folder: Path) -> None:
    """Take the disk space of `exit.json` beforehand, so that the end of a run can be told on a full disk."""
    with (folder / f".{EXIT_FILE}.new").open("wb") as file:
        file.write(b" " * 16384)
        file.flush()
        os.fsync(file.fileno())


def write_reserved(folder: Path, value: dict[str, Any]) -> None:
    """Fill the reserved file and give it its name."""
    reserved = folder / f".{EXIT_FILE}.new"
    data = json.dumps(value, indent=1).encode()
    with reserved.open("r+b") as file:
        file.write(data + b" " * max(0, 16383 - len(data)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    reserved.replace(folder / EXIT_FILE)


def detach(folder: Path) -> None:
    """Leave the starter's session and become nobody's child; the starter's own process ends here."""
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    own_log = os.open(folder / "keeper.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.dup2(own_log, 2)
    os.chdir("/")
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main() -> None:
    """Entry point: see the module's text."""
    folder = Path(sys.argv[1])
    plan = json.loads(sys.stdin.buffer.read())
    reserve_exit(folder)
    detach(folder)
    identity = Identity.of(os.getpid())
    assert identity is not None
    keeper = Keeper(folder, plan)
    write_file(folder / KEEPER_FILE, {"keeper": identity.to_json(), "mark": plan["mark"], "at": time.time()})
    keeper.run()


if __name__ == "__main__":
    main()

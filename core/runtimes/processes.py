"""Which processes are ours: identities that survive the reuse of a pid, and the members of a run.

A pid alone proves nothing: it may have been given to somebody else since. Every process that we may ever signal is
known by its pid *and* the moment it was created.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

RUN_VARIABLE = "SERVEDECK_RUN"
"""Set in the environment of every process of a run; children inherit it."""

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: its pid, and a mark of when it was created (on Linux: boot id and clock ticks since boot)."""

    pid: int
    created: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process that has this pid now; None if there is none."""
        created = _creation_mark(pid)
        return cls(pid, created) if created else None

    @classmethod
    def from_json(cls, value: Any) -> Identity | None:
        """What `to_json` gave; None for anything else."""
        if isinstance(value, dict) and isinstance(value.get("pid"), int) and isinstance(value.get("created"), str):
            return cls(value["pid"], value["created"])
        return None

    def to_json(self) -> dict[str, Any]:
        """As stored in a run's folder."""
        return {"pid": self.pid, "created": self.created}

    @property
    def is_alive(self) -> bool:
        """It still runs: not gone, not a zombie, and no other process has its pid."""
        return _creation_mark(self.pid) == self.created and not _is_zombie(self.pid)

    def send(self, number: signal.Signals) -> bool:
        """Signal it if it is still the same process; False if it is gone."""
        if not self.is_alive:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Member:
    """A living process of a run."""

    identity: Identity
    parent: int
    group: int
    session: int
    name: str

    @property
    def text(self) -> str:
        """For the user: `python (pid 4711)`."""
        return f"{self.name} (pid {self.identity.pid})"


@cache
def _boot_id() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the name, from the state on (index 0 = field 3); None if it is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def _creation_mark(pid: int) -> str:
    if sys.platform == "linux":
        fields = _stat_fields(pid)
        return f"{_boot_id()}:{fields[19]}" if fields else ""
    import psutil

    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return ""


def _is_zombie(pid: int) -> bool:
    if sys.platform == "linux":
        fields = _stat_fields(pid)
        return fields is None or fields[0] in "ZX"
    import psutil

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def living() -> list[Member]:
    """All living processes that this user may see, zombies left out."""
    return _living_linux() if sys.platform == "linux" else _living_elsewhere()


def _living_linux() -> list[Member]:
    found = []
    with os.scandir(_PROC) as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    for pid in pids:
        try:
            text = (_PROC / str(pid) / "stat").read_text(errors="replace")
        except OSError:
            continue
        name = text[text.index("(") + 1 : text.rindex(")")]
        fields = text[text.rindex(")") + 2 :].split()
        if fields[0] in "ZX":
            continue
        identity = Identity(pid, f"{_boot_id()}:{fields[19]}")
        found.append(Member(identity, int(fields[1]), int(fields[2]), int(fields[3]), name))
    return found


def _living_elsewhere() -> list[Member]:
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            identity = Identity(process.pid, f"{process.create_time():.2f}")
            group, session = os.getpgid(process.pid), os.getsid(process.pid)
            found.append(Member(identity, process.ppid(), group, session, process.name()))
        except (psutil.Error, OSError):
            continue
    return found


def descendants(root: int, among: list[Member]) -> list[Member]:
    """Children of `root`, their children, and so on; `root` itself is not in it."""
    by_parent: dict[int, list[Member]] = {}
    for member in among:
        by_parent.setdefault(member.parent, []).append(member)
    found: list[Member] = []
    todo = [root]
    while todo:
        for child in by_parent.get(todo.pop(), ()):
            found.append(child)
            todo.append(child.identity.pid)
    return found


def members_of(run_mark: str, *, leaders: Sequence[Identity] = (), keeper: Identity | None = None) -> list[Member]:
    """The living processes of a run, by three signs: descent from its keeper, its environment, its sessions.

    The number of a session proves nothing once the session has ended: it may be a stranger's by now. A process of a
    session counts only where no other process has taken the leader's pid, where it is not older than the leader, and
    where its environment doesn't show that it belongs elsewhere (engines that rename themselves overwrite theirs).

    Args:
        run_mark: the value of `SERVEDECK_RUN`.
        leaders: the first processes of the run's steps, each of which began a session.
        keeper: left out of the answer; its descendants are in it, if it lives.
    """
    everything = living()
    found: dict[int, Member] = {}
    if keeper is not None and keeper.is_alive:
        found.update((each.identity.pid, each) for each in descendants(keeper.pid, everything))
    alive = {each.identity.pid: each.identity for each in everything}
    ours = {each.pid: each for each in leaders if alive.get(each.pid, each) == each}
    for member in everything:
        pid = member.identity.pid
        if pid in found or pid == os.getpid() or (keeper is not None and member.identity == keeper):
            continue
        marked = _has_mark(pid, run_mark)
        leader = ours.get(member.session)
        if marked or (marked is None and leader is not None and _not_older(member.identity, leader)):
            found[pid] = member
    return sorted(found.values(), key=lambda each: each.identity.pid)


def _not_older(one: Identity, other: Identity) -> bool:
    """Compares creation marks; of another boot means another process altogether."""
    boot, _, ticks = one.created.rpartition(":")
    other_boot, _, other_ticks = other.created.rpartition(":")
    return boot == other_boot and float(ticks) >= float(other_ticks)


def _has_mark(pid: int, run_mark: str) -> bool | None:
    """Whether its environment holds the mark of the run; None where the environment can't be read or is overwritten."""
    if sys.platform != "linux":
        return None
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    if f"{RUN_VARIABLE}={run_mark}".encode() in environment:
        return True
    return False if any(entry.startswith(b"PATH=") for entry in environment) else None

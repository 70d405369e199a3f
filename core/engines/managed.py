"""The environments that we make: which folder is ours, whether it is complete, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import psutil

from core.errors import InstallationError
from core.files import write_json

BEGUN = "servedeck-begun.json"
"""Written first: the folder is ours. Holds who works in it."""
COMPLETE = "servedeck-complete.json"
"""Written last: everything is installed and the engine has answered."""


def is_begun(folder: Path) -> bool:
    """The folder is an environment that we began."""
    return (folder / BEGUN).is_file() or is_complete(folder)


def is_complete(folder: Path) -> bool:
    """The environment is finished."""
    return (folder / COMPLETE).is_file()


def begin(folder: Path) -> None:
    """Take the folder, making it if need be; what an earlier attempt left running there is ended.

    Raises:
        InstallationError: it belongs to somebody else, another Servedeck is at work in it, or it can't be made.
    """
    try:
        if folder.exists() and any(folder.iterdir()) and not is_begun(folder):
            raise InstallationError(
                f"{folder} is there already and was not made by Servedeck.", remedy="Move it away, then install again."
            )
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InstallationError(
            f"{folder} can't be made: {error.strerror or error}.", remedy="Free space or mend the rights."
        ) from error
    worker = _read(folder).get("worker")
    if isinstance(worker, dict) and _lives(worker) and not _is_us(worker):
        raise InstallationError(
            f"Another Servedeck (pid {worker['pid']}) is installing into {folder}.", remedy="Wait for it to end."
        )
    _end_leftover(_read(folder).get("child"))
    before = _read(folder, COMPLETE)
    if before:
        write_json(folder / BEGUN, {"before": {"facts": before, "distributions": _distributions(folder)}})
    (folder / COMPLETE).unlink(missing_ok=True)
    note(folder, None)


def note(folder: Path, child: int | None) -> None:
    """Write down who works in the folder, so that a later Servedeck can tell, and end what a crash left running."""
    work = {"worker": _process(os.getpid()), "child": _process(child) if child else None}
    write_json(folder / BEGUN, {**_read(folder), **work})


def finish(folder: Path, facts: dict[str, Any]) -> None:
    """Mark the environment as complete."""
    write_json(folder / COMPLETE, {**facts, "installed": time.time()})
    write_json(folder / BEGUN, {"worker": None, "child": None})


def release(folder: Path) -> None:
    """Nobody works in it any more. One that was complete before and has not been changed is complete again."""
    if not folder.is_dir():
        return
    before = _read(folder).get("before")
    if isinstance(before, dict) and not is_complete(folder) and before.get("distributions") == _distributions(folder):
        write_json(folder / COMPLETE, before["facts"])
    write_json(folder / BEGUN, {"worker": None, "child": None})


def _distributions(folder: Path) -> list[str]:
    """All that pip has put there, with versions; what it was interrupted at shows as well."""
    return sorted(each.name for each in folder.glob("lib/python3*/site-packages/*") if not each.name.startswith("_"))


def users(folder: Path) -> list[str]:
    """Name and pid of each process of this user that runs from the environment."""
    found, inside = [], f"{folder}{os.sep}"
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and _runs_from(process, inside):
                found.append(f"{process.name()} (pid {process.pid})")
        except (psutil.Error, OSError):
            continue  # it ended, or belongs to somebody else
    return found


def _runs_from(process: psutil.Process, inside: str) -> bool:
    """By its command, or by the libraries that it has loaded (engines rename themselves)."""
    if any(part.startswith(inside) for part in process.cmdline()[:2]):
        return True
    maps = Path(f"/proc/{process.pid}/maps")
    return maps.exists() and inside.encode() in maps.read_bytes()


def delete(folder: Path) -> None:
    """Remove an environment of ours. It first loses its marks, so that a half-deleted one is never taken for good.

    Raises:
        InstallationError: it isn't ours, somebody is at work in it, or it can't be deleted.
    """
    if not is_begun(folder):
        raise InstallationError(f"{folder} was not made by Servedeck, so it isn't deleted.")
    worker = _read(folder).get("worker")
    if _lives(worker):
        raise InstallationError(f"Something is being installed into {folder}.", remedy="Cancel that first.")
    running = users(folder)
    if running:
        raise InstallationError(
            f"{folder} is in use by {', '.join(running[:3])}.", remedy="Stop the deployments that use it first."
        )
    try:
        (folder / COMPLETE).unlink(missing_ok=True)
        for child in folder.iterdir():
            if child.name != BEGUN:
                shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
        (folder / BEGUN).unlink()
        folder.rmdir()
    except OSError as error:
        raise InstallationError(
            f"{folder} can't be deleted: {error.strerror or error}.", remedy="Mend the rights, then remove it again."
        ) from error


def _read(folder: Path, name: str = BEGUN) -> dict[str, Any]:
    """What a mark says; empty where there is none, or none that can be read."""
    try:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _process(pid: int) -> dict[str, float] | None:
    try:
        return {"pid": pid, "created": psutil.Process(pid).create_time()}
    except psutil.Error:
        return None


def _lives(process: Any) -> bool:
    """The process of that pid and creation time runs."""
    if not isinstance(process, dict):
        return False
    pid, created = process.get("pid"), process.get("created")
    if not isinstance(pid, int) or not isinstance(created, float) or pid <= 1:
        return False
    now = _process(pid)
    return now is not None and abs(now["created"] - created) < 0.01


def _is_us(process: Any) -> bool:
    return isinstance(process, dict) and process.get("pid") == os.getpid()


def _end_leftover(child: Any) -> None:
    """End what our own earlier installation left running when it crashed: its whole group."""
    if _lives(child):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child["pid"], 9)
        with contextlib.suppress(psutil.Error):
            psutil.Process(child["pid"]).wait(timeout=5)

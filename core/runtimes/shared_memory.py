"""POSIX shared memory that killed engines leave behind.

vLLM's message queues are files `/dev/shm/psm_*` of 160 to 250 MB. A killed engine does not unlink them, and they hold
memory until the next boot. The keeper notes which ones its own processes map, and removes those that nobody maps any
more.
Standard library only; Linux only (elsewhere nothing is found).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_FOLDER = "/dev/shm/"
_PREFIXES = (f"{_FOLDER}psm_", f"{_FOLDER}sem.mp-", f"{_FOLDER}torch_")


def mapped_by(pids: Iterable[int]) -> set[Path]:
    """The shared memory files that these processes map now."""
    found: set[Path] = set()
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/maps").read_text(errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            place = line.find(_FOLDER)
            if place >= 0 and line.startswith(_PREFIXES, place):
                found.add(Path(line[place:].removesuffix(" (deleted)")))
    return found


def remove_unmapped(files: Iterable[Path]) -> list[str]:
    """Unlink those that are this user's and that no process maps any more; returns their names."""
    wanted = [file for file in files if file.exists() and file.stat().st_uid == os.getuid()]
    if not wanted:
        return []
    with os.scandir("/proc") as entries:
        in_use = mapped_by(int(entry.name) for entry in entries if entry.name.isdigit())
    removed = []
    for file in wanted:
        if file not in in_use:
            file.unlink(missing_ok=True)
            removed.append(file.name)
    return sorted(removed)

"""The machine itself: processor, memory, disk."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

SHORTEST = 0.05
"""Seconds of processor time below which a share would be noise; the last one is given again."""


@dataclass(frozen=True, slots=True)
class HostSample:
    """One look at the machine. Sizes in bytes."""

    cpu_percent: float
    """0 to 100 over all cores, since the look before (since the start at the first)."""
    cores: int
    """That this program, and so an engine, may use."""
    memory_total: int
    memory_available: int
    """What can be had without swapping."""
    disk_free: int
    """For this user."""
    disk_total: int
    disk_path: Path
    """The folder whose disk is meant."""


class Host:
    """Looks at the machine. Quick, but a hung network disk blocks: not for the GUI's thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Our own account: psutil keeps one per thread, and samples are taken in whatever thread is free.
        self._lock = threading.Lock()
        self._at = time.monotonic()
        self._busy, self._all = _processor_times()
        self._percent = 0.0

    def sample(self) -> HostSample:
        """Look now."""
        memory = psutil.virtual_memory()
        folder = next(path for path in (self._folder, *self._folder.absolute().parents) if path.exists())
        disk = psutil.disk_usage(str(folder))
        return HostSample(
            cpu_percent=self._cpu_percent(),
            cores=_cores(),
            memory_total=memory.total,
            memory_available=memory.available,
            disk_free=disk.free,
            disk_total=disk.total,
            disk_path=folder,
        )

    def _cpu_percent(self) -> float:
        with self._lock:
            now = time.monotonic()
            if now - self._at >= SHORTEST:
                busy, total = _processor_times()
                if total > self._all:
                    share = (busy - self._busy) / (total - self._all)
                    self._percent = 100 * min(1.0, max(0.0, share))
                self._at, self._busy, self._all = now, busy, total
            return self._percent


def _processor_times() -> tuple[float, float]:
    """Seconds that the processors were busy, and all their seconds."""
    times = psutil.cpu_times()
    # A guest's time is counted in user time already.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

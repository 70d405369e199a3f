"""Commands whose output goes to a log file from the first byte on, and which end with all that they started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_UNINTERESTING = re.compile(r"\s*$|WARNING: (?!Retrying)|\[notice\]|Looking in |\$ |  (Prepar|Install|Getting)")
_TAIL = 8192
TERM_SECONDS = 3.0
"""How long a cancelled command may take to end by itself."""
KILL_SECONDS = 5.0
"""How long the dead members of its group may take to be collected."""


class LoggedCommand:
    """Runs commands one after the other into one log.

    Args:
        log: the file; it is made, readable by its owner only.
        env: the whole environment of the commands.
        started: told the process id of each command.
    """

    def __init__(self, log: Path, env: Mapping[str, str], started: Callable[[int], None]) -> None:
        self.log = log
        self._env = dict(env)
        self._started = started
        self._begin = 0
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch(mode=0o600)

    def write(self, line: str) -> None:
        """Add a line of our own."""
        with self.log.open("a", encoding="utf-8", errors="replace") as file:
            file.write(f"{line}\n")

    async def run(self, *argv: str, shown: str = "") -> int:
        """Run one command to its end; cancelling ends it with its whole group, and waits until it is gone.

        Args:
            argv: the command.
            shown: what the log calls it; the command itself by default.

        Returns:
            Its exit code.

        Raises:
            OSError: it can't be started.
        """
        self._begin = self.log.stat().st_size
        self.write(f"$ {shown or ' '.join(argv)}")
        with self.log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )
        try:
            self._started(process.pid)
            return await process.wait()
        except BaseException:
            await asyncio.shield(_end(process))
            raise

    def output(self) -> str:
        """What the last command printed."""
        with self.log.open("rb") as file:
            file.seek(self._begin)
            return file.read().decode("utf-8", "replace")

    def detail(self) -> str:
        """The last line worth showing; a download's with the bytes that have come."""
        try:
            with self.log.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(self._begin, file.tell() - _TAIL))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        progress = ""
        for line in reversed(lines):
            match = _PROGRESS.fullmatch(line.strip())
            if match:
                progress = progress or _megabytes(int(match[1]), int(match[2]))
            elif not _UNINTERESTING.match(line):
                return f"{line.strip()[:200]}{progress}"
        return progress.strip()


def _megabytes(done: int, total: int) -> str:
    return f" · {done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else ""


async def _end(process: asyncio.subprocess.Process) -> None:
    """TERM to the group, then KILL, until no process of it is left."""
    _signal(process.pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), TERM_SECONDS)
    deadline = asyncio.get_running_loop().time() + KILL_SECONDS
    while _signal(process.pid, signal.SIGKILL) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)
    await process.wait()


def _signal(group: int, number: signal.Signals) -> bool:
    """Send it; False when the group has no member any more."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True

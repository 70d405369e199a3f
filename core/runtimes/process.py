"""The process runtime: runs as processes of this machine, each under a keeper of its own."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from core.deployments.deployment import Exit
from core.deployments.launch_spec import RuntimeKind
from core.engines.engine import StopStep
from core.errors import LaunchError
from core.files import read_object, write_json
from core.runtimes.keeper import EXIT_FILE, KEEPER_FILE, PROCESS_FILE, STOP_FILE
from core.runtimes.processes import Identity, Member, members_of
from core.runtimes.runtime import Observation, Plan, steps_to_json

logger = logging.getLogger(__name__)
HANDSHAKE_SECONDS = 20.0


class ProcessRuntime:
    """Starts keepers and reads what they write."""

    kind = RuntimeKind.PROCESS

    def start(self, folder: Path, plan: Plan) -> None:
        """Start the keeper and wait until it has taken over.

        Raises:
            LaunchError: it did not come up; the end of its own log is in the details.
        """
        text = json.dumps(
            {
                "mark": plan.mark,
                "steps": [{"name": each.name, "argv": list(each.argv), "env": each.env} for each in plan.steps],
                "env": plan.env,
                "stop": steps_to_json(plan.stop),
            }
        )
        command = [sys.executable, "-P", "-m", "core.runtimes.keeper", str(folder)]
        own = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "PYTHONPATH")}
        try:
            starter = subprocess.run(
                command, input=text.encode(), capture_output=True, timeout=HANDSHAKE_SECONDS, env=own, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LaunchError(f"The keeper of this run did not start: {error}.") from error
        if starter.returncode != 0:
            details = starter.stderr.decode(errors="replace").strip()
            raise LaunchError(
                f"The keeper of this run did not start: {details.splitlines()[-1] if details else 'no word from it'}.",
                details=details,
                remedy="Free disk space or mend the rights of the data folder.",
            )
        deadline = time.monotonic() + HANDSHAKE_SECONDS
        while not (folder / KEEPER_FILE).exists() and not (folder / EXIT_FILE).exists():
            if time.monotonic() > deadline:
                raise LaunchError("The keeper of this run did not report.", details=_tail(folder / "keeper.log"))
            time.sleep(0.005)

    def observe(self, folder: Path) -> Observation:
        """Read the keeper's files and look whether the processes that they name live."""
        keeper, process = read_object(folder / KEEPER_FILE), read_object(folder / PROCESS_FILE)
        keeper_identity = Identity.from_json(keeper.get("keeper"))
        leader = Identity.from_json(process.get("leader"))
        keeper_alive = keeper_identity is not None and keeper_identity.is_alive
        ending = read_object(folder / EXIT_FILE)
        asked_at = read_object(folder / STOP_FILE).get("at")
        exit_seen = None
        if ending:
            asked = ending.get("asked_at") is not None
            exit_seen = Exit(ending.get("code"), ending.get("signal"), float(ending.get("at", 0.0)), asked)
        elif not keeper_alive and (leader is None or not leader.is_alive) and keeper:
            exit_seen = Exit(None, None, time.time(), asked_at is not None)
        return Observation(
            step=str(process.get("step", "")),
            keeper_alive=keeper_alive,
            leader_alive=leader is not None and leader.is_alive,
            stop_asked=asked_at is not None,
            exit=exit_seen,
            killed=tuple(ending.get("killed", ())),
            output_lost=int(ending.get("output_lost", 0)),
            problem=str(ending.get("problem", "")),
        )

    def request_stop(self, folder: Path, steps: tuple[StopStep, ...]) -> None:
        """Leave the request in the run's folder and wake the keeper; where it died, do its work here (blocks then).

        Raises:
            StoreError: the request can't be written.
        """
        if not (folder / STOP_FILE).exists():
            write_json(folder / STOP_FILE, {"at": time.time(), "steps": steps_to_json(steps)})
        keeper = Identity.from_json(read_object(folder / KEEPER_FILE).get("keeper"))
        if keeper is None or not keeper.send(signal.SIGTERM):
            self._stop_without_keeper(folder, steps)

    def leftovers(self, folder: Path) -> tuple[str, ...]:
        """What of the run still lives, its keeper left out."""
        return tuple(each.text for each in self._members(folder))

    def owns(self, folder: Path, pid: int) -> bool:
        """Whether the process is one of the run's."""
        return any(each.identity.pid == pid for each in self._members(folder))

    def _members(self, folder: Path) -> list[Member]:
        kept, process = read_object(folder / KEEPER_FILE), read_object(folder / PROCESS_FILE)
        keeper = Identity.from_json(kept.get("keeper"))
        if keeper is None:
            return []
        leaders = [identity for each in process.get("leaders", ()) if (identity := Identity.from_json(each))]
        return members_of(str(kept.get("mark", "")), leaders=leaders, keeper=keeper)

    def _stop_without_keeper(self, folder: Path, steps: tuple[StopStep, ...]) -> None:
        leader = Identity.from_json(read_object(folder / PROCESS_FILE).get("leader"))
        for step in steps:
            number = signal.Signals[f"SIG{step.signal}"]
            members = self._members(folder)
            if not members:
                return
            for member in members:
                if step.target == "group" or member.identity == leader:
                    member.identity.send(number)
            deadline = time.monotonic() + step.wait
            while time.monotonic() < deadline and self._members(folder):
                time.sleep(0.05)


def _tail(path: Path, size: int = 4000) -> str:
    try:
        return path.read_text(errors="replace")[-size:]
    except OSError:
        return ""

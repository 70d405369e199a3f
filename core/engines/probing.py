"""Asking an installation about itself: a small script of ours, run by the installation's own Python."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from core.engines.engine import Installation
from core.errors import InstallationError

PROBES = Path(__file__).parent / "probes"
TIME_LIMIT = 120.0
"""Seconds. vLLM takes 10 to 30."""
FIRST_TIME_LIMIT = 300.0
"""Seconds for environments of our own: the first time they compile all their Python (70 s on two busy cores)."""
_running: set[int] = set()
"""Group leaders of the probes that run now."""
NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "PYTHONSTARTUP", "HF_TOKEN")
"""Variables of our own surroundings that would mislead an environment that isn't ours, or that it need not know."""


def environment(**more: str) -> dict[str, str]:
    """Our environment, fit for a foreign Python, and `more`."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    return {**kept, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", **more}


def bytecode(installation: Installation) -> dict[str, str]:
    """For our own environments: they are installed without bytecode, and each start writes what it compiled.

    Without it a machine on which `PYTHONDONTWRITEBYTECODE` is set would compile PyTorch anew at every start.
    """
    is_off = installation.kind == "managed" and os.environ.get("PYTHONDONTWRITEBYTECODE")
    return {"PYTHONDONTWRITEBYTECODE": ""} if is_off else {}


def ask(installation: Installation, script: str, env: dict[str, str], *, time_limit: float | None = None) -> Any:
    """Run a script of `probes/` with the installation's Python and take its JSON answer.

    Args:
        installation: whose Python runs it.
        script: the file's name.
        env: the whole environment.
        time_limit: seconds after which it is ended; by default one of the two above.

    Raises:
        InstallationError: no Python, no answer in time, an error; the details hold what it printed.
    """
    if installation.python is None:
        raise InstallationError(
            f"The Python of {installation.executable} is not known, so it can't be asked.",
            remedy="Add the folder of its environment instead.",
            field="path",
        )
    if time_limit is None:
        time_limit = FIRST_TIME_LIMIT if installation.kind == "managed" else TIME_LIMIT
    with tempfile.TemporaryDirectory(prefix="servedeck-probe-") as folder:
        answer = Path(folder) / "answer.json"
        argv = [str(installation.python), str(PROBES / script), str(answer)]
        code, output = _run(argv, env, folder, time_limit)
        if code is None:
            raise InstallationError(
                f"{installation.executable} did not describe itself within {time_limit:.0f} s.",
                remedy="Try again when the machine is less busy.",
                details=output,
            )
        try:
            return json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "it said nothing")
            raise InstallationError(
                f"{installation.executable} can't describe itself: {last}.",
                remedy="Install it again, or use another installation.",
                details=output or str(error),
            ) from error


def _run(argv: list[str], env: dict[str, str], folder: str, time_limit: float) -> tuple[int | None, str]:
    """Exit code (None: out of time) and output. Whatever it started ends with it: it has a group of its own."""
    try:
        child = subprocess.Popen(
            argv,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise InstallationError(
            f"{argv[0]} can't be started: {error.strerror or error}.", remedy="Install it again, or remove it."
        ) from error
    _running.add(child.pid)
    try:
        output, _ = child.communicate(timeout=time_limit)
        code: int | None = child.returncode
    except subprocess.TimeoutExpired:
        _end_group(child.pid)
        output, _ = child.communicate()
        code = None
    finally:
        _running.discard(child.pid)
        _end_group(child.pid)
    return code, output.decode("utf-8", "replace")


def end_all() -> None:
    """End every probe that runs: who waits for one gets an error. For the end of the program, which must not wait."""
    for leader in tuple(_running):
        _end_group(leader)


def _end_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)

"""The `servedeck` command as a real child process, with a home of its own and nothing of the machine around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.environments import first_port

COMMAND = Path(sys.executable).with_name("servedeck")
TIMEOUT = 60.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        assert self.code == 0, self
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line of a failure."""
        assert self.code != 0, self
        assert self.out == "", self
        lines = [line for line in self.err.splitlines() if line.startswith("servedeck: ")]
        assert len(lines) == 1, self
        assert "Traceback" not in self.err, self
        return lines[0].removeprefix("servedeck: ")


class CommandLine:
    """Runs commands. No engine, model or token of the machine is seen; the Hub can't be reached."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        settings = self.home / "config" / "settings.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(f"first_port = {first_port()}\nstop_grace_seconds = 3.0\n")
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder / "user"),
            "LANG": "C.UTF-8",
            "SERVEDECK_HOME": str(self.home),
            "HF_HOME": str(folder / "hf"),
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "PYTHONWARNINGS": "error",
            **environment,
        }
        if "COVERAGE_PROCESS_START" in os.environ:
            self.environment["COVERAGE_PROCESS_START"] = os.environ["COVERAGE_PROCESS_START"]

    def __call__(self, *arguments: object, **environment: str) -> Ended:
        texts = tuple(str(each) for each in arguments)
        child = subprocess.run(
            [COMMAND, *texts],
            env=self.environment | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Ended(texts, child.returncode, child.stdout, child.stderr)

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        """Start one and leave it running; the caller ends it."""
        return subprocess.Popen(
            [COMMAND, *(str(each) for each in arguments)],
            env=self.environment | environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end_everything(self) -> None:
        """Stop what a test left running."""
        for each in self("ps", "--json").json["deployments"]:
            if each["state"] not in ("stopped", "failed"):
                self("stop", each["name"])

"""An engine of a few lines that pip installs for real: a wheel with one command, and one whose build never ends."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

from core.engines.engine import Installation, InstallRecipe
from core.engines.options import Option, OptionKind, OptionTable, ValueType
from core.engines.vllm import VllmEngine
from core.errors import InstallationError


class TinyEngine(VllmEngine):
    """Described and installed like vLLM, but made of one wheel of ours."""

    id = "tiny"
    title = "Tiny"
    executable = "tiny"
    distribution = "tiny"
    needs = ()
    size = 1_000_000
    steps: tuple[tuple[str, tuple[str, ...]], ...] = (("Tiny", ("install", "tiny")),)
    answers = True

    def recipe(self, *, has_nvidia: bool) -> InstallRecipe:
        return InstallRecipe(self.steps, self.size, ("tiny",))

    def read_options(self, installation: Installation) -> OptionTable:
        if not self.answers:
            raise InstallationError("Tiny does not answer.", remedy="Look again.")
        option = Option(name="x", flags=("--x",), kind=OptionKind.VALUE, type=ValueType.TEXT)
        return OptionTable(engine="tiny", version=installation.version, source="installation", options=(option,))


class TinyCatalog:
    """A catalog of that engine alone."""

    def __init__(self, engine: TinyEngine) -> None:
        self.engine = engine

    def all(self) -> tuple[TinyEngine, ...]:
        return (self.engine,)

    def get(self, engine_id: str) -> TinyEngine:
        assert engine_id == "tiny"
        return self.engine


def wheel(folder: Path, name: str = "tiny", version: str = "1.0", requires: str = "") -> Path:
    """A wheel with a module and a command of that name."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "def main():\n    print('tiny')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text)}")
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return made


def endless_project(folder: Path, started: Path) -> Path:
    """A source project whose build writes `started`, ignores TERM and waits for ever, and so does its child."""
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        "[project]\nname = 'endless'\nversion = '1'\n"
    )
    (folder / "backend.py").write_text(
        "import os, signal, subprocess, sys, pathlib\n"
        "def get_requires_for_build_wheel(config_settings=None):\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        f"    pathlib.Path({str(started)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        "    signal.pause()\n"
        "def build_wheel(*args, **kwargs):\n    raise SystemExit(1)\n"
    )
    return folder

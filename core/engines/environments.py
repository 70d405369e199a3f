"""Python environments as they lie on disk: found, and read without running anything of them."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.engines.architectures import version_of

_SHEBANG_LIMIT = 4096
_TORCH_LINE = re.compile(
    r"""^(?P<name>__version__|cuda|hip|xpu)\s*(?::[^=]+)?=\s*(?P<value>None|['"][^'"]*['"])""", re.M
)


@dataclass(frozen=True, slots=True)
class Environment:
    """What a command belongs to."""

    python: Path | None
    """Its interpreter; None where the command is no Python script."""
    site_packages: Path | None
    """Where the distribution lies; None where it was not found."""
    problem: str = ""


def describe(executable: Path, distribution: str) -> Environment:
    """The environment of a command, by its first line.

    Args:
        executable: the command.
        distribution: the distribution that the command comes from, to choose among several site-packages.
    """
    try:
        interpreter = _interpreter(executable)
    except OSError as error:
        return Environment(None, None, f"{executable} can't be read: {error.strerror or error}.")
    if interpreter is None:
        return Environment(None, None)
    if not _is_command(interpreter):
        return Environment(None, None, f"Its Python {interpreter} is gone. Install it again, or remove it.")
    folders = list(_site_packages(interpreter, executable))
    found = next((each for each in folders if version_of(each, distribution)), None)
    return Environment(interpreter, found)


def _interpreter(executable: Path) -> Path | None:
    """The Python that runs a script; None if it is no Python script.

    Raises:
        OSError: it can't be read.
    """
    with executable.open("rb") as file:
        head = file.read(_SHEBANG_LIMIT)
    if not head.startswith(b"#!"):
        return _neighbour(executable)
    lines = head.decode("utf-8", "replace").splitlines()
    words = _words(lines[0][2:])
    if not words:
        return None
    if Path(words[0]).name == "env":
        name = next((each for each in words[1:] if not each.startswith("-") and "=" not in each), "")
        return _neighbour(executable) if name.startswith("python") else None
    if Path(words[0]).name == "sh" and len(lines) > 1 and lines[1].startswith("'''exec'"):
        # What pip and uv write when the path of the Python is too long for a first line.
        words = _words(lines[1].removeprefix("'''exec'"))
    return Path(words[0]) if words and "python" in Path(words[0]).name else None


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _neighbour(executable: Path) -> Path | None:
    """The Python in the same folder, as in every environment."""
    return next(
        (each for each in (executable.parent / "python3", executable.parent / "python") if each.is_file()), None
    )


def _is_command(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode) and os.access(path, os.X_OK)
    except OSError:
        return False


def _site_packages(interpreter: Path, executable: Path) -> Iterator[Path]:
    """Folders where the interpreter may keep distributions, the likeliest first."""
    # Not resolved: the Python of a virtual environment is a link out of it.
    for prefix in dict.fromkeys((interpreter.parent.parent, executable.parent.parent, Path.home() / ".local")):
        for library in ("lib", "lib64"):
            for name in ("site-packages", "dist-packages"):
                yield from sorted((prefix / library).glob(f"python3*/{name}"), reverse=True)
    yield from (Path("/usr/lib/python3/dist-packages"), Path("/usr/local/lib/python3/dist-packages"))


def target(version: str, site_packages: Path | None) -> str:
    """`CPU`, `CUDA 13.0`, `ROCm 7.0`, `XPU`, or `unknown`: by the engine's own version, else by its PyTorch's."""
    local = version.partition("+")[2].lower()
    named = _named_target(local)
    if named or site_packages is None:
        return named or "unknown"
    try:
        text = (site_packages / "torch" / "version.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    values = {match["name"]: match["value"].strip("'\"") for match in _TORCH_LINE.finditer(text)}
    for name, title in (("cuda", "CUDA"), ("hip", "ROCm")):
        if values.get(name, "None") not in ("None", ""):
            return f"{title} {'.'.join(values[name].split('.')[:2])}"
    if values.get("xpu", "None") not in ("None", ""):
        return "XPU"
    return "CPU" if "__version__" in values else "unknown"


def _named_target(local: str) -> str:
    """By a local version: `cpu`, `cu129`, `rocm700`, `xpu`."""
    if local.startswith("cpu"):
        return "CPU"
    match = re.match(r"(cu|rocm)(\d+)(?:\.(\d+))?", local)
    if match:
        title = "CUDA" if match[1] == "cu" else "ROCm"
        digits = match[2]
        if match[3]:
            return f"{title} {digits}.{match[3]}"
        major = digits[:-1] if match[1] == "cu" else digits[: max(1, len(digits) - 2)]
        return f"{title} {major}.{digits[len(major) :][:1] or 0}" if major else ""
    return "XPU" if local.startswith("xpu") else ""


def known_folders() -> tuple[Path, ...]:
    """Folders of Python environments that people commonly make; only their existence is looked at."""
    home, environ = Path.home(), os.environ
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    uv_tools = Path(environ.get("UV_TOOL_DIR") or data / "uv" / "tools")
    pipx = [Path(environ["PIPX_HOME"])] if environ.get("PIPX_HOME") else [data / "pipx", home / ".local" / "pipx"]
    found = [Path(environ[name]) for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if environ.get(name)]
    found += [home / ".venv", *_children(home, "venv*")]
    found += _children(Path(environ.get("WORKON_HOME") or home / ".virtualenvs"), "*")
    for conda in ("miniconda3", "anaconda3", "miniforge3", "mambaforge"):
        found += [home / conda, *_children(home / conda / "envs", "*")]
    found += [*_children(uv_tools, "*"), *(each for folder in pipx for each in _children(folder / "venvs", "*"))]
    return tuple(dict.fromkeys(found))


def _children(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(each for each in folder.glob(pattern) if each.is_dir())
    except OSError:
        return []


def commands_on_path(name: str) -> Iterator[Path]:
    """Every executable of that name on PATH, in its order."""
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        path = Path(entry).absolute() / name
        if entry and _is_command(path):
            yield path


def command_in(folder: Path, name: str) -> Path | None:
    """The executable of that name in an environment's folder."""
    path = folder / "bin" / name
    return path if _is_command(path) else None


def disk_use(folder: Path) -> int:
    """Bytes on disk of all files under a folder; a file with several names counts once. Takes a second for 3 GB."""
    total, seen = 0, set()
    waiting = [str(folder)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(status.st_mode):
                waiting.append(entry.path)
            if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            total += status.st_blocks * 512
    return total

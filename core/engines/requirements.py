"""What only the machine at hand can tell of a recipe: which PyTorch, which requirements, which label."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from core.engines import install_errors
from core.engines.architectures import version_of
from core.engines.logged_command import LoggedCommand
from core.errors import InstallationError

PYTORCH_CPU = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index of CPU builds."""
_CUDA_PARTS = re.compile(r"(nvidia|cuda)-", re.IGNORECASE)
_DRIVER_FILES = (
    "/proc/driver/nvidia/version",
    "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
    "/usr/lib/aarch64-linux-gnu/libcuda.so.1",
    "/usr/lib64/libcuda.so.1",
    "/usr/lib/wsl/lib/libcuda.so.1",
)


def has_nvidia() -> bool:
    """An NVIDIA driver is on this machine."""
    return shutil.which("nvidia-smi") is not None or any(Path(each).exists() for each in _DRIVER_FILES)


class Resolver:
    """Replaces the arguments of a recipe that begin with `@`.

    Args:
        folder: the environment.
        command: runs pip, into the log.
    """

    def __init__(self, folder: Path, command: LoggedCommand) -> None:
        self._folder = folder
        self._command = command
        self._python = str(folder / "bin" / "python")

    async def resolve(self, argument: str) -> tuple[str, ...]:
        """The arguments that it stands for; itself if it stands for nothing else.

            @cpu-torch:VERSION            the CPU build of that PyTorch, wherever it is to be had
            @needs:REQUIREMENT:a,b,c      what that distribution requires, without those named
            @label:NAME:VERSION           a wheel of that name that holds nothing

        Raises:
            InstallationError: it can't be had.
            OSError: a file can't be written.
        """
        kind, _, rest = argument.partition(":")
        if kind == "@cpu-torch":
            return await self._cpu_torch(rest)
        if kind == "@needs":
            requirement, _, without = rest.partition(":")
            return await self._needs(requirement, set(without.split(",")))
        if kind == "@label":
            name, _, version = rest.partition(":")
            return (str(label_wheel(self._build_folder(), name, version)),)
        return (argument,)

    def _build_folder(self) -> Path:
        folder = self._folder / "servedeck-build"
        folder.mkdir(exist_ok=True)
        return folder

    async def _cpu_torch(self, version: str) -> tuple[str, ...]:
        """Never the CUDA build, which is gigabytes that a machine without a GPU can't use.

        pip takes `2.13.0+cpu` before `2.13.0`, so asking for `2.13.0` shows whether a CPU build is to be had.
        """
        installed = self._installed("torch")
        if installed == f"{version}+cpu":
            return (f"torch=={installed}",)
        # First what pip is configured with (a mirror, a folder of wheels), then PyTorch's own index.
        for more in ((), ("--extra-index-url", PYTORCH_CPU, "--retries", "1", "--timeout", "15")):
            found = await self._report(f"torch=={version}", *more)
            if found is not None and is_cpu_build(found):
                return (f"torch=={found['version']}", *more[:2])
        raise InstallationError(
            f"No CPU build of PyTorch {version} can be reached; pip's own index has only the CUDA build, "
            "gigabytes that this machine has no use for.",
            remedy=f"See that {PYTORCH_CPU} can be reached, or name a mirror of it in PIP_EXTRA_INDEX_URL.",
        )

    def _installed(self, distribution: str) -> str:
        folders = self._folder.glob("lib/python3*/site-packages")
        return next((found for each in folders if (found := version_of(each, distribution))), "")

    async def _needs(self, requirement: str, without: set[str]) -> tuple[str, ...]:
        metadata = await self._report(requirement)
        if metadata is None:
            raise InstallationError(install_errors.explain(self._command.output(), 1))
        lines = needed_lines(metadata.get("requires_dist") or [], without)
        path = self._build_folder() / f"{requirement.partition('=')[0]}-requirements.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return ("-r", str(path))

    async def _report(self, requirement: str, *more: str) -> dict[str, Any] | None:
        """The metadata of what pip would install, without downloading it; None if it finds nothing."""
        path = self._build_folder() / "report.json"
        path.unlink(missing_ok=True)
        options = ("--dry-run", "--quiet", "--no-deps", "--ignore-installed", "--report", str(path))
        code = await self._command.run(self._python, "-m", "pip", "install", *options, *more, requirement)
        if code != 0:
            return None
        try:
            metadata = json.loads(path.read_text(encoding="utf-8"))["install"][0]["metadata"]
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            return None
        return metadata if isinstance(metadata, dict) else None


def is_cpu_build(metadata: dict[str, Any]) -> bool:
    """A PyTorch that asks for nothing of NVIDIA's."""
    if "cpu" in str(metadata.get("version", "")).partition("+")[2]:
        return True
    return not any(_CUDA_PARTS.match(str(each)) for each in metadata.get("requires_dist") or [])


def needed_lines(requires: list[Any], without: set[str]) -> list[str]:
    """Requirement lines without those of extras and without the distributions named."""
    lines = []
    for each in requires:
        try:
            parsed = Requirement(str(each))
        except InvalidRequirement:
            continue
        marker = str(parsed.marker or "")
        if parsed.name.lower() not in without and "extra ==" not in marker and "extra in" not in marker:
            lines.append(str(parsed))
    return lines


def label_wheel(folder: Path, name: str, version: str) -> Path:
    """A wheel that installs metadata and nothing else, for software that asks for its own version by another name."""
    stem = f"{re.sub(r'[-_.]+', '_', name)}-{version}"  # as the wheel format wants it
    info = f"{stem}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        "Summary: A label made by Servedeck: it holds no code.\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: servedeck\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for inner, text in files.items():
            wheel.writestr(inner, text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()

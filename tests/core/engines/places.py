"""Small environments with commands in them, as installations are found on disk."""

from __future__ import annotations

import os
import sys
from pathlib import Path

NEEDS = {"torch": "2.13.0", "fastapi": "0.130.0", "uvicorn": "0.40.0"}
TORCH = """__version__ = '2.13.0{local}'
debug = False
cuda: Optional[str] = {cuda}
git_version = 'x'
hip: Optional[str] = {hip}
"""


def environment(
    folder: Path,
    engine: str = "vllm",
    version: str = "0.32.0",
    *,
    local: str = "+cpu",
    cuda: str = "None",
    hip: str = "None",
    beside: dict[str, str] | None = None,
    body: str = "",
) -> Path:
    """A folder like a virtual environment; returns its command, a script that prints its arguments."""
    site = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(sys.executable)
    for name, number in {engine: version, **(NEEDS if beside is None else beside)}.items():
        (site / f"{name}-{number}.dist-info").mkdir()
    (site / "torch").mkdir()
    (site / "torch" / "version.py").write_text(TORCH.format(local=local, cuda=cuda, hip=hip))
    if engine == "transformers":
        (site / "transformers" / "cli" / "serving").mkdir(parents=True)
    command = folder / "bin" / engine
    script(command, f"#!{folder / 'bin' / 'python'}\n{body or 'import sys; print(sys.argv)'}\n")
    return command


def script(path: Path, text: str) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def only_path(*folders: Path) -> str:
    """A PATH of these folders alone."""
    return os.pathsep.join(str(each) for each in folders)

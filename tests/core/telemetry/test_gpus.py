"""The GPU inventory with the real pynvml and a driver library of our own, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
COMPILER = shutil.which("cc") or shutil.which("gcc")
SCRIPT = """
import dataclasses, json, os
from core.telemetry.gpus import GpuInventory
inventory = GpuInventory()
readings = [inventory.read()]
if os.environ.get("THEN") is not None:
    os.environ["NVML_STUB"] = os.environ["THEN"]
    # the stub asks the C library's environment
    import ctypes
    ctypes.CDLL(None).setenv(b"NVML_STUB", os.environ["THEN"].encode(), 1)
    readings.append(inventory.read())
    readings.append(inventory.read())
inventory.close()
inventory.close()
print(json.dumps([dataclasses.asdict(reading) for reading in readings]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if COMPILER is None:
        pytest.skip("no C compiler on this machine")
    folder = tmp_path_factory.mktemp("nvml")
    target = folder / "libnvidia-ml.so.1"
    source = ROOT / "tests" / "servers" / "nvml_stub.c"
    subprocess.run([COMPILER, "-Wall", "-Werror", "-shared", "-fPIC", "-o", target, source], check=True, timeout=60)
    return folder


def readings(folder: Path | None, words: str = "", then: str | None = None) -> list[dict[str, Any]]:
    env = {**os.environ, "NVML_STUB": words} | ({"THEN": then} if then is not None else {})
    if folder is not None:
        env["LD_LIBRARY_PATH"] = str(folder)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    found: list[dict[str, Any]] = json.loads(run.stdout)
    return found


def test_gpus_are_read(library: Path) -> None:
    (reading,) = readings(library)
    assert reading == {
        "gpus": [
            {
                "index": index,
                "name": "NVIDIA H100 80GB HBM3",
                "uuid": f"GPU-{index}",
                "memory_total": 80 << 30,
                "memory_used": (index + 1) << 30,
                "utilisation": 42.0,
                "temperature": 55.0,
            }
            for index in range(2)
        ],
        "driver": "580.65.06",
        "cuda": "13.0",
        "problem": "",
        "has_nvidia": True,
    }


def test_what_a_gpu_does_not_tell_is_left_open(library: Path) -> None:
    (reading,) = readings(library, "bare,odd,count=1")
    (gpu,) = reading["gpus"]
    assert (gpu["utilisation"], gpu["temperature"], gpu["memory_total"], gpu["memory_used"]) == (None, None, 0, 0)
    assert gpu["name"]
    assert reading["problem"] == ""


def test_a_driver_without_gpus(library: Path) -> None:
    (reading,) = readings(library, "count=0")
    assert (reading["gpus"], reading["problem"], reading["has_nvidia"]) == ([], "", True)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (9, "not loaded"),
        (18, "restart the machine"),
        (4, "may not use"),
        (999, "The NVIDIA driver reports: Unknown Error."),
    ],
)
def test_a_driver_that_fails_is_told(library: Path, error: int, words: str) -> None:
    (reading,) = readings(library, f"init={error}")
    assert words in reading["problem"]
    assert (reading["gpus"], reading["has_nvidia"]) == ([], True)


def test_one_lost_gpu_does_not_hide_the_others(library: Path) -> None:
    (reading,) = readings(library, "lost=0")
    assert [gpu["index"] for gpu in reading["gpus"]] == [1]
    assert reading["problem"] == "GPU 0: It has fallen off the bus; restart the machine."


def test_reading_goes_on_after_a_failure(library: Path) -> None:
    broken, mended, again = readings(library, "init=9", then="count=1")
    assert broken["problem"]
    assert (len(mended["gpus"]), mended["problem"]) == (1, "")
    assert again == mended


def test_a_machine_without_nvidia_has_no_problem(tmp_path: Path) -> None:
    if any(Path(folder, "libnvidia-ml.so.1").exists() for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib64")):
        pytest.skip("this machine has the driver")
    (reading,) = readings(None)
    assert reading == {"gpus": [], "driver": "", "cuda": "", "problem": "", "has_nvidia": False}

"""Commands into a log: what is shown of them, and what the machine says of its hardware."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from core.engines import requirements
from core.engines.logged_command import LoggedCommand
from tests.core.engines.places import only_path, script


def made(tmp_path: Path, pids: list[int] | None = None) -> LoggedCommand:
    started = (lambda _: None) if pids is None else pids.append
    return LoggedCommand(tmp_path / "logs" / "x.log", dict(os.environ), started)


@pytest.mark.parametrize(
    ("output", "detail"),
    [
        ("Collecting torch\n", "Collecting torch"),
        ("Collecting torch\n\n   \n", "Collecting torch"),
        (
            "  Downloading torch-2.13.0.whl (190 MB)\nProgress 1000000 of 190000000\nProgress 45000000 of 190000000\n",
            "Downloading torch-2.13.0.whl (190 MB) · 45 of 190 MB",
        ),
        ("Collecting a\nWARNING: Location 'file:///x' is ignored\n", "Collecting a"),
        (
            "Collecting a\nWARNING: Retrying (Retry(total=4)) after broken\n",
            "WARNING: Retrying (Retry(total=4)) after broken",
        ),
        ("Progress 3 of 0\n", ""),
        ("", ""),
        ("x" * 500 + "\n", "x" * 200),
    ],
)
async def test_the_last_line_worth_showing(tmp_path: Path, output: str, detail: str) -> None:
    command = made(tmp_path)
    assert await command.run(sys.executable, "-c", f"print({output!r}, end='')") == 0
    assert command.detail() == detail
    assert command.output().endswith(output)
    assert await command.run(sys.executable, "-c", "print('later')", shown="something") == 0
    assert command.detail() == "later"
    assert command.output() == "$ something\nlater\n"
    assert output in command.log.read_text()


async def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    command = made(tmp_path)
    code = "import sys; sys.stdout.buffer.write(bytes([255, 10, 0, 10]))"
    assert await command.run(sys.executable, "-c", code) == 0
    assert command.detail() == "\x00"


async def test_a_cancelled_command_is_gone_with_its_group(tmp_path: Path) -> None:
    pids: list[int] = []
    command = made(tmp_path, pids)
    code = (
        "import os, signal, sys; signal.signal(15, signal.SIG_IGN); os.fork(); print('up', flush=True); signal.pause()"
    )
    task = asyncio.create_task(command.run(sys.executable, "-c", code))
    async with asyncio.timeout(30):
        while command.output().count("up\n") < 2:
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.killpg(pids[0], 0)


async def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await made(tmp_path).run("/nowhere/python")


def test_an_nvidia_driver_shows_by_its_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "bin" / "nvidia-smi", "#!/bin/sh\n")
    monkeypatch.setenv("PATH", only_path(tmp_path / "bin"))
    assert requirements.has_nvidia()


@pytest.mark.parametrize(
    ("version", "requires", "is_cpu"),
    [
        ("2.13.0+cpu", ["nvidia-x"], True),
        ("2.13.0", ["filelock", 'nvidia-cublas==13; platform_system == "Linux"'], False),
        ("2.13.0", ["cuda-toolkit[cublas]==13.0"], False),
        ("2.13.0", ["filelock"], True),
        ("2.13.0+cu130", ["nvidia-x"], False),
        ("2.13.0", None, True),
    ],
)
def test_which_pytorch_is_for_a_cpu(version: str, requires: list[str] | None, is_cpu: bool) -> None:
    assert requirements.is_cpu_build({"version": version, "requires_dist": requires}) is is_cpu


def test_what_a_distribution_needs() -> None:
    requires = [
        "torch==2.13.0+cpu; platform_machine == 'x86_64'",
        "torchvision",
        "numpy>=2",
        "ray; extra == 'ray'",
        "(((",
    ]
    assert requirements.needed_lines(requires, {"torch", "torchvision"}) == ["numpy>=2"]

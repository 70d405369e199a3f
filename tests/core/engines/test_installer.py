"""Managed environments are made by the real venv and the real pip, from wheels that lie here."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.engines import install_errors, managed, option_tables
from core.engines.architectures import version_of
from core.engines.installations import Installations
from core.engines.installer import Installer, InstallJob
from core.errors import InstallationError, NotFoundError
from core.events import Bus, Event, InstallChanged
from core.paths import Paths
from tests.core.engines.tiny_engine import TinyCatalog, TinyEngine, endless_project, wheel


class Place:
    """A home, wheels, and an installer for the tiny engine."""

    def __init__(self, root: Path) -> None:
        self.engine = TinyEngine()
        catalog: Any = TinyCatalog(self.engine)
        self.paths = Paths.under(root / "home")
        self.paths.prepare()
        self.bus = Bus()
        self.events: list[Event] = []
        self.bus.subscribe(self.events.append)
        self.installations = Installations(catalog, self.paths, self.bus)
        self.installer = Installer(catalog, self.installations, self.paths, self.bus, has_nvidia=lambda: False)
        self.folder = self.paths.environments / "tiny"
        self.wheels = root / "wheels"
        self.wheels.mkdir()

    @property
    def site(self) -> Path:
        return next(self.folder.glob("lib/*/site-packages"))

    async def install(self) -> InstallJob:
        job = await self.installer.start("tiny")
        return await self.installer.wait(job.id)


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.wheels))
    monkeypatch.setenv("PATH", f"{tmp_path / 'nothing'}:/usr/bin:/bin")
    yield made
    await made.installer.close()


def waiter(python: str = sys.executable, *, start_new_session: bool = False) -> subprocess.Popen[bytes]:
    """A process that lives until its input ends; it runs when this returns."""
    code = "import sys; print(1, flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [python, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=start_new_session
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"1\n"
    return child


def output_of(command: Path) -> str:
    return subprocess.check_output([str(command)], text=True)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_install_fail_resume_again_and_remove(place: Place) -> None:
    """One environment through its whole life: making it takes seconds."""
    place.engine.steps = (
        ("PyTorch", ("install", "@cpu-torch:2.13.0")),
        ("Needs", ("install", "@needs:tiny==1.0:unwanted")),
        ("Tiny", ("install", "--no-deps", "tiny")),
        ("Its name", ("install", "--no-deps", "@label:tiny-label:1.0+cpu")),
    )
    await fail_and_go_on(place)
    await finish(place)
    await refuse_while_in_use(place)
    await keep_what_works(place)
    await place.installations.remove("managed:tiny")
    assert not place.folder.exists()
    assert place.installations.all() == ()


async def fail_and_go_on(place: Place) -> None:
    """Each attempt goes further than the one before."""
    # On PyPI there is only the CUDA build, which shows by what it requires.
    wheel(place.wheels, "torch", "2.13.0", "Requires-Dist: nvidia-cublas\n")
    job = await place.install()
    assert job.state == "failed"
    assert (job.step, job.step_number, job.steps) == ("PyTorch", 2, 6)
    assert "No CPU build of PyTorch 2.13.0 can be reached" in job.problem
    assert "download.pytorch.org" in job.problem
    (half,) = place.installations.of("tiny")
    assert half.problem
    assert half.id == "managed:tiny"

    wheel(place.wheels, "torch", "2.13.0+cpu")
    job = await place.install()
    assert (job.state, job.step) == ("failed", "Needs")
    assert "No matching distribution found for tiny" in job.problem
    assert "No matching distribution found for tiny" in job.log.read_text()

    requires = "".join(f"Requires-Dist: {each}\n" for each in ("helper", "unwanted", "more; extra == 'x'"))
    wheel(place.wheels, requires=requires)
    wheel(place.wheels, "helper")
    before = (place.folder / "pyvenv.cfg").stat().st_mtime_ns
    place.engine.answers = False
    job = await place.install()
    assert (job.state, job.step, job.problem) == ("failed", "First start", "Tiny does not answer. Look again.")
    assert (place.folder / "pyvenv.cfg").stat().st_mtime_ns == before  # continued, not begun anew


async def finish(place: Place) -> None:
    """The attempt that succeeds, and all that it leaves."""
    place.engine.answers = True
    seen = len(place.events)
    job = await place.install()
    assert job.state == "done", job.problem
    assert job.ended is not None
    assert job.ended >= job.started
    text = job.log.read_text()
    assert text.startswith("Installing Tiny into")
    assert text.endswith("[servedeck] done\n")
    assert job.log.stat().st_mode & 0o777 == 0o600
    assert InstallChanged(job.id) in place.events[seen:]
    (found,) = place.installations.of("tiny")
    assert (found.id, found.version, found.problem) == ("managed:tiny", "1.0", "")
    assert found.size is not None
    assert found.size > 1_000_000
    assert await asyncio.to_thread(output_of, found.executable) == "tiny\n"
    kept = option_tables.load(place.paths, "tiny", "1.0")
    assert kept is not None
    assert kept.options[0].name == "x"
    assert len(place.installer.jobs()) == 4
    versions = {name: version_of(place.site, name) for name in ("torch", "tiny-label", "helper", "unwanted", "more")}
    assert versions == {"torch": "2.13.0+cpu", "tiny-label": "1.0+cpu", "helper": "1.0", "unwanted": "", "more": ""}
    with pytest.raises(NotFoundError):
        place.installer.job("nope")


async def refuse_while_in_use(place: Place) -> None:
    runner = waiter(str(place.folder / "bin" / "python"))
    try:
        with pytest.raises(InstallationError, match=f"pid {runner.pid}"):
            await place.installer.start("tiny")
        with pytest.raises(InstallationError, match="in use by"):
            await place.installations.remove("managed:tiny")
        assert (place.folder / "bin" / "tiny").exists()
    finally:
        runner.communicate()


async def keep_what_works(place: Place) -> None:
    """Installing again offline takes nothing away; what was interrupted half-way doesn't pass for complete."""
    place.engine.steps = (("Gone", ("install", "nowhere-to-be-had")),)
    assert (await place.install()).state == "failed"
    (found,) = place.installations.of("tiny")
    assert found.problem == ""
    managed.begin(place.folder)
    (place.site / "tiny-1.0.dist-info").rename(place.site / "~iny-1.0.dist-info")  # as pip leaves it when it is killed
    managed.release(place.folder)
    (found,) = await place.installations.refresh()
    assert "not finished" in found.problem


async def test_cancelling_leaves_no_process_and_can_be_continued(place: Place, tmp_path: Path) -> None:
    started = tmp_path / "started"
    project = endless_project(tmp_path / "endless", started)
    place.engine.steps = (("Endless", ("install", str(project))),)
    job = await place.installer.start("tiny")
    assert await place.installer.start("tiny") == place.installer.job(job.id)  # one at a time
    await until(started.exists)
    await until(lambda: started.read_text() != "")
    processes = [psutil.Process(int(pid)) for pid in started.read_text().split()]
    with pytest.raises(InstallationError, match="being installed"):
        managed.delete(place.folder)
    await place.installer.cancel(job.id)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)
    job = place.installer.job(job.id)
    assert (job.state, job.problem) == ("cancelled", "")
    assert job.log.read_text().endswith("[servedeck] cancelled\n")
    await place.installer.cancel(job.id)  # a second time does nothing
    wheel(place.wheels)
    place.engine.steps = TinyEngine.steps
    assert (await place.install()).state == "done"


async def test_a_crash_of_servedeck_leaves_nothing_that_disturbs(place: Place, tmp_path: Path) -> None:
    """What an earlier Servedeck left running in the environment is ended; another that lives is respected."""
    place.folder.mkdir(parents=True)
    leftover, worker = waiter(start_new_session=True), waiter()
    facts = {
        "worker": {"pid": worker.pid, "created": psutil.Process(worker.pid).create_time()},
        "child": {"pid": leftover.pid, "created": psutil.Process(leftover.pid).create_time()},
    }
    (place.folder / managed.BEGUN).write_text(json.dumps(facts))
    with pytest.raises(InstallationError, match=rf"Another Servedeck \(pid {worker.pid}\)"):
        await place.installer.start("tiny")
    assert leftover.poll() is None
    assert place.installer.jobs() == ()
    worker.communicate()
    await asyncio.to_thread(managed.begin, place.folder)
    assert await asyncio.to_thread(leftover.wait, 10) is not None
    leftover.communicate()
    assert managed.is_begun(place.folder)
    assert not managed.is_complete(place.folder)


async def test_a_pid_that_somebody_else_has_now_is_left_alone(place: Place) -> None:
    place.folder.mkdir(parents=True)
    other = waiter()
    stale = {"pid": other.pid, "created": 1.0}
    (place.folder / managed.BEGUN).write_text(json.dumps({"worker": stale, "child": stale}))
    managed.begin(place.folder)
    assert other.poll() is None
    other.communicate()


async def test_what_stands_in_the_way_is_told_before_anything_is_done(place: Place) -> None:
    place.engine.size = 10**15
    with pytest.raises(InstallationError, match=r"needs about 1000000\.5 GB") as caught:
        await place.installer.start("tiny")
    assert "Free space" in caught.value.remedy
    assert place.installer.jobs() == ()
    place.engine.size = 1
    (place.folder / managed.BEGUN).unlink()
    (place.folder / "mine.txt").write_text("x")
    with pytest.raises(InstallationError, match="was not made by Servedeck"):
        await place.installer.start("tiny")
    with pytest.raises(InstallationError, match="isn't deleted"):
        managed.delete(place.folder)
    assert (place.folder / "mine.txt").read_text() == "x"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"worker": 3}', '{"worker": {"pid": "x"}, "child": {"pid": -5}}'])
def test_a_damaged_mark_is_no_obstacle(tmp_path: Path, text: str) -> None:
    (tmp_path / managed.BEGUN).write_text(text)
    managed.begin(tmp_path)
    assert managed.is_begun(tmp_path)
    assert json.loads((tmp_path / managed.BEGUN).read_text())["worker"]["pid"] == os.getpid()


RETRYING = (
    "WARNING: Retrying (Retry(total=4, connect=None, read=None)) after connection broken by "
    "'NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new "
    "connection: [Errno -3] Temporary failure in name resolution')': /simple/vllm/\n"
)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            RETRYING + "ERROR: Could not find a version that satisfies the requirement vllm (from versions: none)\n"
            "ERROR: No matching distribution found for vllm\n",
            ("registry can't be reached", "No matching distribution found for vllm", "online"),
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            ("disk is full",),
        ),
        (
            "The virtual environment was not created successfully because ensurepip is not available.\n"
            "On Debian/Ubuntu systems, you need to install the python3-venv package using the following command.\n",
            ("venv module is missing", "apt install"),
        ),
        ("/usr/bin/python3: No module named venv\n", ("venv module is missing",)),
        (
            "WARNING: SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]\n"
            "ERROR: No matching distribution found for torch\n",
            ("certificate is not trusted", "PIP_CERT"),
        ),
        ("ERROR: HTTP error 403 while getting https://x/simple/\n", ("refuses the request",)),
        ("ERROR: Exception:\nReadTimeoutError: Read timed out.\n", ("broke", "what is there already is kept")),
        (
            "ERROR: Ignored the following versions that require a different python version: 1 Requires-Python >=3.13\n"
            "ERROR: No matching distribution found for x\n",
            ("no build for Python",),
        ),
        ("ERROR: Something odd happened\n", ("Something odd happened",)),
        ("Traceback\nKeyError: 'x'\n", ("Exit code 7", "KeyError: 'x'")),
        ("", ("Exit code 7",)),
    ],
)
def test_failures_are_explained(output: str, words: tuple[str, ...]) -> None:
    said = install_errors.explain(output, 7)
    for each in words:
        assert each in said
    assert "\n" not in said

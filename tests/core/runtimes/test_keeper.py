"""The keeper under fire: real children, real signals, a real full disk."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.engines.engine import StopStep
from core.errors import LaunchError
from core.runtimes.keeper import EXIT_FILE
from core.runtimes.processes import Identity, members_of
from core.runtimes.segments import SEGMENT_BYTES, SegmentWriter, segment_name

from .conftest import GENTLE, KeptRun, wait_for

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def test_an_engine_that_exits_at_once_is_recorded_with_its_output(run: KeptRun) -> None:
    run.start("import sys; print('first byte'); print('to stderr', file=sys.stderr); sys.exit(3)")
    seen = run.wait_for_exit()
    assert seen.exit is not None
    assert (seen.exit.code, seen.exit.signal, seen.exit.asked) == (3, None, False)
    assert run.output().startswith((b"first byte\n", b"to stderr\n"))
    assert run.runtime.leftovers(run.folder) == ()


def test_a_command_that_does_not_exist_says_so(run: KeptRun) -> None:
    run.start_argv(("/nowhere/vllm", "serve"))
    seen = run.wait_for_exit()
    assert seen.exit is not None
    assert seen.exit.code == 127
    assert seen.problem == "/nowhere/vllm: No such file or directory"
    assert b"[servedeck] can't start /nowhere/vllm" in run.output()


def test_a_signal_is_recorded_as_one(run: KeptRun) -> None:
    run.start("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    seen = run.wait_for_exit()
    assert seen.exit is not None
    assert (seen.exit.code, seen.exit.signal) == (None, signal.SIGSEGV)


def test_stop_ends_it_and_says_that_it_was_asked(run: KeptRun) -> None:
    run.start(SLEEP)
    run.wait_for_output(b"up")
    seen = run.stop()
    assert seen.exit is not None
    assert seen.exit.asked
    assert seen.exit.signal == signal.SIGTERM
    assert run.runtime.leftovers(run.folder) == ()
    wait_for(lambda: not run.keeper().is_alive)


def test_the_engine_does_not_inherit_ignored_signals(run: KeptRun) -> None:
    """A Python that starts with INT ignored never heeds it, so a loading engine could not be ended by it."""
    asked = "signal.SIGINT, signal.SIGHUP, signal.SIGTERM"
    run.start(f"import signal; print([signal.getsignal(each) == signal.SIG_IGN for each in ({asked})])")
    run.wait_for_exit()
    assert run.output() == b"[False, False, False]\n"


def test_a_term_without_a_request_stops_it_too_as_when_the_machine_shuts_down(run: KeptRun) -> None:
    run.start(SLEEP)
    run.wait_for_output(b"up")
    run.keeper().send(signal.SIGTERM)
    seen = run.wait_for_exit()
    assert seen.exit is not None
    assert seen.exit.asked
    assert run.runtime.leftovers(run.folder) == ()


def test_an_engine_that_ignores_term_is_killed_after_the_grace(run: KeptRun) -> None:
    run.start(STUBBORN)
    run.wait_for_output(b"up")
    seen = run.stop((StopStep("TERM", "leader", 0.3), StopStep("KILL", "group", 2.0)))
    assert seen.exit is not None
    assert seen.exit.signal == signal.SIGKILL
    assert len(seen.killed) == 1
    assert run.runtime.leftovers(run.folder) == ()


ORPHANS = textwrap.dedent(
    """
    import os, signal, sys, time
    for new_session in (False, True):
        if os.fork() == 0:
            if os.fork() == 0:
                if new_session:
                    os.setsid()
                    os.environ.clear()
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                print("grandchild", os.getpid(), flush=True)
                time.sleep(600)
            os._exit(0)
        os.wait()
    while True:
        time.sleep(0.01)
        if os.path.exists(sys.argv[1]):
            os._exit(0)
    """
)


def test_shared_memory_of_a_killed_engine_is_removed_and_that_of_others_is_not(run: KeptRun) -> None:
    code = textwrap.dedent(
        """
        import time
        from multiprocessing.resource_tracker import unregister
        from multiprocessing.shared_memory import SharedMemory
        shared = SharedMemory(create=True, size=4096)
        unregister(shared._name, "shared_memory")
        print(shared.name, flush=True)
        time.sleep(600)
        """
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        theirs = Path("/dev/shm") / other.stdout.readline().decode().strip()
        run.start(code)
        run.wait_for_output(b"\n")
        ours = Path("/dev/shm") / run.output().decode().strip()
        assert ours.exists()
        run.stop((StopStep("KILL", "group", 2.0),))
        assert not ours.exists()
        assert f"removed shared memory that the engine left: {ours.name}".encode() in run.output()
        assert theirs.exists()
    finally:
        other.kill()
        other.communicate()
        theirs.unlink()


def test_grandchildren_of_an_engine_that_dies_are_adopted_and_ended(run: KeptRun, tmp_path: Path) -> None:
    run.start_argv((sys.executable, "-c", ORPHANS, str(tmp_path / "die")))
    wait_for(lambda: run.output().count(b"grandchild") == 2)
    pids = [int(line.split()[1]) for line in run.output().splitlines()]
    identities = [Identity.of(pid) for pid in pids]
    assert all(each is not None and each.is_alive for each in identities)
    (tmp_path / "die").touch()
    seen = run.wait_for_exit()
    assert seen.exit is not None
    assert (seen.exit.code, seen.exit.asked) == (0, False)
    assert len(seen.killed) >= 2
    assert not any(each is not None and each.is_alive for each in identities)
    assert members_of(run.mark) == []


STARTER = textwrap.dedent(
    """
    import os, sys, time
    from pathlib import Path
    from core.runtimes.process import ProcessRuntime
    from core.runtimes.runtime import Plan, Step
    code = "import time, itertools\\nfor n in itertools.count(): print('tick', n, flush=True); time.sleep(0.02)"
    plan = Plan(sys.argv[2], (Step("engine", (sys.executable, "-c", code)),), dict(os.environ))
    ProcessRuntime().start(Path(sys.argv[1]), plan)
    print("started", flush=True)
    time.sleep(600)
    """
)


def test_a_run_survives_the_kill_of_the_program_that_started_it(run: KeptRun) -> None:
    command = [sys.executable, "-c", STARTER, str(run.folder), run.mark]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"started\n"
        os.killpg(starter.pid, signal.SIGKILL)
    before = len(run.output())
    wait_for(lambda: len(run.output()) > before + 100)
    assert run.see().keeper_alive
    assert run.see().leader_alive
    assert run.output().startswith(b"tick 0\n")
    assert run.stop().exit is not None
    assert run.runtime.leftovers(run.folder) == ()


def test_when_the_keeper_is_killed_the_engine_goes_on_and_can_still_be_stopped(run: KeptRun) -> None:
    run.start(STUBBORN)
    run.wait_for_output(b"up")
    leader = run.leader()
    run.keeper().send(signal.SIGKILL)
    wait_for(lambda: not run.see().keeper_alive)
    seen = run.see()
    assert seen.leader_alive
    assert seen.exit is None
    run.runtime.request_stop(run.folder, (StopStep("TERM", "leader", 0.2), StopStep("KILL", "group", 2.0)))
    wait_for(lambda: not leader.is_alive)
    seen = run.wait_for_exit()
    assert seen.exit is not None
    assert (seen.exit.code, seen.exit.signal, seen.exit.asked) == (None, None, True)
    assert run.runtime.leftovers(run.folder) == ()


def test_a_run_of_another_boot_or_a_reused_pid_is_not_ours(run: KeptRun) -> None:
    mine = Identity.of(os.getpid())
    assert mine is not None
    assert mine.is_alive
    other = Identity(os.getpid(), mine.created + "9")
    assert not other.is_alive
    assert not other.send(signal.SIGKILL)


def test_a_stranger_in_a_session_of_the_same_number_is_never_ours(run: KeptRun) -> None:
    """The session ended long ago, and its number went to somebody else: by pid alone it would look like ours."""
    with subprocess.Popen([sys.executable, "-c", SLEEP], stdout=subprocess.PIPE, start_new_session=True) as stranger:
        try:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == b"up\n"
            now = Identity.of(stranger.pid)
            assert now is not None
            boot, _, ticks = now.created.rpartition(":")
            before = Identity(stranger.pid, f"{boot}:{int(ticks) - 500}")
            assert members_of("some-run", leaders=[before]) == []
            # A process whose environment is intact and shows no mark is not ours even in a session of ours.
            assert members_of("some-run", leaders=[now]) == []
        finally:
            stranger.kill()


def test_an_engine_that_overwrote_its_environment_is_known_by_its_session(run: KeptRun) -> None:
    """As vLLM's processes do when they give themselves a title; its keeper is gone, so descent says nothing."""
    code = f"import os; os.execve({sys.executable!r}, ['python', '-c', {SLEEP!r}], {{}})"
    run.start(code)
    run.wait_for_output(b"up")
    run.keeper().send(signal.SIGKILL)
    wait_for(lambda: not run.keeper().is_alive)
    assert len(run.runtime.leftovers(run.folder)) == 1
    run.runtime.request_stop(run.folder, GENTLE)
    assert run.runtime.leftovers(run.folder) == ()


def test_secrets_of_the_environment_reach_the_engine_and_no_file(run: KeptRun) -> None:
    secret = "sd-very-secret-value-4711"
    code = "import os, hashlib; print(hashlib.sha1(os.environ['VLLM_API_KEY'].encode()).hexdigest(), flush=True)"
    run.start(code, env={"VLLM_API_KEY": secret})
    run.wait_for_exit()
    import hashlib

    assert hashlib.sha1(secret.encode()).hexdigest().encode() in run.output()
    for file in run.folder.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file


def test_a_flood_is_on_disk_to_the_last_byte_in_segments(run: KeptRun) -> None:
    count = 300_000
    run.start(f"import sys\nfor n in range({count}): sys.stdout.write(f'line {{n:09d}} ' + 'x' * 80 + '\\n')")
    run.wait_for_exit(60)
    output = run.output()
    lines = output.splitlines()
    assert len(lines) == count
    assert lines[0].startswith(b"line 000000000 ")
    assert lines[-1].startswith(f"line {count - 1:09d} ".encode())
    assert len(output) > SEGMENT_BYTES
    names = sorted(each.name for each in (run.folder / "log").glob("*.log"))
    assert names[1] == segment_name(SEGMENT_BYTES)


def test_the_middle_of_a_very_long_log_is_dropped_and_the_names_show_it(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, segment_bytes=100, kept=3)
    for n in range(50):
        writer.write(f"{n:09d}\n".encode())
    writer.close()
    names = sorted(each.name for each in tmp_path.glob("*.log"))
    assert names == [segment_name(0), segment_name(300), segment_name(400)]
    assert (tmp_path / names[0]).read_bytes().startswith(b"000000000\n")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB."""
    mount = shutil.which("mount")
    folder = tmp_path / "small"
    folder.mkdir()
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "none", str(folder)], check=False)
    if not done or done.returncode != 0:
        pytest.skip("can't mount a small file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_output_visibly_and_the_engine_goes_on(small_disk: Path, tmp_path: Path) -> None:
    go_on, end = tmp_path / "go-on", tmp_path / "end"
    code = textwrap.dedent(
        f"""
        import os, sys, time
        print("begin", flush=True)
        for n in range(8000): sys.stdout.write("x" * 99 + chr(10))
        sys.stdout.flush()
        open({str(tmp_path / "flooded")!r}, "w").close()
        while not os.path.exists({str(go_on)!r}): time.sleep(0.01)
        while not os.path.exists({str(end)!r}):
            print("after", flush=True)
            time.sleep(0.05)
        sys.exit(4)
        """
    )
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * (100 << 10))
    folder = small_disk / "run"
    folder.mkdir()
    run = KeptRun(folder)
    try:
        run.start(code)
        wait_for((tmp_path / "flooded").exists)
        assert run.see().leader_alive
        ballast.unlink()
        go_on.touch()
        run.wait_for_output(b"after")
        end.touch()
        seen = run.wait_for_exit()
    finally:
        run.end()
    assert seen.exit is not None
    assert seen.exit.code == 4
    assert seen.output_lost > 0
    assert run.output().startswith(b"begin\n")
    segments = sorted((folder / "log").glob("*.log"))
    end_of_first = int(segments[0].stem) + segments[0].stat().st_size
    assert int(segments[1].stem) > end_of_first


def test_the_end_is_told_even_on_a_full_disk(small_disk: Path) -> None:
    folder = small_disk / "run"
    folder.mkdir()
    run = KeptRun(folder)
    try:
        run.start("import sys\nfor n in range(20000): print('x' * 99)\nsys.exit(5)")
        seen = run.wait_for_exit()
    finally:
        run.end()
    assert seen.exit is not None
    assert seen.exit.code == 5
    assert (folder / EXIT_FILE).exists()


def test_an_engine_that_can_not_be_noted_is_not_left_running(run: KeptRun) -> None:
    """Where `process.json` can't be written (here: a folder has its name) nobody could find the engine again."""
    (run.folder / "process.json").mkdir()
    (run.folder / "process.json" / "in-the-way").touch()
    run.start_argv((sys.executable, "-c", SLEEP))
    wait_for((run.folder / EXIT_FILE).exists)
    assert "can't write process.json" in (run.folder / EXIT_FILE).read_text()
    assert members_of(run.mark) == []


def test_a_run_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="keeper of this run did not start"):
        KeptRun(tmp_path / "missing").start(SLEEP)

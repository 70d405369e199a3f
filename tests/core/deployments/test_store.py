from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.deployments.deployment import Phase, PhaseSpan, State, StateChange, StopReport
from core.deployments.launch_spec import LaunchSpec
from core.deployments.store import DeploymentStore, Reading, RunFacts
from core.engines.support import Implementation
from core.errors import NotFoundError
from core.runtimes.keeper import EXIT_FILE, reserve_exit, write_reserved

SPEC = LaunchSpec.build(name="tiny", model={"kind": "hub", "id": "a/b"}, engine="vllm", options={"dtype": "float32"})
FACTS = RunFacts(
    argv=("vllm", "serve", "a/b"),
    env={"HF_HUB_OFFLINE": "1"},
    secret_env=("VLLM_API_KEY",),
    host="127.0.0.1",
    port=8123,
    started=100.0,
    engine_version="0.32.0",
    served_name="a/b",
    spec=SPEC.to_toml(),
)


@pytest.fixture
def store(tmp_path: Path) -> DeploymentStore:
    (tmp_path / "deployments").mkdir()
    return DeploymentStore(tmp_path / "deployments")


def new_run(store: DeploymentStore, deployment_id: str, *states: State) -> tuple[int, Path]:
    number, folder = store.new_run(deployment_id, keep=10)
    store.save_run(folder, FACTS)
    for at, state in enumerate(states):
        assert store.append_state(folder, StateChange(state, 100.0 + at, f"because {at}"))
    return number, folder


def test_a_new_deployment_is_read_again(store: DeploymentStore) -> None:
    before = time.time()
    made = store.create(SPEC, {"api_key": "sd-key"})
    assert store.ids() == (made,)
    seen = store.load(made)
    assert (seen.id, seen.spec, seen.runs, seen.problem) == (made, SPEC, (), "")
    assert before <= seen.created <= time.time()
    assert seen.state is State.PREPARING


def test_secrets_lie_apart_for_their_owner_only(store: DeploymentStore) -> None:
    made = store.create(SPEC, {"api_key": "sd-key", "env:MY_TOKEN": "t"})
    assert store.secrets(made) == {"api_key": "sd-key", "env:MY_TOKEN": "t"}
    folder = store.folder / made
    holding = [each for each in folder.rglob("*") if each.is_file() and "sd-key" in each.read_text()]
    assert [each.name for each in holding] == ["secrets.json"]
    assert stat.S_IMODE(holding[0].stat().st_mode) == 0o600
    store.save_secrets(made, {})
    assert store.secrets(made) == {}


def test_a_missing_secrets_file_is_no_secrets(store: DeploymentStore) -> None:
    made = store.create(SPEC, {})
    (store.folder / made / "secrets.json").unlink()
    assert store.secrets(made) == {}


def test_a_run_is_read_with_all_that_is_known_of_it(store: DeploymentStore) -> None:
    made = store.create(SPEC, {})
    number, folder = new_run(store, made, State.PREPARING, State.STARTING, State.READY, State.STOPPING)
    reading = Reading(
        (PhaseSpan(Phase.LOAD_WEIGHTS, 100.0, 101.5, "2 of 2", 1.0), PhaseSpan(Phase.WARM_UP, 101.5)),
        Implementation.NATIVE,
        "Resolved architecture: LlamaForCausalLM",
        "out of memory",
        12,
        ("its keeper died",),
    )
    store.save_reading(folder, reading)
    report = StopReport(("python (pid 7)",), False, "nginx (pid 8)", 2.5, True)
    store.save_stop_report(folder, report)
    reserve_exit(folder)
    write_reserved(folder, {"code": None, "signal": 15, "at": 110.0, "asked_at": 109.0})
    run = store.load(made).run
    assert run is not None
    assert (run.number, run.argv, run.port, run.served_name) == (number, FACTS.argv, 8123, "a/b")
    assert [each.state for each in run.history] == ["preparing", "starting", "ready", "stopping"]
    assert run.seconds_to_ready == 2.0
    assert run.phases == reading.phases
    assert (run.implementation_loaded, run.failure, run.failure_line) == (Implementation.NATIVE, "out of memory", 12)
    assert run.warnings == ("its keeper died",)
    assert run.stop == report
    assert not report.is_clean
    assert run.exit is not None
    assert (run.exit.signal, run.exit.asked, run.exit.text) == (15, True, "ended by signal 15")
    assert store.reading(folder) == reading


def test_a_state_is_written_once_and_an_ended_run_stays_ended(store: DeploymentStore) -> None:
    made = store.create(SPEC, {})
    _, folder = new_run(store, made, State.PREPARING, State.STARTING)
    assert not store.append_state(folder, StateChange(State.STARTING, 1.0, "again"))
    assert store.append_state(folder, StateChange(State.STOPPING, 2.0, "asked"))
    assert not store.append_state(folder, StateChange(State.READY, 3.0, "too late"))
    assert not store.append_state(folder, StateChange(State.STARTING, 3.0, "too late"))
    assert store.append_state(folder, StateChange(State.STOPPED, 4.0, "exit code 0"))
    for state in State:
        assert not store.append_state(folder, StateChange(state, 5.0, "over"))


def test_many_writers_write_each_state_once(store: DeploymentStore) -> None:
    made = store.create(SPEC, {})
    _, folder = new_run(store, made, State.PREPARING)
    added = list[State]()

    def write() -> None:
        for state in (State.STARTING, State.READY, State.STOPPING, State.STOPPED):
            if store.append_state(folder, StateChange(state, 1.0, "x")):
                added.append(state)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = store.load_run(folder)
    assert run is not None
    states = [each.state for each in run.history]
    assert states[0] is State.PREPARING
    assert states[-1] is State.STOPPED
    assert sorted(states[1:]) == sorted(added)
    assert len(states) == len(set(states))


def test_runs_are_numbered_and_only_old_ended_ones_are_deleted(store: DeploymentStore) -> None:
    made = store.create(SPEC, {})
    folders = []
    for _ in range(4):
        _, folder = store.new_run(made, keep=3)
        store.save_run(folder, FACTS)
        folders.append(folder)
    assert [each.exists() for each in folders] == [True] * 4, "a run without an end is never deleted"
    for folder in folders:
        (folder / EXIT_FILE).write_text("{}")
    number, _ = store.new_run(made, keep=3)
    assert number == 5
    assert [each.exists() for each in folders] == [False, False, True, True]


def test_remove_deletes_the_folder_and_nothing_else(store: DeploymentStore) -> None:
    first, second = store.create(SPEC, {}), store.create(SPEC.changed(name="other"), {})
    store.remove(first)
    store.remove(first)
    assert store.ids() == (second,)
    assert [each.name for each in store.folder.iterdir()] == [second]
    with pytest.raises(NotFoundError):
        store.load(first)


GARBAGE = (
    b"",
    b"{",
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b'"text"',
    b"name = 1",
    b'{"created": "x"}',
    b'{"phases": [1], "at": "x", "code": [], "seconds": {}, "processes_left": 3}',
    b'{"phases": 7, "warnings": 7, "at": 1, "code": "y", "implementation": "z"}',
)


@pytest.mark.expects_log("")
@pytest.mark.parametrize("content", GARBAGE)
def test_damaged_files_are_shown_as_a_problem_and_never_crash(store: DeploymentStore, content: bytes) -> None:
    files = ("spec.toml", "deployment.json", "run.json", "history.jsonl", "reading.json", "stop-report.json")
    for file in (*files, EXIT_FILE, "secrets.json"):
        made = store.create(SPEC, {})
        _, folder = new_run(store, made, State.PREPARING, State.STARTING)
        target = store.folder / made / file if file in files[:2] or file == "secrets.json" else folder / file
        target.write_bytes(content)
        seen = store.load(made)
        if file in files[:2]:
            assert seen.problem, file
        else:
            assert seen.spec == SPEC, file


def test_marks_tell_what_another_process_changed(store: DeploymentStore) -> None:
    first, second = store.create(SPEC, {}), store.create(SPEC.changed(name="other"), {})
    _, folder = new_run(store, first, State.PREPARING)
    before = store.marks()
    assert set(before) == {first, second}
    later = time.time() + 10
    os.utime(folder / "history.jsonl", (later, later))
    changed = [each for each, mark in store.marks().items() if before[each] != mark]
    assert changed == [first]


def test_only_one_process_starts_a_run_at_a_time(store: DeploymentStore) -> None:
    made = store.create(SPEC, {})
    code = (
        "import sys; from pathlib import Path; from core.deployments.store import DeploymentStore\n"
        "with DeploymentStore(Path(sys.argv[1])).locked(sys.argv[2]):\n    print('in', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(store.folder), made],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        entered = threading.Event()

        def enter() -> None:
            with store.locked(made):
                entered.set()

        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.2)
        other.stdin.close()
        assert entered.wait(10)
        thread.join()


def test_the_files_can_be_read_by_people(store: DeploymentStore) -> None:
    made = store.create(SPEC, {})
    _, folder = new_run(store, made, State.PREPARING)
    assert 'engine = "vllm"' in (store.folder / made / "spec.toml").read_text()
    assert json.loads((folder / "run.json").read_text())["argv"] == ["vllm", "serve", "a/b"]
    assert json.loads((folder / "history.jsonl").read_text())["evidence"] == "because 0"

"""Deployments from launch to removal, with real child processes, sockets and keepers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import pytest

from core.deployments.deployment import Phase, State
from core.deployments.launch_spec import CodeConsent
from core.engines.support import Implementation
from core.errors import HubUnreachableError, InputError, LaunchError, NotFoundError, PortTakenError
from core.runtimes.processes import Identity, members_of

from .conftest import Deck


def states(deck: Deck, name: str = "tiny") -> list[State]:
    run = deck.app.fleet.get(name).run
    assert run is not None
    return [each.state for each in run.history]


def test_a_launch_goes_through_its_states_with_evidence_and_phases(deck: Deck) -> None:
    deck.install()
    launched = deck.launch(options={"max-model-len": 2048})
    assert launched.state in (State.STARTING, State.READY)
    ready = deck.wait_for("tiny", State.READY, State.FAILED)
    run = ready.run
    assert run is not None
    assert states(deck) == [State.PREPARING, State.STARTING, State.READY]
    assert all(each.evidence and each.at > 0 for each in run.history)
    assert run.implementation_loaded is Implementation.NATIVE
    phases = [span.phase for span in run.phases]
    assert Phase.LOAD_WEIGHTS in phases
    assert all(span.ended is not None for span in run.phases)
    assert run.seconds_to_ready is not None
    assert run.argv[1:3] == ("serve", str(deck.model))
    assert "--max-model-len" in run.argv
    with urllib.request.urlopen(f"{run.endpoint}/models") as answer:
        assert run.served_name in answer.read().decode()
    report = deck.do(deck.app.fleet.stop("tiny"))
    assert report.is_clean
    assert not report.killed
    stopped = deck.app.fleet.get("tiny")
    assert states(deck) == [State.PREPARING, State.STARTING, State.READY, State.STOPPING, State.STOPPED]
    assert stopped.run is not None
    assert stopped.run.exit is not None
    assert stopped.run.exit.asked
    assert "no process left, port free" in stopped.run.history[-1].evidence


def test_the_log_is_there_from_the_first_line(deck: Deck) -> None:
    deck.install()
    deck.launch()
    deck.wait_for("tiny", State.READY)
    buffer = deck.do(deck.app.fleet.read_log("tiny"))
    first, lines = buffer.since(0)
    assert first == 0
    assert lines[0].number == 0
    assert any("Application startup complete" in line.text for line in lines)
    assert all(line.at is not None for line in lines)


def test_the_implementation_that_loads_is_told_when_it_differs(deck: Deck) -> None:
    deck.install(modes="loads=native")
    deck.launch(implementation="transformers")
    ready = deck.wait_for("tiny", State.READY, State.FAILED)
    assert ready.run is not None
    assert ready.run.implementation_loaded is Implementation.NATIVE
    assert ready.differs.startswith("Asked for transformers, but native loaded")


@pytest.mark.parametrize("at", ["arguments", "resolve", "load", "kv"])
def test_an_engine_that_fails_while_starting_tells_phase_code_and_cause(deck: Deck, at: str) -> None:
    deck.install(modes=f"exit_code=1,at={at}")
    deck.launch()
    failed = deck.wait_for("tiny", State.FAILED)
    assert failed.run is not None
    assert failed.run.exit is not None
    assert failed.run.exit.code == 1
    assert "exit code 1, nobody asked it to stop" in failed.run.history[-1].evidence
    assert failed.run.failure
    assert "See root cause" not in failed.run.failure
    assert failed.run.failure_line is not None
    buffer = deck.do(deck.app.fleet.read_log("tiny"))
    first, lines = buffer.since(failed.run.failure_line)
    assert first == failed.run.failure_line
    assert failed.run.failure[:30] in lines[0].text


def test_an_exit_with_code_0_that_nobody_asked_for_is_a_failure(deck: Deck) -> None:
    deck.install(modes="exit_code=0,at=serving,failure=none")
    deck.launch()
    failed = deck.wait_for("tiny", State.FAILED)
    assert failed.run is not None
    assert failed.run.exit is not None
    assert (failed.run.exit.code, failed.run.exit.asked) == (0, False)


def test_a_crash_takes_no_other_deployment_down(deck: Deck) -> None:
    deck.install()
    deck.launch("one")
    deck.launch("two")
    one = deck.wait_for("one", State.READY)
    two = deck.wait_for("two", State.READY)
    assert one.run is not None
    assert two.run is not None
    assert one.run.port != two.run.port
    leader = json.loads((one.run.folder / "process.json").read_text())["leader"]
    identity = Identity.from_json(leader)
    assert identity is not None
    identity.send(signal.SIGKILL)
    failed = deck.wait_for("one", State.FAILED)
    assert failed.run is not None
    assert failed.run.exit is not None
    assert failed.run.exit.signal == signal.SIGKILL
    with urllib.request.urlopen(f"{two.run.base_url}/health") as answer:
        assert answer.status == 200
    assert deck.app.fleet.get("two").state is State.READY


def test_an_engine_that_ignores_signals_is_killed_and_the_report_says_so(deck: Deck) -> None:
    deck.install(modes="ignore_term")
    deck.app.settings.change(stop_grace_seconds=0.5)
    deck.launch()
    deck.wait_for("tiny", State.READY)
    report = deck.do(deck.app.fleet.stop("tiny"))
    assert report.killed
    assert report.is_clean
    assert deck.app.fleet.get("tiny").state is State.STOPPED


def test_a_stop_while_it_loads_leaves_nothing(deck: Deck) -> None:
    deck.install(modes="slow=0.5")
    launched = deck.launch()
    assert launched.run is not None
    deck.wait(lambda: deck.app.fleet.get("tiny").phase is Phase.LOAD_WEIGHTS)
    report = deck.do(deck.app.fleet.stop("tiny"))
    assert report.is_clean
    assert members_of(f"{launched.id}-0001") == []


def test_orphans_are_ended_with_their_engine(deck: Deck) -> None:
    deck.install(modes="orphans=2,stubborn_orphans")
    launched = deck.launch()
    deck.wait_for("tiny", State.READY)
    assert len(members_of(f"{launched.id}-0001")) >= 3
    report = deck.do(deck.app.fleet.stop("tiny"))
    assert report.is_clean
    assert members_of(f"{launched.id}-0001") == []


def test_a_taken_port_is_told_with_its_holder_before_the_launch(deck: Deck) -> None:
    deck.install()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError) as caught:
            deck.launch(port=port)
        assert caught.value.field == "port"
        assert f"(pid {os.getpid()})" in caught.value.message
    assert deck.app.fleet.deployments() == ()


def test_a_port_taken_between_choosing_and_binding_fails_and_names_the_holder(deck: Deck) -> None:
    """Transformers binds its port when the model is loaded; until then somebody else may take it."""
    deck.install("transformers", modes="slow=0.4")
    launched = deck.launch(engine="transformers")
    assert launched.run is not None
    with socket.socket() as other:
        other.bind(("127.0.0.1", launched.run.port))
        other.listen()
        failed = deck.wait_for("tiny", State.FAILED)
    assert failed.run is not None
    assert "ddress already in use" in failed.run.failure
    assert f"port {failed.run.port} is held by" in failed.run.history[-1].evidence
    assert f"(pid {os.getpid()})" in failed.run.history[-1].evidence


def test_a_stranger_that_answers_on_the_port_is_not_taken_for_the_engine(deck: Deck) -> None:
    """An engine that never listens, and another server that answers as if it were it, on the same port."""
    deck.install(modes="slow=600")
    launched = deck.launch()
    assert launched.run is not None
    server = Path(__file__).parents[2] / "servers" / "fake_engine.py"
    command = [sys.executable, str(server), "serve", launched.run.served_name, "--host", "127.0.0.1"]
    with subprocess.Popen([*command, "--port", str(launched.run.port)], stdout=subprocess.DEVNULL) as stranger:
        try:
            deck.wait(lambda: any("not this deployment" in each for each in deck.app.fleet.get("tiny").run.warnings))
            assert deck.app.fleet.get("tiny").state is State.STARTING
            assert f"pid {stranger.pid}" in " ".join(deck.app.fleet.get("tiny").run.warnings)
        finally:
            stranger.kill()


def test_restart_keeps_the_runs_apart(deck: Deck) -> None:
    deck.install()
    deck.launch()
    deck.wait_for("tiny", State.READY)
    deck.do(deck.app.fleet.restart("tiny"))
    deck.wait(lambda: deck.app.fleet.get("tiny").state is State.READY and len(deck.app.fleet.get("tiny").runs) == 2)
    runs = deck.app.fleet.get("tiny").runs
    assert [run.number for run in runs] == [1, 2]
    assert runs[0].state is State.STOPPED
    for number in (1, 2):
        _, lines = deck.do(deck.app.fleet.read_log("tiny", number)).since(0)
        assert any("startup complete" in line.text for line in lines)


def test_edit_and_relaunch_uses_the_new_spec(deck: Deck) -> None:
    deck.install()
    launched = deck.launch()
    deck.wait_for("tiny", State.READY)
    changed = launched.spec.changed(options={"max-model-len": 4096}, name="renamed")
    deck.do(deck.app.fleet.relaunch(launched.id, changed))
    again = deck.wait_for("renamed", State.READY)
    assert again.id == launched.id
    assert again.run is not None
    assert again.run.argv[again.run.argv.index("--max-model-len") + 1] == "4096"


def test_rename_duplicate_name_and_remove(deck: Deck) -> None:
    deck.install()
    deck.launch("one")
    two = deck.launch("two")
    with pytest.raises(InputError, match="There is a deployment one already"):
        deck.do(deck.app.fleet.rename("two", "one"))
    deck.do(deck.app.fleet.rename("two", "three"))
    assert deck.app.fleet.get("three").id == two.id
    assert deck.app.fleet.unique_name("one") == "one-2"
    deck.wait_for("three", State.READY)
    deck.do(deck.app.fleet.remove("three"))
    with pytest.raises(NotFoundError):
        deck.app.fleet.get("three")
    assert members_of(f"{two.id}-0001") == []
    assert not (deck.app.paths.deployments / two.id).exists()


def test_an_open_port_needs_a_key_that_appears_nowhere(deck: Deck) -> None:
    deck.install()
    with pytest.raises(InputError, match="API key"):
        deck.spec(host="0.0.0.0")
    key = deck.app.fleet.generate_key()
    spec = deck.spec(host="0.0.0.0", api_key=True)
    with pytest.raises(InputError, match="key is missing"):
        deck.do(deck.app.fleet.launch(spec))
    launched = deck.do(deck.app.fleet.launch(spec, api_key=key))
    ready = deck.wait_for("tiny", State.READY, State.FAILED)
    assert ready.state is State.READY
    assert ready.run is not None
    assert deck.app.fleet.api_key("tiny") == key
    assert key not in deck.app.fleet.preview(spec)
    assert key not in " ".join(ready.run.argv)
    for member in members_of(f"{launched.id}-0001"):
        assert key.encode() not in Path(f"/proc/{member.identity.pid}/cmdline").read_bytes()
    for file in (deck.tmp_path / "home").rglob("*"):
        if file.is_file() and key.encode() in file.read_bytes():
            assert file.name == "secrets.json"
            assert file.stat().st_mode & 0o077 == 0


def test_remote_code_needs_consent_to_exactly_its_files(deck: Deck) -> None:
    deck.install()
    (deck.model / "modeling_custom.py").write_text("print('hi')\n")
    with pytest.raises(InputError) as caught:
        deck.launch(trust_remote_code=True)
    assert caught.value.field == "trust_remote_code"
    old = CodeConsent(commit=None, files=(("modeling_custom.py", 1),))
    with pytest.raises(InputError, match="not the code that was agreed to"):
        deck.do(deck.app.fleet.launch(deck.spec("old", trust_remote_code=True, consent=old.model_dump())))
    assert deck.app.fleet.get("old").state is State.FAILED
    consent = CodeConsent(commit=None, files=(("modeling_custom.py", 12),))
    deck.do(deck.app.fleet.launch(deck.spec("new", trust_remote_code=True, consent=consent.model_dump())))
    ready = deck.wait_for("new", State.READY, State.FAILED)
    assert ready.run is not None
    assert "--trust-remote-code" in ready.run.argv


def test_a_missing_engine_or_model_is_told_before_anything_starts(deck: Deck) -> None:
    with pytest.raises(InputError) as caught:
        deck.launch()
    assert caught.value.field == "installation"
    with pytest.raises(InputError, match="container engine"):
        deck.launch(engine="tgi", runtime="docker")
    deck.install()
    spec = deck.spec().changed(model={"kind": "folder", "id": str(deck.tmp_path / "gone")})
    with pytest.raises(Exception, match="gone"):
        deck.do(deck.app.fleet.launch(spec))


def test_a_deployment_outlives_the_app_and_is_found_again(tmp_path: Path) -> None:
    first = Deck(tmp_path)
    first.install()
    launched = first.launch()
    ready = first.wait_for("tiny", State.READY)
    assert ready.run is not None
    first.leave()
    with urllib.request.urlopen(f"{ready.run.base_url}/health") as answer:
        assert answer.status == 200
    second = Deck(tmp_path)
    try:
        found = second.app.fleet.get("tiny")
        assert found.id == launched.id
        assert found.state is State.READY
        assert found.run is not None
        assert found.run.seconds_to_ready == ready.run.seconds_to_ready
        assert found.run.phases == ready.run.phases
        _, lines = second.do(second.app.fleet.read_log("tiny")).since(0)
        assert lines[0].number == 0
        assert second.do(second.app.fleet.stop("tiny")).is_clean
    finally:
        second.close()


def test_it_becomes_ready_while_nobody_looks(tmp_path: Path) -> None:
    first = Deck(tmp_path)
    first.install(modes="slow=0.2")
    first.launch()
    first.leave()
    second = Deck(tmp_path)
    try:
        ready = second.wait_for("tiny", State.READY)
        assert ready.run is not None
        assert ready.run.implementation_loaded is Implementation.NATIVE
        assert Phase.LOAD_WEIGHTS in [span.phase for span in ready.run.phases]
    finally:
        second.close()


CRASHING = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from tests.core.deployments.conftest import Deck
    from core.deployments.deployment import State
    deck = Deck(Path(sys.argv[1]))
    deck.install()
    deck.launch()
    deck.wait_for("tiny", State.READY)
    print("ready", flush=True)
    time.sleep(600)
    """
)


def test_an_app_killed_with_sigkill_is_started_again_and_sees_its_run(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CRASHING, str(tmp_path)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == b"ready\n"
        app.kill()
    deck = Deck(tmp_path)
    try:
        assert deck.app.fleet.get("tiny").state is State.READY
        assert deck.do(deck.app.fleet.stop("tiny")).is_clean
    finally:
        deck.close()


def test_two_apps_see_what_the_other_does(tmp_path: Path) -> None:
    window = Deck(tmp_path)
    other = Deck(tmp_path)
    try:
        other.install()
        other.launch()
        other.wait_for("tiny", State.READY)
        window.wait(lambda: any(each.state is State.READY for each in window.app.fleet.deployments()))
        other.do(other.app.fleet.stop("tiny"))
        window.wait_for("tiny", State.STOPPED)
        run = window.app.fleet.get("tiny").run
        assert run is not None
        assert [each.state for each in run.history].count(State.STOPPED) == 1
        other.do(other.app.fleet.remove("tiny"))
        window.wait(lambda: not window.app.fleet.deployments())
    finally:
        other.leave()
        window.close()


def test_when_its_keeper_is_killed_the_app_says_so_and_can_stop_it(deck: Deck) -> None:
    deck.install()
    deck.launch()
    ready = deck.wait_for("tiny", State.READY)
    assert ready.run is not None
    keeper = Identity.from_json(json.loads((ready.run.folder / "keeper.json").read_text())["keeper"])
    assert keeper is not None
    keeper.send(signal.SIGKILL)
    deck.wait(lambda: any("keeper was killed" in each for each in deck.app.fleet.get("tiny").run.warnings))
    assert deck.app.fleet.get("tiny").state is State.READY
    report = deck.do(deck.app.fleet.stop("tiny"))
    assert report.is_clean
    assert deck.app.fleet.get("tiny").state is State.STOPPED


def test_stopping_what_does_not_run_and_starting_what_does_is_refused(deck: Deck) -> None:
    deck.install()
    deck.launch()
    deck.wait_for("tiny", State.READY)
    with pytest.raises(LaunchError, match="runs already"):
        deck.do(deck.app.fleet.start("tiny"))
    deck.do(deck.app.fleet.stop("tiny"))
    with pytest.raises(InputError, match="does not run"):
        deck.do(deck.app.fleet.stop("tiny"))


@pytest.mark.expects_log("Can't read")
def test_a_damaged_deployment_is_shown_and_can_be_removed(deck: Deck) -> None:
    deck.install()
    launched = deck.launch()
    deck.wait_for("tiny", State.READY)
    deck.do(deck.app.fleet.stop("tiny"))
    (deck.app.paths.deployments / launched.id / "spec.toml").write_text("version = [")
    deck.wait(lambda: deck.app.fleet.get(launched.id).problem)
    with pytest.raises(LaunchError, match="can't be read"):
        deck.do(deck.app.fleet.start(launched.id))
    deck.do(deck.app.fleet.remove(launched.id))
    assert deck.app.fleet.deployments() == ()


def test_a_model_of_the_hub_that_can_not_be_reached_fails_with_the_reason(deck: Deck) -> None:
    deck.install()
    spec = deck.spec().changed(model={"kind": "hub", "id": "acme/tiny"})
    with pytest.raises(HubUnreachableError):
        deck.do(deck.app.fleet.launch(spec))
    failed = deck.app.fleet.get("tiny")
    assert failed.state is State.FAILED
    assert failed.run is not None
    assert failed.run.history[-1].evidence.startswith("Can't reach 127.0.0.1:9")


def test_ports_are_chosen_apart(deck: Deck) -> None:
    deck.install()
    first = deck.app.settings.current.first_port
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", first))
            other.listen()
        except OSError:
            pass  # taken by somebody else: as good
        assert deck.app.fleet.free_port() > first
    deck.app.settings.change(first_port=65535)
    with socket.socket() as last:
        last.bind(("127.0.0.1", 65535))
        last.listen()
        with pytest.raises(PortTakenError):
            deck.app.fleet.free_port()


def test_the_command_that_is_shown_has_the_port_that_a_launch_would_get(deck: Deck) -> None:
    deck.install(modes="slow=600")
    launched = deck.launch()
    assert launched.run is not None
    free = deck.app.fleet.free_port()
    assert free != launched.run.port
    assert f"--port {free}" in deck.app.fleet.preview(deck.spec("other"))


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["stop", "cancel-and-stop"])
def test_a_stop_while_it_is_being_prepared_leaves_nothing_whenever_it_comes(deck: Deck, is_cancelled: bool) -> None:
    """The stop comes at any moment of the preparation, also while the keeper is being started.

    With `cancel-and-stop` the start is cancelled first, as by a window that closes, and stopped on top of that.
    """
    deck.install(modes="slow=600")

    async def launch_and_stop(name: str, delay: float) -> None:
        deployment = await deck.app.fleet.create(deck.spec(name))
        starting = asyncio.ensure_future(deck.app.fleet.start(deployment.id))
        await asyncio.sleep(delay)
        if is_cancelled:
            starting.cancel()
            await asyncio.sleep(0.005)
        if deck.app.fleet.get(deployment.id).state.is_active:
            await deck.app.fleet.stop(deployment.id)
        await asyncio.gather(starting, return_exceptions=True)

    for number in range(12):
        deck.do(launch_and_stop(f"n{number}", 0.01 + 0.012 * number))
        ended = deck.app.fleet.get(f"n{number}")
        assert ended.state is State.STOPPED, ended.run
        assert members_of(f"{ended.id}-0001") == []

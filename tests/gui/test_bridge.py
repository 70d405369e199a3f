"""The bridge: events and results arrive in the GUI thread, and never at somebody who is gone."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication

from core.errors import InputError
from core.events import (
    Bus,
    DemoChanged,
    DeploymentChanged,
    DeploymentRemoved,
    Event,
    HubStatusChanged,
    InstallationsChanged,
    InstallChanged,
    LibraryChanged,
    SettingsChanged,
)
from core.loop import CoreLoop
from gui.bridge import Bridge


@pytest.fixture
def parts():
    """The real bus and the real loop; the bridge needs nothing else of the core."""
    with CoreLoop() as loop:
        yield SimpleNamespace(bus=Bus(), loop=loop)


@pytest.fixture
def bridge(parts, qapp):
    made = Bridge(parts)
    yield made
    made.close()


class Receiver(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.got: list[object] = []

    def take(self, value: object) -> None:
        self.got.append(value)


EVENTS = [
    (DeploymentChanged("d1"), "deployment_changed", ["d1"]),
    (DeploymentRemoved("d1"), "deployment_removed", ["d1"]),
    (InstallationsChanged(), "installations_changed", []),
    (InstallChanged("j1"), "install_changed", ["j1"]),
    (LibraryChanged(), "library_changed", []),
    (HubStatusChanged("down"), "hub_status_changed", ["down"]),
    (SettingsChanged(), "settings_changed", []),
    (DemoChanged("step"), "demo_changed", [DemoChanged("step")]),
]


@pytest.mark.parametrize(("event", "signal", "values"), EVENTS, ids=[type(each[0]).__name__ for each in EVENTS])
def test_each_event_has_a_signal(qtbot, parts, bridge, event: Event, signal: str, values: list[object]) -> None:
    threads: list[threading.Thread] = []
    getattr(bridge, signal).connect(lambda *_: threads.append(threading.current_thread()))
    with qtbot.waitSignal(getattr(bridge, signal)) as seen:
        thread = threading.Thread(target=parts.bus.publish, args=(event,))
        thread.start()
        thread.join()
    assert seen.args == values
    assert threads == [threading.main_thread()]


def test_no_event_class_is_without_a_signal() -> None:
    assert {type(each[0]).__name__ for each in EVENTS} == {each.__name__ for each in Event.__subclasses__()}


async def _give(value: object) -> object:
    await asyncio.sleep(0)
    return value


async def _raise(error: Exception) -> None:
    raise error


def test_a_result_arrives_in_the_gui_thread(qtbot, bridge) -> None:
    got: list[tuple[object, threading.Thread]] = []
    bridge.run(_give(42), lambda value: got.append((value, threading.current_thread())))
    qtbot.waitUntil(lambda: bool(got))
    assert got == [(42, threading.main_thread())]


def test_a_failure_goes_to_failed(qtbot, bridge) -> None:
    got: list[BaseException] = []
    error = InputError("no")
    with qtbot.assertNotEmitted(bridge.unhandled):
        bridge.run(_raise(error), failed=got.append)
        qtbot.waitUntil(lambda: bool(got))
    assert got == [error]


def test_a_failure_that_nobody_takes_is_told(qtbot, bridge) -> None:
    error = InputError("no")
    with qtbot.waitSignal(bridge.unhandled) as seen:
        bridge.run(_raise(error))
    assert seen.args == [error]


def test_blocking_work_runs_in_another_thread(qtbot, bridge) -> None:
    got: list[threading.Thread] = []
    bridge.in_thread(threading.current_thread, got.append)
    qtbot.waitUntil(lambda: bool(got))
    assert got[0] is not threading.main_thread()


def test_the_dead_are_not_called(qtbot, bridge) -> None:
    gate = threading.Event()
    dead, alive = Receiver(), Receiver()
    bridge.in_thread(gate.wait, dead.take)
    bridge.in_thread(gate.wait, lambda value: dead.take(value), owner=dead)
    bridge.in_thread(gate.wait, alive.take)
    dead.deleteLater()
    QApplication.sendPostedEvents(dead, QEvent.Type.DeferredDelete)
    gate.set()
    qtbot.waitUntil(lambda: alive.got == [True])
    assert dead.got == []


def test_a_cancelled_job_calls_nobody_and_ends(qtbot, bridge) -> None:
    began, ended = threading.Event(), threading.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    got: list[object] = []
    job = bridge.run(work(), got.append, got.append)
    assert began.wait(5)
    job.cancel()
    assert ended.wait(5)
    after: list[object] = []
    bridge.run(_give(1), after.append)
    qtbot.waitUntil(lambda: bool(after))
    assert (got, job.is_finished) == ([], True)


def test_after_close_nothing_arrives(qtbot, parts) -> None:
    bridge = Bridge(parts)
    got: list[object] = []
    bridge.library_changed.connect(lambda: got.append("event"))
    ended = threading.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    bridge.run(work(), got.append, got.append)
    parts.bus.publish(LibraryChanged())  # queued, and then too late
    bridge.close()
    assert ended.wait(5)
    parts.bus.publish(LibraryChanged())
    QApplication.sendPostedEvents()
    bridge.deleteLater()
    QApplication.sendPostedEvents(bridge, QEvent.Type.DeferredDelete)
    parts.bus.publish(LibraryChanged())
    assert got == []


def test_after_close_nothing_is_begun(parts) -> None:
    bridge = Bridge(parts)
    bridge.close()
    got: list[object] = []
    job = bridge.run(_give(1), got.append)
    assert (job.is_finished, got) == (True, [])

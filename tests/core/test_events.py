from __future__ import annotations

import inspect
import threading
from dataclasses import FrozenInstanceError, is_dataclass

import pytest

from core import events
from core.events import Bus, DeploymentChanged, DeploymentRemoved, Event, SettingsChanged


def test_every_listener_hears_every_event_in_order() -> None:
    bus = Bus()
    first, second = list[Event](), list[Event]()
    bus.subscribe(first.append)
    bus.subscribe(second.append)
    said = [DeploymentChanged("a"), SettingsChanged(), DeploymentRemoved("a")]
    for event in said:
        bus.publish(event)
    assert first == second == said


def test_who_has_left_hears_nothing_and_leaving_twice_is_harmless() -> None:
    bus = Bus()
    heard, others = list[Event](), list[Event]()
    leave = bus.subscribe(heard.append)
    bus.subscribe(others.append)
    leave()
    leave()
    bus.publish(SettingsChanged())
    assert heard == []
    assert others == [SettingsChanged()]


@pytest.mark.expects_log("a listener failed")
def test_a_listener_that_fails_is_logged_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    bus, heard = Bus(), list[Event]()

    def fail(event: Event) -> None:
        raise ValueError("broken listener")

    bus.subscribe(fail)
    bus.subscribe(heard.append)
    bus.publish(SettingsChanged())
    assert heard == [SettingsChanged()]
    assert "broken listener" in caplog.text


def test_a_listener_may_leave_and_join_while_it_is_told() -> None:
    bus, late = Bus(), list[Event]()

    def once(event: Event) -> None:
        leave()
        bus.subscribe(late.append)

    leave = bus.subscribe(once)
    bus.publish(DeploymentChanged("a"))
    bus.publish(DeploymentChanged("b"))
    assert late == [DeploymentChanged("b")]


def test_events_from_many_threads_all_arrive() -> None:
    bus, heard = Bus(), list[Event]()
    bus.subscribe(heard.append)
    threads = [
        threading.Thread(target=lambda n=n: [bus.publish(DeploymentChanged(f"{n}-{i}")) for i in range(200)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.deployment_id for each in heard if isinstance(each, DeploymentChanged)}) == 800


def test_events_are_frozen_values() -> None:
    kinds = [each for _, each in inspect.getmembers(events, inspect.isclass) if issubclass(each, Event)]
    assert len(kinds) > 5
    assert all(is_dataclass(each) and each.__dataclass_params__.frozen for each in kinds)  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError):
        DeploymentChanged("a").deployment_id = "b"  # type: ignore[misc]

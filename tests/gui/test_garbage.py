"""The garbage collector: widgets are destroyed in their own thread, whoever makes the garbage."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QLabel

from gui.garbage import Garbage


class Node:
    """An object that the collector has to look at."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def garbage(qapp) -> Iterator[Garbage]:
    made = Garbage()
    yield made
    made.stop()


def make_widget_in_a_cycle(ended: list[int]) -> None:
    label = QLabel()
    label.itself = label
    label.destroyed.connect(lambda _object: ended.append(threading.get_ident()), Qt.ConnectionType.DirectConnection)


def test_widgets_die_in_the_gui_thread(qtbot, garbage) -> None:
    ended: list[int] = []
    for _ in range(50):
        make_widget_in_a_cycle(ended)
    other = threading.Thread(target=lambda: [Node() for _ in range(200_000)])
    other.start()
    other.join()
    assert ended == []
    gc.collect()
    assert set(ended) == {threading.get_ident()}


def test_garbage_goes_by_itself_while_the_event_loop_runs(qtbot, garbage) -> None:
    dead: list[int] = []

    class Watched(QObject):
        def __del__(self) -> None:
            dead.append(threading.get_ident())

    watched = Watched()
    watched.itself = watched
    del watched

    def is_gone() -> bool:
        for _ in range(1000):
            Node()
        return bool(dead)

    qtbot.waitUntil(is_gone, timeout=10_000)
    assert dead == [threading.get_ident()]


def test_what_was_settled_is_not_looked_at_again(garbage) -> None:
    before = gc.get_freeze_count()
    garbage.settle()
    assert gc.get_freeze_count() > before + 1000


def test_stopping_puts_things_back(qapp) -> None:
    was = gc.isenabled()
    Garbage().stop()
    assert gc.isenabled() == was
    assert gc.get_freeze_count() == 0

"""Python 3.11 mixes up two threads that parse at once when the garbage collector runs between them."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.engines.static_reading import read_tables

SOURCE = "TABLE = {\n" + "".join(f"    'name{n}': ('Class{n}', [{n}, {n + 1}]),\n" for n in range(3000)) + "}\n"


class Cyclic:
    """Garbage whose end runs Python code, where a thread may be switched."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(200):
            pass


@pytest.fixture
def eager() -> Iterator[None]:
    """Threads switch and garbage is collected far more often than usual."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-5)
    gc.set_threshold(700, 10, 10)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("eager")
def test_tables_are_read_in_several_threads(tmp_path: Path) -> None:
    file = tmp_path / "registry.py"
    file.write_text(SOURCE)
    done, problems = threading.Event(), list[BaseException]()

    def read() -> None:
        try:
            for _ in range(5):
                assert len(read_tables(file)["TABLE"]) == 3000
        except BaseException as error:
            problems.append(error)

    def litter() -> None:
        while not done.wait(0.0002):
            Cyclic()

    littering = threading.Thread(target=litter)
    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in (littering, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    done.set()
    littering.join()
    assert problems == []

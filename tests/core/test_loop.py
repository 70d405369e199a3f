from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from core.loop import CoreLoop


def test_coroutines_run_in_the_one_thread_called_core() -> None:
    async def where() -> str:
        return threading.current_thread().name

    with CoreLoop() as loop:
        assert {loop.spawn(where()).result(5) for _ in range(5)} == {"core"}
    assert "core" not in {each.name for each in threading.enumerate()}


def test_an_exception_is_handed_to_who_asked() -> None:
    async def fail() -> None:
        raise KeyError("gone")

    with CoreLoop() as loop, pytest.raises(KeyError, match="gone"):
        loop.spawn(fail()).result(5)


def test_cancelling_the_future_cancels_the_task() -> None:
    started, cleaned = threading.Event(), threading.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.set()

    with CoreLoop() as loop:
        future = loop.spawn(work())
        assert started.wait(5)
        future.cancel()
        assert cleaned.wait(5)
        with pytest.raises(CancelledError):
            future.result(5)


def test_leaving_ends_what_still_runs_and_lets_it_clean_up() -> None:
    started, cleaned = threading.Event(), list[str]()

    async def work(name: str) -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned.append(name)

    with CoreLoop() as loop:
        for name in ("a", "b"):
            loop.spawn(work(name))
        assert started.wait(5)
    assert sorted(cleaned) == ["a", "b"]


@pytest.mark.expects_log("in the core loop")
def test_what_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    told = threading.Event()

    async def work() -> None:
        running = asyncio.get_running_loop()

        def fail() -> None:
            running.call_soon(told.set)
            raise RuntimeError("nobody waits for me")

        running.call_soon(fail)

    with CoreLoop() as loop:
        loop.spawn(work()).result(5)
        assert told.wait(5)
    assert "nobody waits for me" in caplog.text

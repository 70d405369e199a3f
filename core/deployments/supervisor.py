"""Watches one run from its start to its end: what it prints, how its endpoint answers, how it ended.

Everything is derived from the run's folder and its endpoint, so any number of processes may watch the same run and
come to the same states; whoever sees a change first writes it down.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.deployments.deployment import Phase, Run, State, StateChange, StopReport
from core.deployments.launch_spec import LaunchSpec
from core.deployments.store import DeploymentStore, Reading
from core.engines.engine import Engine, LogTable, PhasePattern, ProbeResult
from core.engines.support import Implementation
from core.errors import ServedeckError
from core.logs.buffer import LogBuffer, LogLine
from core.logs.failure import find_failure
from core.logs.phases import PhaseReader
from core.logs.reading import LogFollower
from core.runtimes import ports
from core.runtimes.keeper import LOG_FOLDER
from core.runtimes.runtime import Observation, Runtime

if TYPE_CHECKING:
    import httpx2

logger = logging.getLogger(__name__)

STARTING_INTERVAL = 0.15
READY_INTERVAL = 1.0
STOPPING_INTERVAL = 0.1
LOG_INTERVAL = 0.1
"""Seconds between looks at the log, so that what is on the screen is never older."""
READING_SAVE_INTERVAL = 1.0
PORT_WAIT = 5.0
"""Seconds that a port may take to become free after the last process ended."""
ENGINE_STEP = "engine"
HEALTH_INTERVAL = 15.0
"""Seconds between questions to an endpoint that is ready; each leaves lines in the engine's log."""
HEALTH_RETRY = 2.0
HEALTH_MISSES = 3
OWN_PHASES = (
    PhasePattern(Phase.DOWNLOAD, r"^\[servedeck\] download (?:(?P<done>\d+) of (?P<total>\d+) bytes)?"),
    PhasePattern(Phase.START_ENGINE, rf"^\[servedeck\] starting {ENGINE_STEP}"),
)
"""Lines that our own steps print, whatever the engine."""


def log_table(engine: Engine) -> LogTable:
    """The engine's table with our own lines before it."""
    table = engine.log
    return LogTable(OWN_PHASES + table.phases, table.loaded, table.loaded_default_after, table.not_the_cause)


PIECE = 128 * 1024
"""Bytes of a log that are parsed without a rest: some milliseconds."""
PIECES = 8


class RunLog:
    """The log of one run in memory, filled from the files by `pump`."""

    def __init__(self, folder: Path) -> None:
        self.buffer = LogBuffer()
        self._follower = LogFollower(folder / LOG_FOLDER)
        self._lock = asyncio.Lock()

    async def pump(self, phases: PhaseReader | None = None) -> bool:
        """Take some of what is new; True if more lies there already. Reads and parses in a thread.

        In small pieces with rests as long: parsing keeps the interpreter busy, and a window needs it, too.
        """
        clock = asyncio.get_running_loop().time
        async with self._lock:
            for _ in range(PIECES):
                begun = clock()
                await self._take(partial(self._follower.read, PIECE), phases)
                if not self._follower.has_more:
                    return False
                await asyncio.sleep(clock() - begun)
            return True

    async def pump_all(self, phases: PhaseReader | None = None, *, is_over: bool = False) -> None:
        """Take all that is there; when the run is over, the unfinished last line too."""
        while await self.pump(phases):
            pass
        if is_over:
            async with self._lock:
                await self._take(self._follower.finish, phases)

    async def _take(self, read: Callable[[], list[LogLine]], phases: PhaseReader | None) -> None:
        lines = await asyncio.to_thread(read)
        if lines:
            self.buffer.extend(lines)
            if phases is not None:
                await asyncio.to_thread(phases.feed, lines)


class Supervisor:
    """Brings the states of one run up to date, tick by tick.

    Args:
        on_change: called with nothing after a state, phase or finding changed (on the core loop).
    """

    def __init__(
        self,
        store: DeploymentStore,
        runtime: Runtime,
        engine: Engine,
        spec: LaunchSpec,
        run: Run,
        log: RunLog,
        client: httpx2.AsyncClient,
        api_key: str,
        on_change: Callable[[], None],
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._engine = engine
        self._spec = spec
        self._run = run
        self._folder = run.folder
        self._log = log
        self._client = client
        self._api_key = api_key
        self._on_change = on_change
        self._table = log_table(engine)
        self._phases = PhaseReader(self._table)
        self._kept = Reading(
            run.phases,
            run.implementation_loaded,
            run.implementation_evidence,
            run.failure,
            run.failure_line,
            run.warnings,
        )
        self._failure: tuple[str, int | None] = (run.failure, run.failure_line)
        self._warnings: dict[str, str] = {}
        self._saved_at = 0.0
        self._saved_phase: tuple[int, Implementation | None] = (0, None)
        self._probe: asyncio.Task[ProbeResult] | None = None
        self._misses = 0
        self._probe_at = 0.0
        self._state = run.state

    async def watch(self) -> None:
        """Tick until the run has ended."""
        intervals = {State.READY: READY_INTERVAL, State.STOPPING: STOPPING_INTERVAL}
        while await self.tick():
            next_tick = time.monotonic() + intervals.get(self._state, STARTING_INTERVAL)
            while (left := next_tick - time.monotonic()) > 0:
                await asyncio.sleep(min(left, LOG_INTERVAL))
                await self._read_log()

    async def tick(self, *, wait_for_probe: bool = False) -> bool:
        """Look once and write down what changed; False when the run has ended.

        Args:
            wait_for_probe: wait for the endpoint's answer within this tick (for a single look, as `ps` takes).
        """
        seen = await asyncio.to_thread(self._runtime.observe, self._folder)
        known = await asyncio.to_thread(self._store.load_run, self._folder)
        self._run = known or self._run
        self._state = self._run.state
        if not self._state.is_active:
            await self._read_whole_log(is_over=True)
            self._save_reading(force=True)
            self._on_change()
            return False
        if seen.exit is not None:
            await self._ended(seen)
            return False
        if seen.stop_asked and self._state is not State.STOPPING:
            self._change(State.STOPPING, "a stop was asked for")
        self._warn("keeper", self._keeper_warning(seen))
        await self._read_log()
        if self._state in (State.STARTING, State.READY) and seen.step == ENGINE_STEP:
            await self._ask_endpoint(wait_for_probe)
        self._save_reading()
        return True

    async def _read_log(self) -> None:
        """Feed some of what is new to the buffer and the phases; phases end with ready."""
        await self._log.pump(self._phases if self._reads_phases else None)

    async def _read_whole_log(self, *, is_over: bool) -> None:
        await self._log.pump_all(self._phases if self._reads_phases else None, is_over=is_over)

    @property
    def _reads_phases(self) -> bool:
        return not any(change.state is State.READY for change in self._run.history)

    async def _ask_endpoint(self, wait: bool) -> None:
        if self._probe is None:
            if self._state is State.READY and not wait and time.monotonic() < self._probe_at:
                return
            self._probe = asyncio.create_task(
                self._engine.probe(self._client, self._run.base_url, self._run.served_name, self._api_key)
            )
        if wait:
            await asyncio.wait([self._probe])
        else:
            await asyncio.wait([self._probe], timeout=0.1)
        if not self._probe.done():
            return
        probe, self._probe = self._probe, None
        try:
            result = probe.result()
        except ServedeckError as error:
            result = ProbeResult(False, False, error.line)
        if self._state is State.READY:
            self._misses = 0 if result.healthy else self._misses + 1
            self._probe_at = time.monotonic() + (HEALTH_INTERVAL if result.healthy else HEALTH_RETRY)
            sick = self._misses >= HEALTH_MISSES
            self._warn("health", f"The health check fails: {result.evidence}" if sick else "")
        elif result.ready:
            await self._became_ready(result)

    async def _became_ready(self, result: ProbeResult) -> None:
        """The endpoint answers; make sure that it is ours before saying so."""
        stranger = await asyncio.to_thread(self._stranger_on_port)
        if stranger:
            self._warn("port", f"Port {self._run.port} is answered by {stranger}, which is not this deployment.")
            return
        self._warn("port", "")
        await self._read_whole_log(is_over=False)
        self._phases.finish(time.time())
        self._save_reading(force=True)
        self._change(State.READY, result.evidence)

    def _stranger_on_port(self) -> str:
        pids = [pid for pid in ports.listeners(self._run.port) if pid]
        if not pids or any(self._runtime.owns(self._folder, pid) for pid in pids):
            return ""
        return ports.holder(self._run.port)

    async def _ended(self, seen: Observation) -> None:
        """Write down how it ended, after a look at what it left behind."""
        assert seen.exit is not None
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None
        await self._read_whole_log(is_over=True)
        self._phases.finish(seen.exit.at)
        if seen.exit.asked:
            if self._state is not State.STOPPING:
                self._change(State.STOPPING, "a stop was asked for")
            report = await self._verify(seen)
            self._save_reading(force=True)
            self._store.save_stop_report(self._folder, report)
            self._change(State.STOPPED if report.is_clean else State.FAILED, f"{seen.exit.text}; {report_text(report)}")
            return
        evidence = f"{seen.problem or seen.exit.text}, nobody asked it to stop"
        if self._state is not State.READY:
            who = await asyncio.to_thread(ports.holder, self._run.port)
            evidence += f"; port {self._run.port} is held by {who}" if who else ""
        left = await asyncio.to_thread(self._runtime.leftovers, self._folder)
        if left:
            self._warn("left", f"Still running: {', '.join(left)}.")
        if not self._failure[0]:
            _, lines = self._log.buffer.since(0)
            found = await asyncio.to_thread(find_failure, lines, self._table)
            if found:
                self._failure = found
        self._save_reading(force=True)
        self._change(State.FAILED, evidence)

    async def _verify(self, seen: Observation) -> StopReport:
        """Look for processes of the run and at its port, for a few seconds if need be."""
        assert seen.exit is not None
        asked = next((each.at for each in self._run.history if each.state is State.STOPPING), None)
        begun = asked if asked is not None else seen.exit.at
        deadline = time.monotonic() + PORT_WAIT
        while True:
            left = await asyncio.to_thread(self._runtime.leftovers, self._folder)
            free = self._run.port == 0 or await asyncio.to_thread(ports.is_free, self._run.host, self._run.port)
            if (not left and free) or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        who = "" if free else await asyncio.to_thread(ports.holder, self._run.port)
        return StopReport(left, free, who, max(0.0, time.time() - begun), bool(seen.killed))

    def _keeper_warning(self, seen: Observation) -> str:
        if seen.keeper_alive or not seen.leader_alive:
            return ""
        return (
            "Its keeper was killed: the engine runs on, but what it prints since then is lost. Restart it when you can."
        )

    def _warn(self, key: str, text: str) -> None:
        """Set or clear one warning."""
        if self._warnings.get(key, "") != text:
            self._warnings[key] = text
            self._save_reading(force=True)
            self._on_change()

    def _save_reading(self, *, force: bool = False) -> None:
        """Keep what the log showed: a new phase at once, mere progress at most once a second."""
        phase = (len(self._phases.spans), self._phases.implementation)
        waits = phase == self._saved_phase and time.monotonic() - self._saved_at < READING_SAVE_INTERVAL
        if waits and not force:
            return
        self._saved_phase = phase
        self._saved_at = time.monotonic()
        fresh = self._reads_phases
        reading = Reading(
            self._phases.spans if fresh else self._kept.phases,
            (self._phases.implementation if fresh else None) or self._kept.implementation,
            (self._phases.implementation_evidence if fresh else "") or self._kept.implementation_evidence,
            *self._failure,
            tuple(text for text in self._warnings.values() if text),
        )
        if reading != self._kept:
            self._kept = reading
            self._store.save_reading(self._folder, reading)
            self._on_change()

    def _change(self, state: State, evidence: str) -> None:
        """Write the state down and tell."""
        if self._store.append_state(self._folder, StateChange(state, time.time(), evidence)):
            logger.info("%s run %d: %s (%s)", self._spec.name, self._run.number, state, evidence)
        self._state = state
        loaded = self._store.load_run(self._folder)
        if loaded is not None:
            self._run = loaded
        self._on_change()


def report_text(report: StopReport) -> str:
    """A stop report in words."""
    parts = [
        f"still running: {', '.join(report.processes_left)}" if report.processes_left else "no process left",
        "port free" if report.port_free else f"port held by {report.port_holder or 'an unknown process'}",
    ]
    if report.killed:
        parts.append("it had to be killed")
    return ", ".join(parts)

"""A table like those of the engines, made from what is known of vLLM and Transformers, for the tests of the readers."""

from __future__ import annotations

from pathlib import Path

from core.deployments.deployment import Phase
from core.engines.engine import LogTable, PhasePattern
from core.engines.support import Implementation
from core.logs.buffer import LogLine
from core.logs.lines import LineReader

DATA = Path(__file__).parents[2] / "data" / "logs"

VLLM = LogTable(
    phases=(
        PhasePattern(Phase.START_ENGINE, r"non-default args:|Initializing a V1 LLM engine"),
        PhasePattern(Phase.LOAD_WEIGHTS, r"Starting to load model"),
        PhasePattern(Phase.LOAD_WEIGHTS, r"checkpoint shards: +\d+% Completed \| (?P<done>\d+)/(?P<total>\d+)"),
        PhasePattern(Phase.COMPILE, r"Warming up model for the compilation|Dynamo bytecode transform time"),
        PhasePattern(Phase.RESERVE_KV_CACHE, r"KV cache size: (?P<note>[\d,]+ tokens)"),
        PhasePattern(Phase.CAPTURE_GRAPHS, r"Capturing CUDA graphs.*?(?P<percent>\d+)%"),
        PhasePattern(Phase.WARM_UP, r"init engine \(profile"),
        PhasePattern(Phase.READY, r"Application startup complete"),
    ),
    loaded=((Implementation.TRANSFORMERS, r"Using Transformers modeling backend\."),),
    loaded_default_after=(Implementation.NATIVE, r"Loading weights took"),
    not_the_cause=(r"MPClient: engine manager",),
)
TRANSFORMERS = LogTable(
    phases=(
        PhasePattern(Phase.START_ENGINE, r"^\[transformers\] Loading "),
        PhasePattern(Phase.LOAD_WEIGHTS, r"loading weights file"),
        PhasePattern(Phase.LOAD_WEIGHTS, r"^Loading weights: +(?P<percent>\d+)%.*?\| (?P<note>\d+/\d+)"),
        PhasePattern(Phase.READY, r"Application startup complete"),
    ),
    loaded=(),
    loaded_default_after=(Implementation.TRANSFORMERS, r"loading weights file"),
)


def lines_of(text: str) -> list[LogLine]:
    reader = LineReader()
    return reader.feed(text.encode("utf-8", "surrogatepass")) + reader.flush()


def real(name: str, *, start: float | None = None) -> list[LogLine]:
    """The lines of a real log; with `start`, a line a second from then on."""
    lines = lines_of((DATA / name).read_text("utf-8"))
    return lines if start is None else [line._replace(at=start + line.number) for line in lines]

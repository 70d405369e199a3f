"""What the benchmarks have in common: a table for people, one JSON document with `--json`, and the goal's verdict."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Goal:
    """A ratio or a time with its bound."""

    text: str
    value: float
    bound: float
    at_most: bool
    """True: the value must not be larger than the bound; False: not smaller."""

    @property
    def is_met(self) -> bool:
        """The measured value is on the right side."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    @property
    def line(self) -> str:
        """For people."""
        sign = "≤" if self.at_most else "≥"
        verdict = "met" if self.is_met else "MISSED"
        return f"{verdict}: {self.text} is {self.value:.3f}, goal {sign} {self.bound:g}"


def arguments(description: str, rounds: int) -> argparse.Namespace:
    """`--json` and `--rounds`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"measurements of each kind (default {rounds})")
    return parser.parse_args()


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def finish(name: str, rows: list[dict[str, Any]], goals: list[Goal], *, as_json: bool) -> int:
    """Print it; returns the exit code, 0 only where every goal is met."""
    if as_json:
        document = {
            "benchmark": name,
            "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
            "load_before": round(os.getloadavg()[0], 2),
            "rows": rows,
            "goals": [
                {"text": each.text, "value": each.value, "bound": each.bound, "met": each.is_met} for each in goals
            ],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print(f"{name} ({os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f})")
        print(_table(rows))
        for goal in goals:
            print(goal.line)
    return 0 if all(each.is_met for each in goals) else 1


def _table(rows: list[dict[str, Any]]) -> str:
    names = list(rows[0])
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def use_repository() -> None:
    """Make `tests.servers` importable: the stand-in servers are used here too."""
    sys.path.insert(0, str(ROOT))

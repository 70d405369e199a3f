"""Start of the real program to an interactive window, against a bare PySide6 QMainWindow measured beside it.

Interactive: the first paint is done and the event loop takes the next event. Servedeck paints its frame before its core
is loaded, so a second moment is told: complete, when the core is there and the first page is painted. The programs
print these moments (a system-wide monotonic clock) and end; the start is taken just before the process is made.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from report import Goal, arguments, finish, spread

SERVEDECK = [str(Path(sys.executable).with_name("servedeck")), "--quit-after-start"]
BARE = """
import sys, time
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

class AfterPaint(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self.tell)
        return False

    def tell(self):
        print(f"interactive at {time.monotonic():.6f}", flush=True)
        application.quit()

application = QApplication(sys.argv)
window = QMainWindow()
filter = AfterPaint(window)
window.installEventFilter(filter)
window.resize(1440, 900)
window.show()
application.exec()
"""
INTERACTIVE, COMPLETE, ENDED = "interactive", "complete", "ended"


def start(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Seconds to each moment that the program tells, and to the end of its process."""
    begun = time.monotonic()
    child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    ended = time.monotonic()
    told = {what: float(at) - begun for what, at in re.findall(r"^(\w+) at ([\d.]+)$", child.stdout, re.MULTILINE)}
    if child.returncode or INTERACTIVE not in told:
        raise SystemExit(f"{command} ended with {child.returncode}: {child.stdout} {child.stderr}")
    return {**told, ENDED: ended - begun}


def main() -> int:
    """Measure in turns, so that whatever else the machine does meets both alike."""
    given = arguments(__doc__ or "", 7)
    bare, ours = list[dict[str, float]](), list[dict[str, float]]()
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "SERVEDECK_HOME": home,
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        for command in (SERVEDECK, [sys.executable, "-c", BARE]):
            start(command, environment)  # byte code and disk cache: the first start of all is not counted
        for _ in range(given.rounds):
            bare.append(start([sys.executable, "-c", BARE], environment))
            ours.append(start(SERVEDECK, environment))
    of_bare = spread([each[INTERACTIVE] for each in bare])
    rows: list[dict[str, Any]] = [{"program": "bare QMainWindow", "moment": INTERACTIVE, **of_bare, "ratio": 1.0}]
    for moment in (INTERACTIVE, COMPLETE, ENDED):
        seconds = spread([each[moment] for each in ours])
        rows.append(
            {"program": "servedeck", "moment": moment, **seconds, "ratio": seconds["median"] / of_bare["median"]}
        )
    ratio = rows[1]["ratio"]
    goals = [Goal("interactive servedeck / interactive bare window (medians)", ratio, 3.0, at_most=True)]
    return finish("start-up, seconds", rows, goals, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())

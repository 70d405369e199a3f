"""Start of the real program to an interactive window, against a bare PySide6 QMainWindow measured beside it.

Interactive: the first paint is done and the event loop takes the next event. Both programs print that moment (a
system-wide monotonic clock) and end; the start is taken just before the process is made.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
MARK = "interactive at "


def start(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds to the interactive window, and to the end of the process."""
    begun = time.monotonic()
    child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    ended = time.monotonic()
    told = [line for line in child.stdout.splitlines() if line.startswith(MARK)]
    if child.returncode or not told:
        raise SystemExit(f"{command} ended with {child.returncode}: {child.stdout} {child.stderr}")
    return float(told[0].removeprefix(MARK)) - begun, ended - begun


def main() -> int:
    """Measure in turns, so that whatever else the machine does meets both alike."""
    given = arguments(__doc__ or "", 7)
    bare, ours, ours_whole = list[float](), list[float](), list[float]()
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
            bare.append(start([sys.executable, "-c", BARE], environment)[0])
            seconds, whole = start(SERVEDECK, environment)
            ours.append(seconds)
            ours_whole.append(whole)
    ratio = spread(ours)["median"] / spread(bare)["median"]
    rows = [
        {"program": "bare QMainWindow", **spread(bare)},
        {"program": "servedeck", **spread(ours)},
        {"program": "servedeck, until its process has ended", **spread(ours_whole)},
    ]
    goals = [Goal("start of servedeck / start of a bare window (medians)", ratio, 3.0, at_most=True)]
    return finish("start-up, seconds", rows, goals, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())

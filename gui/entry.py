"""The `servedeck` command: the window when nothing is asked for, else the command line.

Imports neither before it must: the command line works where Qt doesn't.
"""

from __future__ import annotations

import os
import sys

WINDOW_FLAGS = ("--quit-after-start",)


def main() -> None:
    """Open the window, or run a command."""
    arguments = sys.argv[1:]
    if all(each in WINDOW_FLAGS for each in arguments):
        from gui.system_libraries import problem

        if stands_in_the_way := problem(os.environ):
            print(f"servedeck: {stands_in_the_way}", file=sys.stderr)
            sys.exit(1)
        from gui.app import main as window

        sys.exit(window())
    from core.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()

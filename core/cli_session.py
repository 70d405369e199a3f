"""What every command of the command line does alike: open the app, run on its loop, print JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer

from core import own_log
from core.app import App
from core.paths import Paths

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def open_app(*, watch: bool = False) -> App:
    """The app of this command; `watch` if it waits for something."""
    paths = Paths.from_environment()
    paths.prepare()
    own_log.configure(paths, verbose="--verbose" in sys.argv)
    return App(paths, watch=watch)


def do(app: App, work: Coroutine[Any, Any, T]) -> T:
    """Run it on the core loop; Ctrl+C cancels it there."""
    future = app.loop.spawn(work)
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        raise


def print_document(document: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, indent=2, ensure_ascii=False))

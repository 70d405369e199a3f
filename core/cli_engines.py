"""`servedeck engines`: list, install, add and remove installations."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from core import documents
from core.cli_session import Json, do, open_app, print_document
from core.errors import InstallationError

engines_cli = typer.Typer(help="Engines and their installations.", invoke_without_command=True, rich_markup_mode=None)


@engines_cli.callback(invoke_without_command=True)
def engines(context: typer.Context, as_json: Json = False) -> None:
    """Engines and their installations."""
    if context.invoked_subcommand is None:
        engines_list(as_json)


@engines_cli.command("list")
def engines_list(as_json: Json = False) -> None:
    """List engines and what is installed of them."""
    with open_app() as app:
        do(app, app.installations.refresh())
        found = [documents.engine_document(each, app.installations.of(each.id)) for each in app.engines.all()]
    if as_json:
        print_document({"engines": found})
        return
    for engine in found:
        print(f"{engine['title']}" + (f" ({engine['notice']})" if engine["notice"] else ""))
        for each in engine["installations"]:
            state = each["problem"] or f"{each['version']} for {each['target']}"
            print(f"  {each['id']}: {state}  {each['executable']}")
        if not engine["installations"]:
            possible = "process" in engine["runtimes"]
            print(
                f"  not installed: servedeck engines install {engine['engine']}"
                if possible
                else "  needs a container engine"
            )


@engines_cli.command("install")
def engines_install(
    engine: Annotated[str, typer.Argument(help="vllm or transformers.")], as_json: Json = False
) -> None:
    """Install an engine into an environment of Servedeck's own; continues one that was broken off."""
    with open_app() as app:
        job = do(app, app.installer.start(engine))
        told = ""
        try:
            while job.state == "running":
                text = f"{job.step_number} of {job.steps}: {job.step}"
                if text != told:
                    told = text
                    print(text, file=sys.stderr)
                do(app, asyncio.sleep(0.2))
                job = app.installer.job(job.id)
        except KeyboardInterrupt:
            do(app, app.installer.cancel(job.id))
            raise
        if job.state != "done":
            raise InstallationError(f"Installing {engine} {job.state}: {job.problem}", remedy=f"The log is {job.log}.")
        installed = [each for each in app.installations.of(engine) if each.kind == "managed"]
    if as_json:
        print_document({**documents.installation_document(installed[0]), "seconds": (job.ended or 0) - job.started})
    else:
        folder = installed[0].executable.parent.parent
        print(f"{engine} {installed[0].version} for {installed[0].target} is installed in {folder}.")


@engines_cli.command("add")
def engines_add(
    engine: Annotated[str, typer.Argument(help="vllm or transformers.")],
    path: Annotated[str, typer.Argument(help="An executable, or the folder of a Python environment.")],
    as_json: Json = False,
) -> None:
    """Add an installation by its path."""
    with open_app() as app:
        do(app, app.installations.refresh())
        added = do(app, app.installations.add(engine, path))
    if as_json:
        print_document(documents.installation_document(added))
    else:
        print(f"Added {added.id}: {added.version} for {added.target}.")


@engines_cli.command("remove")
def engines_remove(
    installation: Annotated[str, typer.Argument(help="Its id, as `engines list` shows it.")], as_json: Json = False
) -> None:
    """Remove an installation: one of ours is deleted, an added one is forgotten."""
    with open_app() as app:
        do(app, app.installations.refresh())
        do(app, app.installations.remove(installation))
    if as_json:
        print_document({"removed": installation})
    else:
        print(f"Removed {installation}.")

"""The command line: thin commands over `core.app`. One JSON document with `--json`; errors are one line on stderr."""

from __future__ import annotations

import asyncio
import sys
import traceback
from typing import Annotated, Any, NoReturn

import typer

from core import documents, own_log
from core.app import App
from core.chat.client import ChatParams, ChatTarget, Message
from core.cli_engines import engines_cli
from core.cli_session import Json, do, open_app, print_document
from core.deployments.deployment import State
from core.deployments.launch_spec import CodeConsent, LaunchSpec, RuntimeKind
from core.deployments.waiting import failure_text, wait_until_ready
from core.engines.arguments import option_value
from core.engines.support import Implementation
from core.errors import ChatError, InputError, LaunchError, ServedeckError, StopIncompleteError
from core.hub.hub import Sort
from core.hub.model_ref import ModelRef

FOLLOW_INTERVAL = 0.1
INTERRUPTED = 130

cli = typer.Typer(
    help="Serve Transformers models on your own machine. Without a command, the window opens.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
cli.add_typer(engines_cli, name="engines")

Name = Annotated[str, typer.Argument(help="Name or id of a deployment.")]
Model = Annotated[str, typer.Argument(help="A Hub id, id@revision, a Hub URL, or a folder.")]


@cli.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", help="Details of errors, and Servedeck's own log.")] = False,
) -> None:
    """Serve Transformers models on your own machine."""
    del verbose  # taken by `main` before, so that it may stand anywhere


def main() -> NoReturn:
    """Run a command; exit code 0 only on success."""
    verbose = "--verbose" in sys.argv
    try:
        arguments = [each for each in sys.argv[1:] if each != "--verbose"]
        # The command's own result, or the code of an early end: typer makes 130 of Ctrl+C.
        ending = cli(args=arguments, prog_name="servedeck", standalone_mode=False)
        if ending == INTERRUPTED:
            raise KeyboardInterrupt
    except ServedeckError as error:
        print(f"servedeck: {error.line}", file=sys.stderr)
        if verbose:
            print(own_log.masked(error.details or "".join(traceback.format_exception(error))), file=sys.stderr)
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        print("servedeck: interrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:  # a usage error of the command line library, or a fault of ours
        show = getattr(error, "format_message", None)
        if show is None:
            print(f"servedeck: {type(error).__name__}: {own_log.masked(str(error))}", file=sys.stderr)
            if verbose:
                print(own_log.masked("".join(traceback.format_exception(error))), file=sys.stderr)
            sys.exit(1)
        print(f"servedeck: {' '.join(show().split())}", file=sys.stderr)
        sys.exit(2)
    sys.exit(ending if isinstance(ending, int) else 0)


@cli.command()
def search(
    text: Annotated[str, typer.Argument(help="What to look for.")],
    sort: Annotated[Sort, typer.Option(help="Order of the results.")] = Sort.TRENDING,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """Search the Hub."""
    with open_app() as app:
        page = do(app, app.hub.search(text, sort=sort, page_size=limit))
    if as_json:
        print_document({"models": [documents.summary_document(each) for each in page.models]})
        return
    rows = [["MODEL", "PARAMETERS", "DTYPE", "LICENCE", "DOWNLOADS", "LIKES", ""]]
    for each in page.models:
        marks = [f"gated ({each.gated})" if each.gated else "", "repo code" if each.custom_code else ""]
        cells = [each.id, documents.count(each.parameters), each.dtype or "–", each.license or "–"]
        rows.append([*cells, documents.count(each.downloads), documents.count(each.likes), " ".join(marks).strip()])
    print(documents.table(rows) if page.models else f"No model matches {text!r}.")


@cli.command()
def inspect(model: Model, as_json: Json = False) -> None:
    """Show what is known of a model and who can serve it."""
    with open_app() as app:
        details = do(app, app.hub.details(ModelRef.parse(model, hub_endpoint=app.hub.endpoint)))
        do(app, app.installations.refresh())
        supports = []
        for engine in app.engines.all():
            usable = [each for each in app.installations.of(engine.id) if each.is_usable]
            installation = app.installations.choose(engine.id) if usable else None
            supports.append(engine.support(details.config, installation, has_code=bool(details.python_files)))
    document = documents.details_document(details, supports)
    if as_json:
        print_document(document)
        return
    print(f"{details.ref.text}" + (f"  commit {details.ref.commit}" if details.ref.commit else ""))
    facts = [
        ", ".join(document["architectures"] or []) or f"config.json: {details.config_problem or 'no architectures'}",
        f"{documents.count(details.summary.parameters)} parameters" if details.summary.parameters else "",
        f"context {details.config.context_length or '–'}" if details.config else "",
        f"{documents.size(details.download_size)} {'on this disk' if details.cached else 'to download'}",
        f"gated ({details.summary.gated})" if details.summary.gated else "",
        f"{len(details.python_files)} Python files in the repository" if details.python_files else "",
    ]
    print("  " + " · ".join(fact for fact in facts if fact))
    for support in supports:
        here = "as installed" if support.version_is_installed else "by the table that comes with Servedeck"
        print(f"{app.engines.get(support.engine).title} {support.version} ({here})")
        for each in support.implementations:
            print(f"  {each.implementation.value:13}{each.verdict.value:11}{each.reason}")
        auto = support.auto.value if support.auto else "nothing"
        print(f"  auto would load {auto}: {support.auto_reason}")
        if support.note:
            print(f"  {support.note}")


@cli.command()
def launch(
    model: Model,
    engine: Annotated[str, typer.Option(help="vllm, transformers or tgi.")] = "vllm",
    implementation: Annotated[Implementation, typer.Option(help="Which code runs the model.")] = Implementation.AUTO,
    runtime: Annotated[RuntimeKind, typer.Option(help="How the engine is run.")] = RuntimeKind.PROCESS,
    name: Annotated[str, typer.Option(help="A name; by default the model's.")] = "",
    port: Annotated[int, typer.Option(help="A port; by default a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to bind; anything but loopback gets an API key.")] = "",
    set_option: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="An engine option.")
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", metavar="NAME=VALUE", help="An environment variable.")
    ] = None,
    installation: Annotated[str, typer.Option(help="Id of an installation; by default the newest.")] = "",
    api_key: Annotated[bool, typer.Option("--api-key", help="Ask clients for a key, generated here.")] = False,
    trust_remote_code: Annotated[bool, typer.Option(help="Run the code of the repository.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is ready or has failed.")] = False,
    as_json: Json = False,
) -> None:
    """Launch a model."""
    with open_app(watch=wait) as app:
        do(app, app.installations.refresh())
        ref = ModelRef.parse(model, hub_endpoint=app.hub.endpoint)
        bind = host or app.settings.current.default_host
        table = app.options.table(engine, _installed(app, engine, installation))
        values: dict[str, Any] = {
            "name": name or app.fleet.unique_name(ref.label),
            "model": ref.model_dump(),
            "engine": engine,
            "installation": installation or None,
            "implementation": implementation,
            "runtime": runtime,
            "host": bind,
            "port": port or None,
            "options": dict(option_value(table, each) for each in set_option or ()),
            "env": dict(_pair(each, "--env") for each in env or ()),
            "api_key": api_key or bind not in ("127.0.0.1", "::1", "localhost"),
            "trust_remote_code": trust_remote_code,
        }
        if trust_remote_code:
            values["consent"] = _consent(app, ref)
        spec = LaunchSpec.build(**values)
        key = app.fleet.generate_key() if spec.api_key else ""
        deployment = do(app, app.fleet.launch(spec, api_key=key))
        if wait:
            deployment = _wait(app, deployment.id)
    document = documents.deployment_document(deployment)
    if as_json:
        print_document({**document, **({"api_key": key} if key else {})})
    else:
        ready = f" after {document['seconds_to_ready']:.1f} s" if document["seconds_to_ready"] else ""
        print(f"{deployment.name} is {deployment.state.value}{ready} at {document['endpoint']}")
        if key:
            print(f"API key: {key}")
        if deployment.differs:
            print(deployment.differs)


def _wait(app: App, deployment_id: str) -> Any:
    """Wait for ready, telling the phases on stderr; Ctrl+C leaves it running."""
    return do(
        app,
        wait_until_ready(app.fleet, app.bus, deployment_id, lambda text, _: print(text, file=sys.stderr)),
    )


def _installed(app: App, engine: str, installation: str) -> Any:
    """The installation whose options are meant; None where there is none (the launch then says so)."""
    app.engines.get(engine)
    usable = [each for each in app.installations.of(engine) if each.is_usable]
    return app.installations.choose(engine, installation or None) if usable else None


def _consent(app: App, ref: ModelRef) -> dict[str, Any]:
    """`--trust-remote-code` on the command line is the consent; say to what."""
    details = do(app, app.hub.details(ref))
    files = [(each.path, each.size or 0) for each in details.python_files]
    for path, length in files:
        print(f"will run: {path} ({length} bytes)", file=sys.stderr)
    return CodeConsent(commit=details.ref.commit, files=tuple(files)).model_dump()


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"{text!r} is not NAME=VALUE.", field=flag)
    return name, value


@cli.command()
def ps(as_json: Json = False) -> None:
    """List deployments and their states."""
    with open_app() as app:
        found = [documents.deployment_document(each) for each in app.fleet.deployments()]
    if as_json:
        print_document({"deployments": found})
        return
    rows = [["NAME", "STATE", "ENGINE", "IMPLEMENTATION", "MODEL", "ENDPOINT"]]
    for each in found:
        state = f"{each['state']} ({each['phase']})" if each["phase"] else each["state"]
        loaded = each["implementation_loaded"] or f"{each['implementation_asked']} asked"
        rows.append([each["name"], state, each["engine"], loaded, each["model"], each["endpoint"] or "–"])
    print(documents.table(rows) if found else "No deployments. `servedeck launch MODEL` makes one.")


@cli.command()
def logs(
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until the run ends.")] = False,
    run: Annotated[int, typer.Option(help="Number of a run; by default the latest.")] = 0,
    as_json: Json = False,
) -> None:
    """Print the log of a deployment, from its first line."""
    with open_app(watch=follow) as app:
        deployment = app.fleet.get(name)
        position = 0
        collected: list[str] = []
        while True:
            active = app.fleet.get(deployment.id).state.is_active
            buffer = do(app, app.fleet.read_log(deployment.id, run or None))
            first, lines = buffer.since(position)
            position = first + len(lines)
            if as_json:
                collected.extend(line.text for line in lines)
            else:
                sys.stdout.writelines(f"{line.text}\n" for line in lines)
                sys.stdout.flush()
            if not follow or not active:
                break
            do(app, asyncio.sleep(FOLLOW_INTERVAL))
    if as_json:
        print_document({"name": deployment.name, "lines": collected})


@cli.command()
def stop(name: Name, as_json: Json = False) -> None:
    """Stop a deployment and make sure that nothing of it is left."""
    with open_app(watch=True) as app:
        deployment = app.fleet.get(name)
        report = do(app, app.fleet.stop(deployment.id))
        deployment = app.fleet.get(deployment.id)
    if as_json:
        print_document(documents.deployment_document(deployment))
    else:
        print(
            f"{deployment.name} is {deployment.state.value}: {deployment.run.history[-1].evidence}"
            if deployment.run
            else ""
        )
    if not report.is_clean:
        raise StopIncompleteError(failure_text(deployment))


@cli.command()
def remove(name: Name, as_json: Json = False) -> None:
    """Remove a deployment with its logs; it is stopped first."""
    with open_app(watch=True) as app:
        deployment = app.fleet.get(name)
        do(app, app.fleet.remove(deployment.id))
    if as_json:
        print_document({"removed": deployment.name, "id": deployment.id})
    else:
        print(f"Removed {deployment.name}.")


@cli.command()
def chat(
    name: Name,
    prompt: Annotated[str, typer.Argument(help="What to say.")],
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of the answer.")] = 512,
    temperature: Annotated[float | None, typer.Option(min=0.0, help="By default the engine's own.")] = None,
    as_json: Json = False,
) -> None:
    """Ask a deployment one question; the answer streams to the terminal."""
    with open_app() as app:
        deployment = app.fleet.get(name)
        run = deployment.run
        if run is None or deployment.state is not State.READY:
            raise LaunchError(f"{deployment.name} is {deployment.state.value}, not ready.", remedy="Launch it first.")
        target = ChatTarget(run.base_url, run.served_name, app.fleet.api_key(deployment.id))
        answer = app.chat.start(target, [Message("user", prompt)], ChatParams(temperature, max_tokens))
        shown = 0
        try:
            while not answer.future.done() or shown < len(answer.snapshot().text):
                text = answer.snapshot().text
                if not as_json:
                    print(text[shown:], end="", flush=True)
                shown = len(text)
                do(app, asyncio.sleep(0.02))
        except KeyboardInterrupt:
            answer.cancel()
            raise
        seen = answer.snapshot()
    if seen.state != "done":
        raise ChatError(seen.problem or f"The answer was {seen.state}.")
    figures = seen.figures
    if as_json:
        measured = (
            {
                "first_token_seconds": figures.first_token_seconds,
                "tokens": figures.tokens,
                "tokens_per_second": figures.tokens_per_second,
                "tokens_are": figures.tokens_are,
            }
            if figures
            else {}
        )
        document = {"name": deployment.name, "answer": seen.text, "reasoning": seen.reasoning}
        print_document({**document, "finish_reason": seen.finish_reason, **measured})
    else:
        print()


@cli.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running.")] = False,
    engine: Annotated[str, typer.Option(help="vllm or transformers; by default one that is here.")] = "",
    as_json: Json = False,
) -> None:
    """Install what is missing, serve a small model, ask it one question, and stop it again."""
    with open_app(watch=True) as app:
        result = do(
            app, app.demo.run(keep=keep, engine_id=engine, report=lambda step: print(f"… {step}", file=sys.stderr))
        )
    if as_json:
        print_document(result.to_json())
        return
    print(f"Question: {result.question}\nAnswer:   {result.answer}")
    print(f"Endpoint: {result.endpoint} ({result.engine} {result.engine_version}, {result.implementation_loaded})")
    ready = f"ready after {result.seconds_to_ready:.1f} s" if result.seconds_to_ready is not None else ""
    speed = f"{result.tokens_per_second:.1f} tokens/s" if result.tokens_per_second else ""
    first = f"first token after {1000 * result.first_token_seconds:.0f} ms" if result.first_token_seconds else ""
    print("Figures:  " + ", ".join(each for each in (ready, first, speed) if each) + ", measured here")
    print(f"It still runs: servedeck stop {result.name}" if keep else "Stopped again; no process is left.")


if __name__ == "__main__":
    main()

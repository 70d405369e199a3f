"""A look at what a launch spec would do, before it is launched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.deployments.launch_spec import LaunchSpec
from core.engines.options import FieldProblem
from core.errors import ServedeckError
from core.hub.facts import ModelDetails
from gui.pages.serve.summary import Preview

if TYPE_CHECKING:
    from core.app import App


@dataclass(frozen=True)
class Look:
    """What a launch spec would do, looked at off the GUI thread."""

    problems: tuple[FieldProblem, ...]
    preview: Preview
    port: int | None


def look(app: App, spec: LaunchSpec, details: ModelDetails, deployment_id: str) -> Look:
    """Check a launch spec and find its command. Blocks: reads tables and tries ports."""
    problems = app.fleet.check(spec, details.config, deployment_id=deployment_id)
    port = spec.port
    try:
        port = port or app.fleet.free_port()
        preview = Preview(command=app.fleet.preview(spec))
    except ServedeckError as error:
        preview = Preview(problem=error.message)
    return Look(problems, preview, port)

"""What the command line prints: one JSON document a command, and the same as lines for people."""

from __future__ import annotations

import time
from typing import Any

from core.deployments.deployment import Deployment
from core.engines.engine import Engine, Installation
from core.engines.support import EngineSupport
from core.hub.facts import ModelDetails, ModelSummary


def deployment_document(deployment: Deployment) -> dict[str, Any]:
    """A deployment as `launch`, `ps` and `stop` print it. Times are Unix seconds."""
    run = deployment.run
    document: dict[str, Any] = {
        "id": deployment.id,
        "name": deployment.name,
        "state": deployment.state.value,
        "phase": deployment.phase.value if deployment.phase else None,
        "model": deployment.spec.model.text,
        "commit": deployment.spec.model.commit,
        "engine": deployment.spec.engine,
        "engine_version": None,
        "runtime": deployment.spec.runtime.value,
        "endpoint": None,
        "port": None,
        "served_name": None,
        "implementation_asked": deployment.spec.implementation.value,
        "implementation_loaded": None,
        "implementation_evidence": "",
        "seconds_to_ready": None,
        "problem": deployment.problem,
        "runs": len(deployment.runs),
    }
    if run is None:
        return document
    document |= {
        "engine_version": run.engine_version,
        "endpoint": run.endpoint if run.port else None,
        "port": run.port or None,
        "served_name": run.served_name,
        "implementation_loaded": run.implementation_loaded.value if run.implementation_loaded else None,
        "implementation_evidence": run.implementation_evidence,
        "seconds_to_ready": run.seconds_to_ready,
        "since": run.since,
        "evidence": run.history[-1].evidence if run.history else "",
        "failure": run.failure,
        "warnings": list(run.warnings),
        "phases": [
            {"phase": span.phase.value, "started": span.started, "ended": span.ended, "note": span.note}
            for span in run.phases
        ],
        "exit": {"code": run.exit.code, "signal": run.exit.signal, "asked": run.exit.asked} if run.exit else None,
        "stop": {
            "clean": run.stop.is_clean,
            "processes_left": list(run.stop.processes_left),
            "port_free": run.stop.port_free,
            "seconds": run.stop.seconds,
            "killed": run.stop.killed,
        }
        if run.stop
        else None,
        "folder": str(run.folder),
        "argv": list(run.argv),
    }
    return document


def summary_document(model: ModelSummary) -> dict[str, Any]:
    """One search result."""
    return {
        "id": model.id,
        "parameters": model.parameters,
        "dtype": model.dtype,
        "license": model.license,
        "downloads": model.downloads,
        "likes": model.likes,
        "gated": model.gated,
        "pipeline_tag": model.pipeline_tag,
        "custom_code": model.custom_code,
        "updated": model.updated.isoformat() if model.updated else None,
    }


def support_document(support: EngineSupport) -> dict[str, Any]:
    """Who can serve it: one engine."""
    return {
        "engine": support.engine,
        "version": support.version,
        "version_is_installed": support.version_is_installed,
        "auto": support.auto.value if support.auto else None,
        "auto_reason": support.auto_reason,
        "note": support.note,
        "implementations": [
            {"implementation": each.implementation.value, "verdict": each.verdict.value, "reason": each.reason}
            for each in support.implementations
        ],
    }


def details_document(details: ModelDetails, supports: list[EngineSupport]) -> dict[str, Any]:
    """What `inspect` prints."""
    config = details.config
    return {
        **summary_document(details.summary),
        "id": details.ref.id,
        "kind": details.ref.kind,
        "revision": details.ref.revision,
        "commit": details.ref.commit,
        "architectures": list(config.architectures) if config else None,
        "model_type": config.model_type if config else None,
        "context_length": config.context_length if config else None,
        "quantization": config.quantization if config else None,
        "config_problem": details.config_problem,
        "has_chat_template": details.has_chat_template,
        "files": len(details.files),
        "download_size": details.download_size,
        "python_files": [{"path": each.path, "size": each.size} for each in details.python_files],
        "cached": details.cached,
        "from_cache_only": details.from_cache_only,
        "who_can_serve": [support_document(each) for each in supports],
    }


def installation_document(installation: Installation) -> dict[str, Any]:
    """One installation."""
    return {
        "id": installation.id,
        "engine": installation.engine,
        "kind": installation.kind,
        "version": installation.version,
        "target": installation.target,
        "executable": str(installation.executable),
        "size": installation.size,
        "usable": installation.is_usable,
        "problem": installation.problem,
    }


def engine_document(engine: Engine, installations: tuple[Installation, ...]) -> dict[str, Any]:
    """One engine with its installations."""
    return {
        "engine": engine.id,
        "title": engine.title,
        "notice": engine.notice,
        "runtimes": [each.value for each in engine.runtimes],
        "implementations": [each.value for each in engine.implementations],
        "installations": [installation_document(each) for each in installations],
    }


def table(rows: list[list[str]]) -> str:
    """Rows as aligned columns; the first is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def count(value: int | None) -> str:
    """A number as people read it (1.5 B, 9.1 M, 534); a dash where it is unknown."""
    if value is None:
        return "–"
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= size:
            return f"{value / size:.1f} {unit}".replace(".0 ", " ")
    return str(value)


def size(value: int | None) -> str:
    """Bytes in decimal units, as the Hub and disks count them; a dash where unknown."""
    if value is None:
        return "–"
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value} B"


def ago(since: float) -> str:
    """How long ago, roughly."""
    seconds = max(0, int(time.time() - since))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"

"""The facts of a model that lies on this machine, without asking the Hub."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from core.errors import InputError
from core.hub import folder
from core.hub.cache import Snapshot
from core.hub.facts import ModelConfig, ModelDetails, ModelFile, ModelSummary
from core.hub.model_ref import ModelRef


def folder_details(ref: ModelRef) -> ModelDetails:
    """The facts of a local folder. Blocks.

    Raises:
        InputError: the folder is gone.
    """
    path = Path(ref.id)
    if not path.is_dir():
        raise InputError(
            f"There is no folder {path}.", field="model", remedy="Bring it back, or remove it from the Library."
        )
    return _details(ref, path, folder.files_below(path), folder.problem(path, None), from_cache_only=False)


def cached_details(ref: ModelRef, snapshot: Snapshot) -> ModelDetails:
    """The facts of a snapshot in the cache, complete or not. Blocks."""
    listed = snapshot.listed_files()
    pinned = ModelRef(kind="hub", id=snapshot.id, revision=ref.revision, commit=snapshot.commit)
    files = folder.files_below(snapshot.path) if listed is None else listed
    return _details(pinned, snapshot.path, files, folder.problem(snapshot.path, listed), from_cache_only=True)


def _details(
    ref: ModelRef, path: Path, files: tuple[ModelFile, ...], problem: str, *, from_cache_only: bool
) -> ModelDetails:
    config, config_problem = folder.read_config(path)
    return ModelDetails(
        ref=ref,
        summary=_summary(ref.id, config, folder.modified(path, files)),
        config=config,
        config_problem=config_problem,
        files=files,
        has_chat_template=folder.has_chat_template(path),
        cached=not problem,
        cached_path=path,
        from_cache_only=from_cache_only,
    )


def _summary(model_id: str, config: ModelConfig | None, updated: datetime | None) -> ModelSummary:
    if config is None:
        return ModelSummary(id=model_id, updated=updated)
    return ModelSummary(
        id=model_id,
        updated=updated,
        architectures=config.architectures,
        custom_code=bool(config.auto_map),
    )

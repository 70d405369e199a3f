"""The Hugging Face cache on this disk, read without asking anybody.

Its layout is documented ("Understand caching"): `models--owner--name/{refs,snapshots/<commit>,blobs}`; newer versions
keep each commit's file list in `trees/<commit>.json`. It is read here and not through `huggingface_hub` because that
takes 300 ms to import, fixes the folder at import, and drops a whole repository for one broken link. The tests compare
both.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.hub.facts import ModelFile
from core.hub.folder import read_object
from core.hub.model_ref import ModelRef
from core.hub.wire import is_safe_path

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One commit of one model in the cache; it may be incomplete."""

    id: str
    commit: str
    path: Path
    refs: tuple[str, ...] = ()
    """Branches and tags that stand for this commit here, as of the last download."""

    @property
    def repository(self) -> Path:
        """The folder with all that the cache has of this model."""
        return self.path.parent.parent

    def listed_files(self) -> tuple[ModelFile, ...] | None:
        """The repository's full file list at this commit, None where the cache doesn't have it."""
        value, _ = read_object(self.repository / "trees" / f"{self.commit}.json")
        files = value.get("files") if value and value.get("format_version") == 1 else None
        if not isinstance(files, dict):
            return None
        listed = []
        for path, facts in files.items():
            size = facts.get("size") if isinstance(facts, dict) else None
            if not is_safe_path(path) or not isinstance(size, int):
                return None
            listed.append(ModelFile(path, size))
        return tuple(listed)

    def interrupted_bytes(self) -> int:
        """Bytes of downloads of this model that were never finished (they start again from zero)."""
        total = 0
        for path in (self.repository / "blobs").glob("*.incomplete"):
            try:
                total += path.stat().st_size
            except OSError:
                continue  # finished or removed meanwhile
        return total


def hf_home() -> Path:
    """The folder of all Hugging Face libraries, by the environment as it is now."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _expanded(os.environ.get("HF_HOME") or f"{cache}/huggingface")


def cache_folder() -> Path:
    """Where the Hugging Face libraries keep models, by the environment as it is now; need not exist."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return _expanded(named) if named else hf_home() / "hub"


def snapshot_folder(cache: Path, model_id: str, commit: str) -> Path:
    """Where the cache has (or would have) this commit."""
    return cache / f"models--{model_id.replace('/', '--')}" / "snapshots" / commit


def snapshots(cache: Path) -> Iterator[Snapshot]:
    """All model snapshots, sorted by id.

    Raises:
        OSError: the cache is there but can't be read.
    """
    if not cache.exists():
        return
    for folder in sorted(cache.iterdir()):
        if folder.name.startswith("models--") and folder.is_dir():
            yield from _of_repository(folder)


def find_snapshot(cache: Path, ref: ModelRef) -> Snapshot | None:
    """The local copy that a reference means: its commit, else the commit of its branch or tag, else the newest.

    The last only where no revision is asked for: a download by commit leaves no note of the branch.
    """
    folder = cache / f"models--{ref.id.replace('/', '--')}"
    found = list(_of_repository(folder)) if folder.is_dir() else []
    wanted = ref.commit or ref.revision
    if ref.commit is None:
        for snapshot in found:
            if (wanted or "main") in snapshot.refs:
                return snapshot
    if wanted is not None:
        return next((snapshot for snapshot in found if snapshot.commit == wanted), None)
    return max(found, key=lambda snapshot: snapshot.path.stat().st_mtime, default=None)


def _of_repository(folder: Path) -> Iterator[Snapshot]:
    refs: dict[str, list[str]] = {}
    for path in sorted((folder / "refs").rglob("*")):
        try:
            if path.is_file():
                name = path.relative_to(folder / "refs").as_posix()
                refs.setdefault(path.read_text(encoding="utf-8").strip(), []).append(name)
        except (OSError, UnicodeDecodeError):
            continue  # a ref that can't be read names nothing; its snapshot is still listed
    model_id = folder.name.removeprefix("models--").replace("--", "/")
    for path in sorted((folder / "snapshots").glob("*")):
        if path.is_dir() and _COMMIT.fullmatch(path.name):
            yield Snapshot(model_id, path.name, path, tuple(refs.get(path.name, ())))


def _expanded(text: str) -> Path:
    return Path(os.path.expandvars(text)).expanduser().absolute()

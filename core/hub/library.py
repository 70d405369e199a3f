"""The models on this machine: the Hugging Face cache, folders that the user added, and models we unpacked ourselves."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from core.errors import NotFoundError, StoreError
from core.events import Bus, LibraryChanged
from core.files import read_json, write_json
from core.hub import cache, folder
from core.hub.cache import Snapshot
from core.hub.facts import LibraryEntry
from core.hub.model_ref import ModelRef
from core.paths import Paths

_VERSION = 1


class Library:
    """The set of local models. `scan` looks at the disk; between scans the entries stay as they were.

    Args:
        paths: where the list of added folders and our own models lie.
        bus: told `LibraryChanged` after the first scan and after every change.
    """

    def __init__(self, paths: Paths, bus: Bus) -> None:
        self._paths = paths
        self._bus = bus
        self._lock = threading.Lock()
        self._entries: tuple[LibraryEntry, ...] = ()
        self._total_size = 0
        self._scanned = False
        self._problem = ""

    @property
    def entries(self) -> tuple[LibraryEntry, ...]:
        """All models found by the last scan, by name."""
        return self._entries

    @property
    def total_size(self) -> int:
        """Bytes on disk of all entries; files that several share count once."""
        return self._total_size

    @property
    def cache_folder(self) -> Path:
        """The Hugging Face cache, by the environment as it is now; need not exist."""
        return cache.cache_folder()

    @property
    def scanned(self) -> bool:
        """A scan has ended, so that no entries means no models."""
        return self._scanned

    @property
    def problem(self) -> str:
        """What the last scan could not read; empty if nothing."""
        return self._problem

    async def scan(self) -> tuple[LibraryEntry, ...]:
        """Look at the disk and replace the entries. What can't be read is told by `problem`, the rest is listed."""
        return await asyncio.to_thread(self._scan)

    async def add_folder(self, path: str | Path) -> LibraryEntry:
        """Remember a model folder of the user's; it stays where it is. Adding it again changes nothing.

        Raises:
            InputError: it is no folder with a `config.json`; the field is `model`.
            StoreError: the list can't be read or written.
        """
        return await asyncio.to_thread(self._add, str(path))

    async def remove_folder(self, ref: ModelRef) -> None:
        """Forget a folder that the user added. Nothing on disk is deleted.

        Raises:
            NotFoundError: it is not in the list.
            StoreError: the list can't be read or written.
        """
        await asyncio.to_thread(self._remove, ref)

    def find(self, ref: ModelRef) -> LibraryEntry | None:
        """The entry that a reference means, None where the last scan found none.

        A commit must match; without one the revision must; without either, a complete copy goes before a newer one.
        """
        same = [entry for entry in self._entries if entry.ref.kind == ref.kind and entry.ref.id == ref.id]
        if ref.kind == "folder":
            return same[0] if same else None
        wanted = ref.commit or ref.revision
        if wanted is not None:
            return next((entry for entry in same if wanted in {entry.ref.commit, entry.ref.revision}), None)
        by_name = sorted(same, key=lambda entry: (not entry.complete, entry.ref.revision is not None))
        return by_name[0] if by_name else None

    def is_added(self, ref: ModelRef) -> bool:
        """The user added this folder, so that it can be removed from the list again.

        Raises:
            StoreError: the list can't be read.
        """
        return ref.kind == "folder" and ref.id in self._added()

    def _scan(self) -> tuple[LibraryEntry, ...]:
        problems: list[str] = []
        used: dict[str, int] = {}
        entries: list[LibraryEntry] = []
        try:
            newest = _newest(list(cache.snapshots(self.cache_folder)))
        except OSError as error:
            newest = []
            problems.append(f"The model cache {self.cache_folder} can't be read: {error.strerror or error}.")
        for snapshot, is_newest in newest:
            entry = _cache_entry(snapshot, used, is_newest=is_newest)
            if entry is not None:
                entries.append(entry)
        try:
            added = self._added()
        except StoreError as error:
            added = []
            problems.append(error.line)
        for path in dict.fromkeys([*added, *map(str, self._own_models())]):
            entries.append(_folder_entry(Path(path), used))
        entries.sort(key=lambda entry: (entry.ref.label.lower(), entry.ref.text))
        with self._lock:
            before = (self._scanned, self._entries, self._problem)
            self._entries, self._total_size = tuple(entries), sum(used.values())
            self._scanned, self._problem = True, " ".join(problems)
            changed = before != (self._scanned, self._entries, self._problem)
            result = self._entries
        if changed:
            self._bus.publish(LibraryChanged())
        return result

    def _own_models(self) -> list[Path]:
        """Models that we unpacked: `models/<name>` or `models/<owner>/<name>`."""
        root = self._paths.models
        return sorted(
            config.parent for pattern in ("*/config.json", "*/*/config.json") for config in root.glob(pattern)
        )

    def _add(self, path: str) -> LibraryEntry:
        text = path if path.startswith("file://") else str(Path(path).expanduser().absolute())
        ref = ModelRef.parse(text)
        with self._lock:
            added = self._added()
            if ref.id not in added:
                self._save([*added, ref.id])
        self._scan()
        entry = self.find(ref)
        assert entry is not None  # the scan lists every added folder, even a broken one
        return entry

    def _remove(self, ref: ModelRef) -> None:
        with self._lock:
            added = self._added()
            if ref.kind != "folder" or ref.id not in added:
                raise NotFoundError(
                    f"{ref.text} is not a folder that was added to the Library.",
                    remedy="Only added folders can be removed from the list.",
                )
            self._save([each for each in added if each != ref.id])
        self._scan()

    def _added(self) -> list[str]:
        file = self._paths.library_file
        try:
            value = read_json(file)
        except FileNotFoundError:
            return []
        folders = value.get("folders") if isinstance(value, dict) and value.get("version") == _VERSION else None
        if not isinstance(folders, list) or not all(isinstance(each, str) for each in folders):
            raise StoreError(
                f"{file} is not a list of model folders.",
                field=str(file),
                remedy="Mend the file, or move it away to start with an empty list.",
            )
        return folders

    def _save(self, folders: list[str]) -> None:
        write_json(self._paths.library_file, {"version": _VERSION, "folders": folders})


def _newest(found: list[Snapshot]) -> list[tuple[Snapshot, bool]]:
    """Each snapshot, and whether the model's name alone means it: `main`, else the newest."""
    chosen: dict[str, Snapshot] = {}
    for snapshot in found:
        rival = chosen.get(snapshot.id)
        if rival is None or _rank(snapshot) > _rank(rival):
            chosen[snapshot.id] = snapshot
    return [(snapshot, chosen[snapshot.id] is snapshot) for snapshot in found]


def _rank(snapshot: Snapshot) -> tuple[bool, float]:
    try:
        return "main" in snapshot.refs, snapshot.path.stat().st_mtime
    except OSError:
        return False, 0.0  # removed while we looked


def _cache_entry(snapshot: Snapshot, used: dict[str, int], *, is_newest: bool) -> LibraryEntry | None:
    """The entry of a snapshot; None where it has no `config.json` and so is no model for Transformers."""
    if not (snapshot.path / "config.json").is_file():
        return None
    revision = None if is_newest else next(iter(snapshot.refs), snapshot.commit)
    ref = ModelRef(kind="hub", id=snapshot.id, revision=revision, commit=snapshot.commit)
    problem = folder.problem(snapshot.path, snapshot.listed_files())
    if problem and (interrupted := snapshot.interrupted_bytes()):
        problem += f" An unfinished download holds {interrupted / 1e6:,.0f} MB."
    return _entry(ref, snapshot.path, problem, used)


def _folder_entry(path: Path, used: dict[str, int]) -> LibraryEntry:
    ref = ModelRef(kind="folder", id=str(path))
    if not path.is_dir():
        return LibraryEntry(ref, path, 0, complete=False, problem="The folder is gone.")
    try:
        return _entry(ref, path, folder.problem(path, None), used)
    except OSError as error:
        return LibraryEntry(ref, path, 0, complete=False, problem=f"It can't be read: {error.strerror or error}.")


def _entry(ref: ModelRef, path: Path, problem: str, used: dict[str, int]) -> LibraryEntry:
    files = folder.files_below(path)
    config, config_problem = folder.read_config(path)
    problem = " ".join(part for part in (config_problem, problem) if part)
    mine = folder.disk_use(path, files)
    used.update(mine)
    return LibraryEntry(
        ref=ref,
        path=path,
        size=sum(mine.values()),
        complete=not problem,
        problem=problem,
        modified=folder.modified(path, files),
        config=config,
    )

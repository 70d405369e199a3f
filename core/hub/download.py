"""Download a model into the Hugging Face cache, as a process of its own: `python -m core.hub.download REPO COMMIT`.

A process, because that is the only way to cancel a download at once: it dies of TERM like any other. It prints

    [servedeck] download 123456 of 456789 bytes
    [servedeck] download complete: /home/…/snapshots/<commit>
    [servedeck] download failed: … (and exits 1)

The endpoint comes from `HF_ENDPOINT`, the token from `HF_TOKEN` (else from `hf auth login`). Only `serving_files` are
taken. A finished copy in the cache is enough: then nobody is asked.
"""

from __future__ import annotations

import errno
import glob
import os
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.errors import HubError, InputError, ServedeckError
from core.hub import folder
from core.hub.cache import Snapshot, cache_folder, snapshot_folder
from core.hub.facts import ModelFile, serving_files
from core.hub.model_ref import ModelRef

PREFIX = "[servedeck] download"
REPORT_SECONDS = 0.4
SPARE_BYTES = 64 * 1024 * 1024
"""Disk space that must stay free after a download."""
CHUNK_BYTES = 128 * 1024
"""How finely bytes are counted and written; with huggingface_hub's own 10 MiB a slow line would seem to stand still."""
LEFTOVER_SECONDS = 60.0
"""A partial file that nobody wrote to for so long, and that nobody holds the lock of, is a leftover."""


def download_command(ref: ModelRef) -> tuple[str, ...]:
    """The command that downloads this model; the caller sets `HF_ENDPOINT` and `HF_TOKEN` in its environment.

    Raises:
        InputError: the model is a folder, or its commit is not known yet.
    """
    if ref.kind != "hub" or ref.commit is None:
        raise InputError(f"{ref.text} has no commit to download.", field="model", remedy="Look the model up first.")
    return (sys.executable, "-P", "-m", "core.hub.download", ref.id, ref.commit)


def main(arguments: list[str]) -> int:
    """Download, and print how it goes. The exit code is 0 only if every file is there."""
    try:
        if len(arguments) != 2:
            raise InputError("Two arguments are needed: the model's id and its commit.", field="arguments")
        say(f"complete: {download(_pinned(*arguments))}")
        return 0
    except ServedeckError as error:
        say(f"failed: {error.line}")
    except Exception as error:
        words = in_words(error)
        if not words:
            traceback.print_exc()
            words = f"{type(error).__name__}: {error}"
        say(f"failed: {' '.join(words.split())}")
    return 1


def download(ref: ModelRef) -> Path:
    """Bring the serving files of a commit into the cache and give the snapshot's folder.

    Raises:
        ServedeckError: it can't be done, for a reason that we know.
        Exception: whatever huggingface_hub raises; `in_words` has the words.
    """
    assert ref.commit is not None
    cache = cache_folder()
    path = snapshot_folder(cache, ref.id, ref.commit)
    listed = Snapshot(ref.id, ref.commit, path).listed_files()
    if listed and path.is_dir() and not folder.missing_files(path, listed):
        return path
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi, constants, snapshot_download

    constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    info = HfApi().model_info(ref.id, revision=ref.commit, files_metadata=True, timeout=15)
    files = serving_files(tuple(ModelFile(each.rfilename, each.size) for each in info.siblings or ()))
    if not files:
        raise HubError(f"{ref.id} has no files that an engine could serve.")
    absent = [file for file in files if not _is_finished(path, file)]
    total = sum(file.size or 0 for file in files)
    missing = sum(file.size or 0 for file in absent)
    _remove_leftovers(cache, path.parent.parent)
    _check_space(cache, missing)
    with _Reporter(total - missing, total) as reporter:
        snapshot_download(
            ref.id,
            revision=ref.commit,
            cache_dir=cache,
            allow_patterns=[glob.escape(file.path) for file in files],
            tqdm_class=reporter.bar_class(),
        )
    # huggingface_hub falls back to what the cache has, so its word is not enough.
    lacking = [file.path for file in files if not _is_finished(path, file)]
    if lacking:
        raise HubError(f"{len(lacking)} of {len(files)} files did not arrive, {lacking[0]} among them.")
    return path


def in_words(error: Exception) -> str:
    """What an error of huggingface_hub or the disk means, with the remedy; "" for one that we don't know."""
    import httpx2
    from huggingface_hub import errors

    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in {errno.ENOSPC, errno.EDQUOT}:
            return (
                f"The disk is full: {each.filename or cache_folder()}. Free space and try again; what is whole is kept."
            )
    if isinstance(error, errors.GatedRepoError):
        return "The model is gated and this token has no access. Accept its licence on its page on the Hub first."
    if isinstance(error, errors.RevisionNotFoundError):
        return "The Hub does not have this commit (any more). Look the model up again."
    if isinstance(error, errors.RepositoryNotFoundError):
        return "There is no such model on the Hub, or it is private and the access token may not read it."
    if isinstance(error, errors.HfHubHTTPError) and error.response is not None:
        return _status_words(error.response.status_code)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "The Hub is not asked because HF_HUB_OFFLINE is set, and the copy in the cache is not complete."
    if isinstance(error, errors.LocalEntryNotFoundError | httpx2.TransportError):
        cause = error if isinstance(error, httpx2.TransportError) else error.__cause__ or error
        return f"The Hub can't be reached: {cause}. Check the network and HF_ENDPOINT, then try again."
    if isinstance(error, errors.HFValidationError):
        return f"That is no id of a model: {error}"
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}."
    return ""


def _status_words(status: int) -> str:
    if status == 401:
        return "The Hub refuses the access token. Remove or replace it."
    if status == 403:
        return "The access token may not read this model."
    if status == 429:
        return "The Hub answers no more requests for now: too many were made from here. Try again in a few minutes."
    return f"The Hub can't answer just now (HTTP {status}). Try again in a while; what is whole is kept."


def say(text: str) -> None:
    """One line on standard output, at once. Ends the process if nobody reads any more."""
    try:
        print(f"{PREFIX} {text}", flush=True)
    except BrokenPipeError:
        os._exit(1)  # the keeper is gone; no clean-up can tell anybody


def _pinned(model_id: str, commit: str) -> ModelRef:
    try:
        return ModelRef(kind="hub", id=model_id, commit=commit)
    except ValueError as error:
        raise InputError(f"{commit!r} is no commit: that is 40 hexadecimal digits.", field="COMMIT") from error


def _is_finished(root: Path, file: ModelFile) -> bool:
    try:
        found = (root / file.path).stat()
    except OSError:
        return False
    return file.size is None or found.st_size == file.size


def _remove_leftovers(cache: Path, repository: Path) -> None:
    """Delete partial files of downloads that were cancelled: huggingface_hub never continues nor removes them."""
    import filelock

    for partial in (repository / "blobs").glob("*.incomplete"):
        lock = cache / ".locks" / repository.name / f"{partial.name.split('.')[0]}.lock"
        try:
            if time.time() - partial.stat().st_mtime < LEFTOVER_SECONDS:
                continue
            with filelock.FileLock(lock, timeout=0):
                partial.unlink(missing_ok=True)
        except (OSError, NotImplementedError, filelock.Timeout):
            continue  # in use, or not ours to delete: it costs space, nothing else


def _check_space(cache: Path, needed: int) -> None:
    place = cache
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed + SPARE_BYTES > free:
        raise InputError(
            f"The download needs {needed / 1e9:,.2f} GB, and {place} has {free / 1e9:,.2f} GB free.",
            remedy="Free space, or set HF_HOME to a folder on a larger disk.",
        )


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


class _Reporter:
    """Prints how many bytes are there, while they move."""

    def __init__(self, present: int, total: int) -> None:
        self._present, self._total = present, total
        self._last = -1
        self._bars: list[_Bar] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="report", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._report()

    def bar_class(self) -> type[Any]:
        """The progress bar to give to huggingface_hub; its instances report here."""
        bars = self._bars

        class Bar(_Bar):
            def __init__(self, **facts: Any) -> None:
                super().__init__(**facts)
                bars.append(self)

        return Bar

    def _run(self) -> None:
        self._report()
        while not self._ended.wait(REPORT_SECONDS):
            self._report()

    def _report(self) -> None:
        # One bar counts bytes received and one bytes written; which is ahead depends on the storage behind the Hub.
        received = max((bar.n for bar in list(self._bars) if bar.unit == "B"), default=0)
        done = min(self._present + max(0, int(received)), self._total)
        if done != self._last:
            self._last = done
            say(f"{done} of {self._total} bytes")


class _Bar:
    """As much of a tqdm bar as huggingface_hub uses; it only counts."""

    def __init__(self, *, total: float | None = 0, initial: float = 0, unit: str = "", **_: Any) -> None:
        self.unit = unit
        self.total = total
        self.n = initial
        self.format_dict: dict[str, Any] = {"rate": None, "elapsed": 0.0}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, n: float | None = 1) -> None:
        with self._lock:
            self.n += n or 0

    def refresh(self, *_: Any, **__: Any) -> None: ...

    def close(self) -> None: ...

    def set_description(self, *_: Any, **__: Any) -> None: ...

    def set_description_str(self, *_: Any, **__: Any) -> None: ...

    def set_postfix_str(self, *_: Any, **__: Any) -> None: ...


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Writing our own small files so that a crash or a full disk never leaves half of one."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from core.errors import StoreError

logger = logging.getLogger(__name__)


def write_text(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace the file in one step: written beside it, synced, renamed.

    Raises:
        StoreError: it can't be written; the old file is as it was.
    """
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise StoreError(
            f"Can't write {path}: {error.strerror or error}.", field=str(path), remedy="Free space or mend the rights."
        ) from error


def write_json(path: Path, value: Any, *, mode: int = 0o600) -> None:
    """`write_text` of readable JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n", mode=mode)


def read_json(path: Path) -> Any:
    """The JSON value in the file.

    Raises:
        FileNotFoundError: there is no such file.
        StoreError: it can't be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise StoreError(
            f"Can't read {path}: {error}.", field=str(path), remedy="Mend the file, or move it away to start afresh."
        ) from error


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in the file; empty if there is none (yet), or if it is damaged, which is logged."""
    try:
        value = read_json(path)
    except FileNotFoundError:
        return {}
    except StoreError as error:
        logger.warning("%s", error)
        return {}
    return value if isinstance(value, dict) else {}

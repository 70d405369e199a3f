"""What a folder on this disk says of the model in it: its files, its config, and whether something is missing.

The folder is the user's own or a snapshot in the Hugging Face cache; the latter holds links to blobs elsewhere.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.hub.facts import ModelConfig, ModelFile, serving_files
from core.hub.wire import without_surrogates

MAX_DEPTH = 6
"""Folders below the model's that are looked into; real models have one level or two."""
_MAX_JSON = 64 * 1024 * 1024
_DOCUMENTATION = re.compile(
    r"(?:.*/)?(?:\.gitattributes|\.gitignore|LICEN[CS]E[^/]*|NOTICE[^/]*|[^/]*\.(?:md|png|jpe?g|gif|svg|webp|pdf|mp4))",
    re.IGNORECASE,
)
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.safetensors|\.bin)")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_NOT_WEIGHTS = {"training_args.bin", "optimizer.bin", "scheduler.bin"}


def files_below(folder: Path) -> tuple[ModelFile, ...]:
    """The files with their sizes, sorted by path; hidden folders such as `.git` and links to nowhere are left out."""
    found = []
    for root, folders, names in os.walk(folder):
        below = Path(root).relative_to(folder)
        deep = len(below.parts) >= MAX_DEPTH
        folders[:] = [] if deep else sorted(name for name in folders if not name.startswith("."))
        for name in names:
            try:
                size = (Path(root) / name).stat().st_size
            except OSError:
                continue  # a link whose blob is gone; `problem` reports the file as missing
            found.append(ModelFile((below / name).as_posix(), size))
    return tuple(sorted(found, key=lambda file: file.path))


def disk_use(folder: Path, files: tuple[ModelFile, ...]) -> dict[str, int]:
    """Bytes of each distinct file behind these names: two snapshots that share a blob share the key."""
    return {os.path.realpath(folder / file.path): file.size or 0 for file in files}


def modified(folder: Path, files: tuple[ModelFile, ...]) -> datetime | None:
    """When the newest file changed, None where nothing is there."""
    times = []
    for file in files:
        try:
            times.append((folder / file.path).stat().st_mtime)
        except OSError:
            continue  # removed since it was listed
    return datetime.fromtimestamp(max(times), UTC) if times else None


def read_config(folder: Path) -> tuple[ModelConfig | None, str]:
    """`config.json`, or None and the reason in words."""
    value, problem = read_object(folder / "config.json")
    return (None, problem) if value is None else (ModelConfig(value), "")


def read_object(path: Path) -> tuple[Mapping[str, Any] | None, str]:
    """The JSON object in a file, or None and the reason in words."""
    try:
        if path.stat().st_size > _MAX_JSON:
            return None, f"{path.name} is too large to be a configuration."
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None, f"There is no {path.name}."
    except (OSError, UnicodeDecodeError) as error:
        return None, f"{path.name} can't be read: {getattr(error, 'strerror', None) or error}."
    return parse_object(text, path.name)


def parse_object(text: str, name: str) -> tuple[Mapping[str, Any] | None, str]:
    """The JSON object in a text, or None and the reason in words. Takes NaN and Infinity, as Python writes them."""
    try:
        value = json.loads(text)
        value = without_surrogates(value) if "\\u" in text else value
    except (ValueError, RecursionError):
        return None, f"{name} is no JSON."
    if not isinstance(value, dict):
        return None, f"{name} holds no JSON object."
    return value, ""


def has_chat_template(folder: Path) -> bool | None:
    """A chat template is there; None where `tokenizer_config.json` can't be read."""
    if any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    path = folder / "tokenizer_config.json"
    if not path.exists():
        return False
    value, _ = read_object(path)
    return None if value is None else bool(value.get("chat_template"))


def missing_files(folder: Path, files: tuple[ModelFile, ...]) -> tuple[str, ...]:
    """Which of a repository's files an engine may read and this folder lacks, or has in another size.

    Cards, licences and pictures don't count: engines that download by themselves leave them out.
    """
    return tuple(
        file.path
        for file in serving_files(files)
        if not _DOCUMENTATION.fullmatch(file.path) and not _is_there(folder / file.path, file.size)
    )


def problem(folder: Path, listed: tuple[ModelFile, ...] | None) -> str:
    """What is missing before an engine could load the model, in words; "" if nothing is known to be.

    Args:
        folder: where the files lie.
        listed: the repository's own file list where it is known, else None: then the weights are judged by their
            index and by the numbers in their names.
    """
    if listed is None:
        return _weights_problem(folder)
    missing = missing_files(folder, listed)
    return _missing_words(missing, len(serving_files(listed))) if missing else ""


def _weights_problem(folder: Path) -> str:
    for name in _INDEXES:
        if (folder / name).is_file():
            value, trouble = read_object(folder / name)
            if value is None:
                return trouble
            named = value.get("weight_map")
            if not isinstance(named, dict):
                return f"{name} names no weights."
            wanted = {str(file) for file in named.values()}
            missing = sorted(file for file in wanted if not _is_there(folder / file, None))
            return _missing_words(tuple(missing), len(wanted)) if missing else ""
    names = [
        path.name
        for path in folder.iterdir()
        if path.suffix in {".safetensors", ".bin", ".gguf"} and path.name not in _NOT_WEIGHTS and _is_there(path, None)
    ]
    if not names:
        return "It has no weights."
    wanted = set()
    for name in names:
        if match := _SHARD.fullmatch(name):
            count = int(match[3])
            wanted |= {f"{match[1]}-{number:05}-of-{match[3]}{match[4]}" for number in range(1, min(count, 9999) + 1)}
    missing = sorted(wanted - set(names))
    return _missing_words(tuple(missing), len(wanted)) if missing else ""


def _missing_words(missing: tuple[str, ...], count: int) -> str:
    if len(missing) == 1:
        return f"{missing[0]} is missing."
    return f"{len(missing)} of {count} files are missing, {missing[0]} among them."


def _is_there(path: Path, size: int | None) -> bool:
    try:
        return path.is_file() and (size is None or path.stat().st_size == size)
    except (OSError, ValueError):
        return False

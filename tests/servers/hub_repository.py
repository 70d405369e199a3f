"""One repository of the stand-in Hub: its facts and its files, with the hashes that Git and LFS give them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

LFS_SUFFIXES = (".safetensors", ".bin", ".gguf", ".pt", ".pth", ".onnx", ".h5", ".msgpack")
CHUNK = 64 * 1024


@dataclass(frozen=True)
class VirtualFile:
    """A file of any size that takes no space: `head`, then zeros."""

    size: int
    head: bytes = b""


Content = bytes | Path | VirtualFile


@dataclass
class HubFile:
    """One file at one path."""

    path: str
    content: Content

    @cached_property
    def size(self) -> int:
        if isinstance(self.content, Path):
            return self.content.stat().st_size
        return self.content.size if isinstance(self.content, VirtualFile) else len(self.content)

    @cached_property
    def is_lfs(self) -> bool:
        return self.path.endswith(LFS_SUFFIXES) or self.size > 10_000_000

    @cached_property
    def sha256(self) -> str:
        if isinstance(self.content, VirtualFile):
            return hashlib.sha256(f"{self.path} {self.size}".encode() + self.content.head).hexdigest()
        digest = hashlib.sha256()
        for start in range(0, self.size, 16 * CHUNK):
            digest.update(self.read(start, start + 16 * CHUNK))
        return digest.hexdigest()

    @cached_property
    def pointer(self) -> bytes:
        """What Git stores for an LFS file."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()

    @cached_property
    def oid(self) -> str:
        """Git's blob id; for an LFS file that of its pointer."""
        body = self.pointer if self.is_lfs else self.read(0, self.size)
        return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_lfs else self.oid

    def read(self, start: int, end: int) -> bytes:
        """Bytes from start to before end."""
        end = min(end, self.size)
        if isinstance(self.content, Path):
            with self.content.open("rb") as file:
                file.seek(start)
                return file.read(max(0, end - start))
        if isinstance(self.content, VirtualFile):
            head = self.content.head[start:end]
            return head + bytes(max(0, end - start - len(head)))
        return self.content[start:end]

    def sibling(self, *, blobs: bool) -> dict[str, Any]:
        """As `siblings` of a model's description lists it."""
        if not blobs:
            return {"rfilename": self.path}
        entry: dict[str, Any] = {"rfilename": self.path, "blobId": self.oid, "size": self.size}
        if self.is_lfs:
            entry["lfs"] = {"sha256": self.sha256, "size": self.size, "pointerSize": len(self.pointer)}
        return entry

    def tree_entry(self) -> dict[str, Any]:
        """As `/tree` lists it. No `xetHash`, so that clients download over HTTP."""
        entry: dict[str, Any] = {"type": "file", "oid": self.oid, "size": self.size, "path": self.path}
        if self.is_lfs:
            entry["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": len(self.pointer)}
        return entry


@dataclass
class Repository:
    """A model repository. `info` holds what `GET /api/models/{id}` says, without the files."""

    info: dict[str, Any]
    files: dict[str, HubFile]
    refs: dict[str, str] = field(default_factory=dict)
    """Branches and tags, and the commit that they stand for. Every commit has the same files here."""

    @property
    def id(self) -> str:
        return str(self.info["id"])

    @property
    def commit(self) -> str:
        return self.refs["main"]

    def commit_of(self, revision: str) -> str | None:
        """The commit of a branch, tag or (short) commit."""
        if revision in self.refs:
            return self.refs[revision]
        known = [commit for commit in self.refs.values() if len(revision) >= 7 and commit.startswith(revision)]
        return known[0] if known else None

    def describe(self, commit: str, *, blobs: bool = False) -> dict[str, Any]:
        """The whole description at a commit."""
        siblings = [file.sibling(blobs=blobs) for file in self.files.values()]
        return {**self.info, "sha": commit, "siblings": siblings}


def make_repository(
    model_id: str,
    files: Mapping[str, Content],
    *,
    config: Mapping[str, Any] | None,
    tags: tuple[str, ...],
    license: str | None,
    parameters: int | None,
    dtype: str,
    commit: str | None,
    **facts: Any,
) -> Repository:
    """A repository with the fields of the real Hub filled in; `facts` are more of them, by the Hub's own names."""
    contents = dict(files)
    if config is not None:
        contents.setdefault("config.json", json.dumps(config, indent=2).encode())
    kept = {path: HubFile(path, content) for path, content in sorted(contents.items())}
    all_tags = list(tags)
    if license is not None:
        all_tags.append(f"license:{license}")
    if any(path.endswith(".safetensors") for path in kept) and "safetensors" not in all_tags:
        all_tags.insert(0, "safetensors")
    info: dict[str, Any] = {
        "_id": hashlib.md5(model_id.encode(), usedforsecurity=False).hexdigest()[:24],
        "id": model_id,
        "modelId": model_id,
        "author": model_id.partition("/")[0],
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "trendingScore": 0,
        "createdAt": "2025-01-01T00:00:00.000Z",
        "lastModified": "2025-01-02T00:00:00.000Z",
        "spaces": [],
        "model-index": None,
        "usedStorage": sum(file.size for file in kept.values()),
        "cardData": {"license": license} if license else {},
        **facts,
        "tags": [*all_tags, "region:us"],
    }
    if config is not None:
        info.setdefault("config", _public_config(config))
    if parameters is not None:
        info.setdefault("safetensors", {"parameters": {dtype: parameters}, "total": parameters})
    sha = commit or hashlib.sha1(model_id.encode(), usedforsecurity=False).hexdigest()
    return Repository(info, kept, {"main": sha})


def _public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `config.json` that the Hub shows in a model's description."""
    shown = {"architectures", "model_type", "auto_map", "quantization_config"}
    return {key: value for key, value in config.items() if key in shown}

"""Which model: a Hub repository at a revision, or a local folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, field_validator

from core.errors import InputError

REMEDY = "Give a Hub id like Qwen/Qwen2.5-1.5B-Instruct, id@revision, a Hub URL, or a folder with config.json."
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?")
_REVISION = re.compile(r"[\w.][\w./-]{0,254}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_HOSTS = {"huggingface.co", "www.huggingface.co", "hf.co"}


class ModelRef(BaseModel):
    """A model as a launch spec names it.

    `revision` is what the user asked for (a branch, tag or commit); `commit` is the 40-hex commit that it stood for
    when it was resolved, so that a relaunch serves the same files. Both are None for a folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["hub", "folder"]
    id: str
    revision: str | None = None
    commit: str | None = None

    @field_validator("commit")
    @classmethod
    def _commit_is_hex(cls, value: str | None) -> str | None:
        if value is not None and not _COMMIT.fullmatch(value):
            raise ValueError("a commit is 40 hexadecimal digits")
        return value

    @property
    def label(self) -> str:
        """The short name: the repository without its owner, or the folder's name."""
        return Path(self.id).name

    @property
    def text(self) -> str:
        """As the command line takes it."""
        return f"{self.id}@{self.revision}" if self.revision else self.id

    @classmethod
    def parse(cls, text: str, *, hub_endpoint: str = "https://huggingface.co") -> ModelRef:
        """Read what a user typed or pasted: `org/name`, `org/name@revision`, a Hub URL, or a folder.

        A folder must be written as a path (`/…`, `./…`, `~/…`, a drop of `file://…`) or exist under that name.

        Raises:
            InputError: it is none of these; the field is `model`.
        """
        text = text.strip().strip("\"'")
        if not text:
            raise InputError("No model is named.", field="model", remedy=REMEDY)
        try:
            if text.startswith("file://"):
                text = unquote(urlsplit(text).path)
            if "://" in text:
                return cls._from_url(text, hub_endpoint)
        except ValueError as error:  # brackets or look-alike characters in the host
            raise InputError(f"{text!r} is no address of the Hub.", field="model", remedy=REMEDY) from error
        looks_like_path = text.startswith(("/", "./", "../", "~")) or text in {".", ".."}
        try:
            is_folder = Path(text).expanduser().is_dir()
        except (OSError, ValueError, RuntimeError):
            is_folder = False
        if looks_like_path or (is_folder and (Path(text) / "config.json").is_file()):
            return cls._from_folder(text)
        repo, _, revision = text.partition("@")
        return cls._checked(repo, revision or None, text)

    @classmethod
    def _from_folder(cls, text: str) -> ModelRef:
        try:
            folder = Path(text).expanduser().resolve()
            is_folder, has_config = folder.is_dir(), (folder / "config.json").is_file()
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(f"{text!r} is no usable path: {error}.", field="model", remedy=REMEDY) from error
        if not is_folder:
            raise InputError(f"There is no folder {folder}.", field="model", remedy=REMEDY)
        if not has_config:
            raise InputError(
                f"The folder {folder} has no config.json, so it is no Transformers model.",
                field="model",
                remedy="Choose the folder that holds config.json and the weights.",
            )
        return cls(kind="folder", id=str(folder))

    @classmethod
    def _from_url(cls, text: str, hub_endpoint: str) -> ModelRef:
        url = urlsplit(text)
        hosts = _HUB_HOSTS | {urlsplit(hub_endpoint).netloc.lower()}
        if url.scheme not in {"http", "https", "hf"} or (url.scheme != "hf" and url.netloc.lower() not in hosts):
            raise InputError(f"{text!r} is no address of the Hub.", field="model", remedy=REMEDY)
        path = url.netloc + url.path if url.scheme == "hf" else url.path
        parts = [unquote(part) for part in path.split("/") if part]
        if parts[:1] in (["datasets"], ["spaces"]):
            raise InputError(f"{text!r} is a {parts[0][:-1]}, not a model.", field="model", remedy=REMEDY)
        if parts[:1] == ["models"]:
            parts = parts[1:]
        marks = [i for i, part in enumerate(parts) if part in {"tree", "blob", "resolve", "raw", "commit"} and i >= 1]
        revision = "/".join(parts[marks[0] + 1 : marks[0] + 2]) if marks else None
        return cls._checked("/".join(parts[: marks[0]] if marks else parts[:2]), revision or None, text)

    @classmethod
    def _checked(cls, repo: str, revision: str | None, text: str) -> ModelRef:
        if not _REPO_ID.fullmatch(repo) or ".." in repo or "--" in repo:
            raise InputError(f"{text!r} is no model id, Hub URL or folder.", field="model", remedy=REMEDY)
        if revision is not None and (not _REVISION.fullmatch(revision) or ".." in revision):
            raise InputError(f"{revision!r} is no revision.", field="model", remedy="Give a branch, a tag or a commit.")
        return cls(kind="hub", id=repo, revision=revision)

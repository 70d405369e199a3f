"""The Hub as the application knows it: search, a model's facts, its files as text, and the account."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from core.errors import (
    GatedModelError,
    HubAnswerError,
    HubTokenError,
    HubUnreachableError,
    InputError,
    ModelNotFoundError,
)
from core.events import Bus, HubStatusChanged
from core.hub import account, cache, folder, wire
from core.hub.account import TokenStatus
from core.hub.client import HubClient, is_token
from core.hub.facts import ModelConfig, ModelDetails, SearchPage
from core.hub.local import cached_details, folder_details
from core.hub.model_ref import ModelRef
from core.hub.refusals import NoSuchFileError, Subject
from core.secrets import SecretStore

DEFAULT_ENDPOINT = "https://huggingface.co"
TOKEN_NAME = "hf_token"
SEARCH_FIELDS = (
    "config",
    "downloads",
    "gated",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "private",
    "safetensors",
    "tags",
)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n.*?^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_MAX_CONFIG = 32 * 1024 * 1024
T = TypeVar("T")
U = TypeVar("U")


class Sort(StrEnum):
    """How search results are ordered, always the largest or newest first. Values are the Hub's."""

    TRENDING = "trendingScore"
    DOWNLOADS = "downloads"
    LIKES = "likes"
    UPDATED = "lastModified"
    CREATED = "createdAt"

    @property
    def label(self) -> str:
        """As the user reads it."""
        return {
            Sort.TRENDING: "Trending",
            Sort.DOWNLOADS: "Most downloads",
            Sort.LIKES: "Most likes",
            Sort.UPDATED: "Recently updated",
            Sort.CREATED: "Newest",
        }[self]


class Hub:
    """One Hub at one endpoint. Its coroutines run on one event loop; `close` when done.

    Args:
        endpoint: such as `https://huggingface.co`.
        secrets: where the token that the user gave us lies.
        bus: told `HubStatusChanged` when the Hub stops or starts to answer.
        connect_timeout: seconds to reach the Hub.
        read_timeout: seconds without a byte of an answer.

    Raises:
        InputError: the endpoint is no http(s) address; the field is `HF_ENDPOINT`.
    """

    def __init__(
        self,
        endpoint: str,
        secrets: SecretStore,
        bus: Bus,
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 15.0,
    ) -> None:
        self._client = HubClient(
            endpoint, self._set_problem, connect_timeout=connect_timeout, read_timeout=read_timeout
        )
        self._secrets = secrets
        self._bus = bus
        self._problem = ""
        self._without_token = False

    @property
    def endpoint(self) -> str:
        """The address, without a slash at its end."""
        return self._client.endpoint

    @property
    def problem(self) -> str:
        """Why the Hub did not answer the last time, "" when it did (or was not asked yet)."""
        return self._problem

    def page_url(self, ref: ModelRef) -> str:
        """The model's page for a browser."""
        return f"{self.endpoint}/{ref.id}"

    async def search(
        self, text: str, *, sort: Sort = Sort.TRENDING, page: str | None = None, page_size: int = 30
    ) -> SearchPage:
        """One page of models. Cancelling the task closes the connection.

        Args:
            text: words of the name; empty for all models.
            sort: the order.
            page: `next_page` of the page before; the other arguments are then those of the first search.
            page_size: models at a time.

        Raises:
            HubError: of the kind that happened.
        """
        if page is not None:
            url, params = self._client.url_of_page(page), []
        else:
            url = f"{self.endpoint}/api/models"
            params = [("search", text.strip())] if text.strip() else []
            params += [("sort", str(sort)), ("limit", str(page_size))]
            params += [("expand", field) for field in SEARCH_FIELDS]
        answer = await self._client.get(
            url, subject=Subject(self._client.host), token=await self._token(), params=params
        )
        models = wire.read_models(wire.read_json(answer.body, source="The search answer"))
        return SearchPage(models, wire.next_link(answer.headers.get("link", "")))

    async def details(self, ref: ModelRef) -> ModelDetails:
        """All that is known of a model, at the commit that its revision means now.

        A local copy in the cache answers only when the Hub can't be reached; `from_cache_only` then says so.

        Raises:
            HubError: of the kind that happened.
            InputError: the local folder is gone.
        """
        if ref.kind == "folder":
            return await asyncio.to_thread(folder_details, ref)
        try:
            return await self._ask_details(ref)
        except HubUnreachableError:
            snapshot = await asyncio.to_thread(cache.find_snapshot, cache.cache_folder(), ref)
            if snapshot is None:
                raise
            return await asyncio.to_thread(cached_details, ref, snapshot)

    async def card(self, ref: ModelRef) -> str:
        """The model card (`README.md`) as Markdown without its metadata block, "" if there is none.

        Raises:
            HubError: of the kind that happened.
        """
        try:
            text = await self.file_text(ref, "README.md")
        except NoSuchFileError:
            return ""
        return _FRONT_MATTER.sub("", text, count=1).lstrip()

    async def file_text(self, ref: ModelRef, path: str, *, limit: int = 1_000_000) -> str:
        """A file of the model as text; what is no UTF-8 is replaced.

        Args:
            ref: the model; its commit, else its revision, else `main`.
            path: relative to the repository or folder, with `/`.
            limit: bytes; a larger file is refused rather than shown in part.

        Raises:
            InputError: the path leads out of the repository.
            NoSuchFileError: there is no such file.
            HubError: of the kind that happened.
        """
        if not wire.is_safe_path(path):
            raise InputError(f"{path!r} is no path in a model.", field="path")
        if ref.kind == "folder":
            return await asyncio.to_thread(_read_text, Path(ref.id), path, limit)
        if ref.commit is not None:  # a commit never changes, so the local copy is as good and needs no permission
            local = cache.snapshot_folder(cache.cache_folder(), ref.id, ref.commit)
            if await asyncio.to_thread((local / path).is_file):
                return await asyncio.to_thread(_read_text, local, path, limit)
        try:
            body = await self._fetch(ref, path, limit)
        except HubUnreachableError:
            snapshot = await asyncio.to_thread(cache.find_snapshot, cache.cache_folder(), ref)
            if snapshot is None or not (snapshot.path / path).is_file():
                raise
            return await asyncio.to_thread(_read_text, snapshot.path, path, limit)
        return body.decode("utf-8", "replace")

    def token(self) -> str:
        """The token in use: ours, else `HF_TOKEN`, else that of `hf auth login`; "" if none. May block (keyring)."""
        if self._without_token:
            return ""
        return self._secrets.get(TOKEN_NAME) or account.machine_token()[0]

    def token_status(self) -> TokenStatus:
        """The token in use with its middle hidden, and where it comes from. May block (keyring)."""
        token, source = self._secrets.get(TOKEN_NAME), str(self._secrets.source(TOKEN_NAME))
        if not token:
            token, source = account.machine_token()
        return TokenStatus(account.mask(token), source)

    def go_on_without_token(self) -> None:
        """Send no token until another one is set or the program ends: a refused one blocks even public models."""
        self._without_token = True

    async def set_token(self, token: str, *, remember: bool) -> str:
        """Check a token with the Hub and use it from now on; gives the account's name.

        Args:
            token: as copied from the Hub's settings page.
            remember: keep it in the keyring; `secrets.keyring_problem` says if that can't be.

        Raises:
            HubTokenError: the Hub refuses it; the one in use stays.
            HubError: it could not be checked.
        """
        token = token.strip()
        if not is_token(token):
            raise HubTokenError(
                "That is no access token.", field="token", remedy="Copy one from the Hub: Settings, Access Tokens."
            )
        name = await self._whoami(token)
        await asyncio.to_thread(self._secrets.set, TOKEN_NAME, token, remember=remember)
        self._without_token = False
        return name

    async def account_name(self) -> str:
        """Whose token is in use, "" without a token.

        Raises:
            HubTokenError: the Hub refuses it.
            HubError: it could not be checked.
        """
        token = await self._token()
        return await self._whoami(token) if token else ""

    async def forget_token(self) -> None:
        """Forget the token that the user gave us; one of the environment or of `hf auth login` is not ours to remove.

        Raises:
            StoreError: the keyring still holds it.
        """
        await asyncio.to_thread(self._secrets.delete, TOKEN_NAME)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _ask_details(self, ref: ModelRef) -> ModelDetails:
        revision = ref.commit or ref.revision or "main"
        answer = await self._client.get(
            f"{self.endpoint}/api/models/{quote(ref.id)}/revision/{quote(revision, safe='')}",
            subject=self._subject(ref),
            token=await self._token(),
            params=[("blobs", "true")],
        )
        info = wire.read_repository(wire.read_json(answer.body, source="The model's description"))
        pinned = ModelRef(kind="hub", id=info.summary.id, revision=ref.revision, commit=info.commit)
        (config, problem), has_template = await _both(self._config(pinned, info), self._chat_template(pinned, info))
        local = cache.snapshot_folder(cache.cache_folder(), pinned.id, info.commit)
        is_there = await asyncio.to_thread(local.is_dir)
        missing = await asyncio.to_thread(folder.missing_files, local, info.files)
        return ModelDetails(
            ref=pinned,
            summary=info.summary,
            config=config,
            config_problem=problem,
            files=info.files,
            has_chat_template=has_template,
            cached=is_there and not missing,
            cached_path=local if is_there else None,
        )

    async def _config(self, ref: ModelRef, info: wire.RepositoryInfo) -> tuple[ModelConfig | None, str]:
        """`config.json`; for a gated model the part of it that the Hub shows to everyone."""
        if all(file.path != "config.json" for file in info.files):
            return None, "The repository has no config.json, so it is no Transformers model."
        try:
            text = await self.file_text(ref, "config.json", limit=_MAX_CONFIG)
        except GatedModelError:
            if not info.config:
                return None, "config.json is gated: it can be read once the licence is accepted."
            return ModelConfig(info.config), "config.json is gated: only the part that the Hub makes public is known."
        except (ModelNotFoundError, HubAnswerError) as error:
            return None, f"config.json can't be read: {error.message}"
        value, problem = folder.parse_object(text, "config.json")
        return (None, problem) if value is None else (ModelConfig(value), "")

    async def _chat_template(self, ref: ModelRef, info: wire.RepositoryInfo) -> bool | None:
        names = {file.path for file in info.files}
        public = info.config.get("tokenizer_config")
        if names & {"chat_template.jinja", "chat_template.json"}:
            return True
        if isinstance(public, dict) and public.get("chat_template"):
            return True
        if "tokenizer_config.json" not in names:
            return False
        try:
            text = await self.file_text(ref, "tokenizer_config.json", limit=_MAX_CONFIG)
        except (GatedModelError, ModelNotFoundError, HubAnswerError):
            return None
        value, _ = folder.parse_object(text, "tokenizer_config.json")
        return None if value is None else bool(value.get("chat_template"))

    async def _fetch(self, ref: ModelRef, path: str, limit: int) -> bytes:
        revision = ref.commit or ref.revision or "main"
        url = f"{self.endpoint}/{quote(ref.id)}/resolve/{quote(revision, safe='')}/{quote(path)}"
        answer = await self._client.get(url, subject=self._subject(ref, path), token=await self._token(), limit=limit)
        return answer.body

    async def _whoami(self, token: str) -> str:
        url = f"{self.endpoint}/api/whoami-v2"
        try:
            answer = await self._client.get(url, subject=Subject(self._client.host), token=token)
        except HubTokenError as error:
            raise HubTokenError(
                error.message,
                field="token",
                remedy="Copy a token that is still valid from the Hub.",
                details=error.details,
            ) from error
        return wire.read_account(wire.read_json(answer.body, source="The account's description"))

    async def _token(self) -> str:
        def read() -> str:
            if not self._without_token and not self._secrets.get(TOKEN_NAME):
                account.renew_machine_token()
            return self.token()

        return await asyncio.to_thread(read)

    def _subject(self, ref: ModelRef, path: str = "") -> Subject:
        return Subject(self._client.host, self.page_url(ref), ref.id, ref.commit or ref.revision or "main", path)

    def _set_problem(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._bus.publish(HubStatusChanged(problem))


def _read_text(root: Path, path: str, limit: int) -> str:
    try:
        with (root / path).open("rb") as file:
            body = file.read(limit + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise NoSuchFileError(f"{root} has no file {path!r}.") from error
    except OSError as error:
        raise InputError(f"{root / path} can't be read: {error.strerror or error}.", field="path") from error
    if len(body) > limit:
        raise HubAnswerError(f"{path} is larger than {limit:,} bytes.", remedy="Open it with another program.")
    return body.decode("utf-8", "replace")


async def _both(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """Both results at once; if one fails, the other is cancelled."""
    tasks = asyncio.ensure_future(first), asyncio.ensure_future(second)
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()

"""How the stand-in Hub answers: routes, statuses and headers, as recorded from the real one."""

from __future__ import annotations

import base64
import json
import re
import select
import socket
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from tests.servers.hub_repository import CHUNK, HubFile, Repository
from tests.servers.hub_server import Fault, Request

EXPAND = set(
    """
    author baseModels cardData childrenModelCount config createdAt disabled downloads downloadsAllTime evalResults
    gated gguf inference inferenceProviderMapping lastModified library_name likes mask_token model-index pipeline_tag
    private resourceGroup safetensors sha siblings spaces tags transformersInfo trendingScore usedStorage widgetData
    """.split()  # noqa: SIM905
)
SORTS = {"createdAt", "downloads", "lastModified", "likes", "trendingScore"}
LISTED = [
    "likes",
    "trendingScore",
    "private",
    "downloads",
    "tags",
    "pipeline_tag",
    "library_name",
    "createdAt",
    "modelId",
]
_MODEL = re.compile(r"/api/models/([^/]+(?:/[^/]+)?)")
_MODEL_PART = re.compile(r"/api/models/([^/]+/[^/]+)/(revision|tree|paths-info|refs|auth-check)(?:/(.*))?")
_RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_RESOLVE_CACHE = re.compile(r"/api/resolve-cache/models/([^/]+/[^/]+)/([0-9a-f]{40})/(.+)")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Any

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are in `HubServer.requests`, not on stderr."""

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        query = {name.removesuffix("[]"): v for name, v in parse_qs(url.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub = self.server.hub
        self.query = query
        self.posted = self.rfile.read(int(headers.get("content-length") or 0))
        self.request_seen = Request(self.command, url.path, query, headers, self.server.on_cdn)
        self.fault = self.hub.take_fault(self.path)
        self.hub.note(self.request_seen)
        if self.fault is not None and self.misbehave(self.fault):
            return
        if self.server.on_cdn:
            self.serve_cdn(url.path)
        else:
            self.serve_hub(url.path)

    do_GET = do_HEAD = do_POST = handle_any  # noqa: N815

    def misbehave(self, fault: Fault) -> bool:
        """Do what the fault says; True if that was the answer."""
        if fault.delay and not self.wait(fault.delay):
            return True
        if fault.drop:
            self.hang_up()
            return True
        if fault.status is None and fault.body is None:
            return False
        body = fault.body if fault.body is not None else b'{"error":"made to fail"}'
        self.answer(fault.status or 200, body, fault.headers)
        return True

    def wait(self, seconds: float) -> bool:
        """Wait; False (and noted) if the client hangs up meanwhile."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], left)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                self.request_seen.gone.set()
                self.close_connection = True
                return False
            if readable:  # a pipelined request; nobody here sends one, so do not spin on it
                select.select([], [], [], left)
        return True

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole answer; what is no bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        sent = {"Content-Type": "application/json; charset=utf-8", "X-Request-Id": "Root=1-stand-in", **(headers or {})}
        for name, value in {**sent, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, code: str, message: str, **headers: str) -> None:
        """An error as the Hub words it."""
        marks = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        marks |= {name.replace("_", "-"): value for name, value in headers.items()}
        if status == 401:
            marks["WWW-Authenticate"] = 'Bearer realm="Authentication required", charset="UTF-8"'
        self.answer(status, {"error": message}, marks)

    @property
    def account(self) -> str:
        return str(self.hub.tokens.get(self.request_seen.token, ""))

    @property
    def base(self) -> str:
        return f"http://{self.headers['Host']}"

    # --- the Hub -----------------------------------------------------------------------------------------------------

    def serve_hub(self, path: str) -> None:
        if match := _RESOLVE_CACHE.fullmatch(path):
            return self.resolve_cached(match[1], match[2], unquote(match[3]))
        if self.request_seen.token and not self.account:
            gated = self.hub.repositories.get((_RESOLVE.fullmatch(path) or [path, ""])[1])
            if gated is None or not gated.info["gated"]:  # for a gated file a wrong token is as good as none
                return self.refuse(401, "", "Invalid credentials in Authorization header")
        for old, new in self.hub.aliases.items():
            if f"{path}/".startswith(f"/api/models/{old}/"):
                target = self.path.replace(f"/api/models/{old}", f"/api/models/{new}", 1)
                return self.answer(307, b"Temporary Redirect", {"Location": target})
        if path == "/api/models":
            return self.search()
        if path == "/api/whoami-v2":
            return self.whoami()
        if path == "/oauth/token":
            return self.renew_token()
        if match := _MODEL_PART.fullmatch(path):
            return self.model_part(match[1], match[2], unquote(match[3] or ""))
        if match := _MODEL.fullmatch(path):
            return self.describe(match[1], "main")
        if match := _RESOLVE.fullmatch(path):
            return self.resolve(match[1], unquote(match[2]), unquote(match[3]))
        return self.refuse(404, "", "Sorry, we can't find the page you are looking for.")

    def whoami(self) -> None:
        if not self.account:
            return self.refuse(401, "", "Invalid username or password.")
        token = {"displayName": "servedeck", "role": "read", "createdAt": "2026-01-01T00:00:00.000Z"}
        auth = {"type": "access_token", "accessToken": token}
        user = {"type": "user", "id": "0" * 24, "name": self.account, "fullname": self.account.title()}
        return self.answer(200, {**user, "isPro": False, "orgs": [], "auth": auth})

    def renew_token(self) -> None:
        """An OAuth refresh: the new token belongs to the account of the refresh token `refresh-<name>`."""
        form = parse_qs(self.posted.decode())
        name = form.get("refresh_token", [""])[0].removeprefix("refresh-")
        if not name:
            return self.answer(400, {"error": "invalid_grant"})
        self.hub.add_token(f"hf_oauth_renewed_{name}", name)
        return self.answer(
            200, {"access_token": f"hf_oauth_renewed_{name}", "token_type": "bearer", "expires_in": 2592000}
        )

    def search(self) -> None:
        sort, expand = self.query.get("sort", ["trendingScore"])[0], self.query.get("expand", [])
        if sort not in SORTS or set(expand) - EXPAND:
            return self.refuse(400, "", f"Invalid query: sort={sort}, expand={sorted(set(expand) - EXPAND)}")
        words = " ".join(self.query.get("search", [])).lower().split()
        author, wanted = self.query.get("author", [""])[0], self.query.get("filter", [])
        found = []
        for repository in self.hub.repositories.values():
            info = repository.info
            labels = {*info["tags"], info.get("pipeline_tag"), info.get("library_name")}
            visible = not info["private"] or self.account == info["author"]
            named = all(word in info["id"].lower() for word in words) and author in {"", info["author"]}
            if visible and named and set(wanted) <= labels:
                found.append(repository)
        found.sort(key=lambda each: (each.info.get(sort) or 0, each.info["_id"]), reverse=True)
        return self.answer_page(found, expand)

    def answer_page(self, found: list[Repository], expand: list[str]) -> None:
        limit = max(1, min(int(self.query.get("limit", ["1000"])[0]), 1000))
        cursor = self.query.get("cursor", [""])[0]
        start = json.loads(base64.b64decode(cursor))["start"] if cursor else 0
        keep = ["_id", "id", *(expand or LISTED)]
        page = []
        for repository in found[start : start + limit]:
            whole = repository.describe(repository.commit)
            page.append({key: whole[key] for key in keep if whole.get(key) is not None})
        headers = {}
        if start + limit < len(found):
            after = base64.b64encode(json.dumps({"start": start + limit}).encode()).decode()
            again = [(name, value) for name, values in self.query.items() if name != "cursor" for value in values]
            target = f"{self.base}/api/models?{urlencode([*again, ('cursor', after)])}"
            headers["Link"] = f'<{target}>; rel="next"'
        self.answer(200, page, headers)

    def find(self, model_id: str) -> Repository | None:
        """The repository if this account may know of it, else None and the refusal is sent."""
        repository = self.hub.repositories.get(unquote(model_id))
        if repository is None or (repository.info["private"] and self.account != repository.info["author"]):
            if self.account:
                self.refuse(404, "RepoNotFound", "Repository not found")
            else:
                # The real Hub sends no code here, but huggingface_hub understands that over https only.
                self.refuse(401, "RepoNotFound", "Invalid username or password.")
            return None
        if repository.info["disabled"]:
            self.refuse(403, "", "Access to this resource is disabled.")
            return None
        return repository

    def commit_of(self, repository: Repository, revision: str) -> str | None:
        commit = repository.commit_of(revision)
        if commit is None:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def may_read(self, repository: Repository, commit: str = "") -> bool:
        """The account may read the files; else the refusal is sent."""
        gated = repository.info["gated"]
        if not gated or (self.account, repository.id) in self.hub.grants:
            return True
        more = {"X_Repo_Commit": commit} if commit else {}
        about = f"Access to model {repository.id} is restricted"
        if self.account:
            ask = (
                f"{about} and you are not in the authorized list. Visit {self.base}/{repository.id} to ask for access."
            )
            self.refuse(403, "GatedRepo", ask, **more)
        else:
            log_in = f"{about}. You must have access to it and be authenticated to access it. Please log in."
            self.refuse(401, "GatedRepo", log_in, **more)
        return False

    def describe(self, model_id: str, revision: str) -> None:
        repository = self.find(model_id)
        commit = repository and self.commit_of(repository, revision)
        if not repository or not commit:
            return None
        whole = repository.describe(commit, blobs=self.query.get("blobs") == ["true"])
        if expand := self.query.get("expand"):
            if set(expand) - EXPAND:
                return self.refuse(400, "", "Invalid expand")
            whole = {key: value for key, value in whole.items() if key in {"_id", "id", *expand}}
        return self.answer(200, whole)

    def model_part(self, model_id: str, part: str, rest: str) -> None:
        if part == "revision":
            return self.describe(model_id, rest)
        repository = self.find(model_id)
        if repository is None:
            return None
        if part == "auth-check":
            return self.answer(200, b"OK", {"Content-Type": "text/plain"}) if self.may_read(repository) else None
        if part == "refs":
            branches = [{"name": n, "ref": f"refs/heads/{n}", "targetCommit": c} for n, c in repository.refs.items()]
            return self.answer(200, {"branches": branches, "tags": [], "converts": []})
        if part == "paths-info":
            paths = parse_qs(self.posted.decode()).get("paths", [])
            return self.answer(200, [repository.files[p].tree_entry() for p in paths if p in repository.files])
        return self.tree(repository, *rest.partition("/")[::2])

    def tree(self, repository: Repository, revision: str, below: str) -> None:
        if not self.commit_of(repository, revision):
            return None
        prefix = f"{below}/" if below else ""
        recursive = self.query.get("recursive", [""])[0].lower() == "true"
        entries: dict[str, dict[str, Any]] = {}
        for path, file in repository.files.items():
            if not path.startswith(prefix):
                continue
            parts = path.removeprefix(prefix).split("/")
            for count in range(1, len(parts) if recursive else min(2, len(parts))):
                name = prefix + "/".join(parts[:count])
                entries.setdefault(name, {"type": "directory", "oid": "0" * 40, "size": 0, "path": name})
            if recursive or len(parts) == 1:
                entries[path] = file.tree_entry()
        start, size = int(self.query.get("cursor", ["0"])[0]), 50 if self.query.get("expand") == ["true"] else 1000
        headers = {}
        if start + size < len(entries):
            again = urlencode({"recursive": str(recursive).lower(), "cursor": start + size})
            headers["Link"] = f'<{self.base}/api/models/{repository.id}/tree/{revision}?{again}>; rel="next"'
        return self.answer(200, list(entries.values())[start : start + size], headers)

    # --- files -------------------------------------------------------------------------------------------------------

    def resolve(self, model_id: str, revision: str, path: str) -> None:
        repository = self.find(self.hub.aliases.get(model_id, model_id))
        commit = repository and self.commit_of(repository, revision)
        if not repository or not commit or not self.may_read(repository, commit):
            return None
        file = repository.files.get(path)
        if file is None:
            return self.refuse(404, "EntryNotFound", "Entry not found", X_Repo_Commit=commit)
        facts = {"X-Repo-Commit": commit, "X-Linked-Etag": f'"{file.etag}"', "Accept-Ranges": "bytes"}
        if file.is_lfs:
            target = f"{self.hub.cdn_url}/{repository.id}/{file.sha256}?path={quote(path)}&Signature=stand-in"
            facts |= {"X-Linked-Size": str(file.size), "Cache-Control": "no-store", "Location": target}
            return self.answer(302, b"Found. Redirecting", {**facts, "Content-Type": "text/plain"})
        facts["Location"] = f"/api/resolve-cache/models/{repository.id}/{commit}/{quote(path)}?etag={file.etag}"
        return self.answer(307, b"Temporary Redirect", {**facts, "Content-Type": "text/plain"})

    def resolve_cached(self, model_id: str, commit: str, path: str) -> None:
        repository = self.find(model_id)
        if repository is None or not self.may_read(repository, commit):
            return
        file = repository.files[path]
        self.send_file(file, {"ETag": f'"{file.etag}"', "X-Repo-Commit": commit, "Content-Type": "text/plain"})

    def serve_cdn(self, path: str) -> None:
        model_id = path.strip("/").rpartition("/")[0]
        repository = self.hub.repositories.get(model_id)
        file = repository and repository.files.get(self.query.get("path", [""])[0])
        if not file:
            return self.refuse(403, "", "AccessDenied")
        return self.send_file(file, {"ETag": '"the-cdn-has-an-etag-of-its-own"'})

    def send_file(self, file: HubFile, headers: Mapping[str, str]) -> None:
        start, end, status, more = 0, file.size, 200, dict(headers)
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end, status = int(match[1]), min(file.size, int(match[2]) + 1 if match[2] else file.size), 206
            if start >= file.size:
                return self.answer(416, b"", {"Content-Range": f"bytes */{file.size}"})
            more["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
        self.send_response(status)
        sent = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **more}
        for name, value in {**sent, "Content-Length": str(end - start)}.items():
            self.send_header(name, value)
        self.end_headers()
        return None if self.command == "HEAD" else self.send_body(file, start, end)

    def send_body(self, file: HubFile, start: int, end: int) -> None:
        stop = end if self.fault is None or self.fault.cut is None else min(end, start + self.fault.cut)
        began, at = time.monotonic(), start
        while at < stop:
            chunk = file.read(at, min(stop, at + CHUNK))
            self.wfile.write(chunk)
            at += len(chunk)
            if self.hub.throttle:
                ahead = (at - start) / self.hub.throttle - (time.monotonic() - began)
                if ahead > 0 and not self.wait(ahead):
                    return
        if stop < end:
            self.hang_up()

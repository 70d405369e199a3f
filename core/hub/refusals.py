"""What an HTTP status of the Hub means, in words and with a remedy.

The Hub hides private repositories as missing ones, answers a wrong token with 401 even for public ones, and marks most
refusals by the header `X-Error-Code`; mirrors often leave that out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import (
    GatedModelError,
    HubAnswerError,
    HubError,
    HubRateLimitedError,
    HubTokenError,
    HubUnreachableError,
    ModelNotFoundError,
)
from core.hub.wire import retry_after

TOKEN_REMEDY = "Remove or replace the token: in Settings, in HF_TOKEN, or with `hf auth login`."


class NoSuchFileError(ModelNotFoundError):
    """The repository exists and has no such file."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What was asked for: a model's facts or file, or (all empty) something of the Hub itself."""

    host: str
    page: str = ""
    """The model's page, where licences are accepted."""
    model: str = ""
    revision: str = ""
    path: str = ""


def refusal(status: int, headers: Mapping[str, str], body: bytes, subject: Subject, *, token_sent: bool) -> HubError:
    """The error that a status other than 2xx stands for.

    Args:
        status: of the last answer, after redirects.
        headers: with lower-case names.
        body: its beginning.
        subject: what was asked.
        token_sent: the request carried a token.
    """
    if status == 429:
        return _rate_limited(headers, subject, token_sent=token_sent)
    if status >= 500 or status == 408:
        return HubUnreachableError(
            f"{subject.host} can't answer just now (HTTP {status}).",
            remedy="Try again in a while; status.huggingface.co says whether the Hub is down.",
            details=_said(headers, body),
        )
    if status in {401, 403}:
        return _denied(status, headers, body, subject, token_sent=token_sent)
    if status == 404:
        return _not_found(headers, body, subject)
    return HubAnswerError(
        f"{subject.host} did not accept the request (HTTP {status}).",
        remedy="Check that HF_ENDPOINT names a Hugging Face Hub; if it does, this is an error of Servedeck.",
        details=_said(headers, body),
    )


def _rate_limited(headers: Mapping[str, str], subject: Subject, *, token_sent: bool) -> HubRateLimitedError:
    seconds = retry_after(headers)
    when = "in a few minutes" if seconds is None else f"in {max(1, round(seconds))} s"
    advice = "" if token_sent else " With an access token (Settings) the limit is higher."
    return HubRateLimitedError(
        f"{subject.host} answers no more requests for now: too many were made from here.",
        retry_after=seconds,
        remedy=f"Try again {when}.{advice}",
    )


def _denied(status: int, headers: Mapping[str, str], body: bytes, subject: Subject, *, token_sent: bool) -> HubError:
    code, said = headers.get("x-error-code", ""), _said(headers, body)
    if status == 403 and "disabled" in said.lower():
        return ModelNotFoundError(f"{subject.model or 'It'} is disabled on the Hub.", details=said)
    if code == "GatedRepo" and not (status == 401 and token_sent):
        # With a token that the Hub knows it says 403, so 401 despite a token means that the token is none.
        return _gated(subject, token_sent=token_sent, said=said)
    if token_sent and code != "RepoNotFound":
        words = "refuses the access token" if status == 401 else "does not allow this with the access token"
        return HubTokenError(f"{subject.host} {words}.", remedy=TOKEN_REMEDY, details=said)
    if subject.model:
        return _not_found(headers, body, subject)
    return HubTokenError(
        f"{subject.host} wants an access token.", remedy="Set one in Settings, or in HF_TOKEN.", details=said
    )


def _gated(subject: Subject, *, token_sent: bool, said: str) -> GatedModelError:
    if token_sent:
        message = f"{subject.model} is gated and this account has no access to it yet."
        remedy = f"Ask for access at {subject.page}, then try again."
    else:
        message = f"{subject.model} is gated: its files need an account that accepted its licence."
        remedy = f"Accept the licence at {subject.page} and set an access token in Settings."
    return GatedModelError(message, remedy=remedy, details=said)


def _not_found(headers: Mapping[str, str], body: bytes, subject: Subject) -> HubError:
    code, said = headers.get("x-error-code", ""), _said(headers, body)
    if not subject.model:
        return HubAnswerError(
            f"{subject.host} has no Hub interface.",
            remedy="Check that HF_ENDPOINT names a Hugging Face Hub.",
            details=said,
        )
    if code == "RevisionNotFound":
        return ModelNotFoundError(
            f"{subject.model} has no revision {subject.revision!r}.",
            field="model",
            remedy=f"Look at {subject.page}/tree/main for its branches, or leave the revision out.",
        )
    if code == "EntryNotFound" or (subject.path and code != "RepoNotFound" and "x-repo-commit" in headers):
        return NoSuchFileError(f"{subject.model} has no file {subject.path!r} at that revision.")
    return ModelNotFoundError(
        f"There is no model {subject.model} on {subject.host}, or it is private.",
        field="model",
        remedy="Check the spelling; for a private model, set the access token of an account that may read it.",
        details=said,
    )


def _said(headers: Mapping[str, str], body: bytes) -> str:
    """The server's own words."""
    said = headers.get("x-error-message", "")
    if not said:
        text = body[:2000].decode("utf-8", "replace")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        said = str(value["error"]) if isinstance(value, dict) and "error" in value else text
    return " ".join(said.split())[:500]

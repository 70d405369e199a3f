"""The one exception tree.

Every error that a user can meet is a `ServedeckError`: a sentence that says what is wrong, a remedy that says what to
do about it and, for bad input, the name of the field. Front ends show these; they never show a traceback first.

    ServedeckError
    ├── InputError                 something the user gave: a flag, a field, a path, a command
    ├── NotFoundError              a deployment, installation or run that isn't there
    ├── StoreError                 a file of ours that can't be read or written
    ├── InstallationError          an engine that can't be found, read or installed
    ├── PortTakenError             somebody else listens on the port
    ├── LaunchError                a run that can't be started
    ├── StopIncompleteError        a stop that left something behind
    ├── HubError                   the Hub said no, or something that isn't an answer
    │   ├── HubUnreachableError    no connection, a time-out, a 5xx
    │   ├── HubRateLimitedError    429
    │   ├── HubTokenError          the token is refused
    │   ├── ModelNotFoundError     no such repository or revision, or it is private
    │   ├── GatedModelError        the licence isn't accepted yet
    │   └── HubAnswerError         JSON that isn't JSON, or of another shape
    └── ChatError                  the endpoint refused, broke off, or can't be reached
"""

from __future__ import annotations


class ServedeckError(Exception):
    """An error to be shown to the user.

    Args:
        message: what is wrong, one sentence.
        remedy: what the user can do about it, one sentence; empty when nothing is known.
        field: the name of the field, flag or file that is wrong; empty when none is.
        details: longer text (a server's body, the end of a log) for those who ask for it.
    """

    def __init__(self, message: str, *, remedy: str = "", field: str = "", details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.field = field
        self.details = details

    @property
    def line(self) -> str:
        """The message and the remedy in one line, as the command line prints them."""
        is_named = self.field.lower() in self.message.lower()
        text = self.message if is_named else f"{self.field}: {self.message}"
        return " ".join(f"{text} {self.remedy}".split())


class InputError(ServedeckError):
    """Something the user gave is not usable; `field` names it."""


class NotFoundError(ServedeckError):
    """A deployment, installation or run of that name does not exist."""


class StoreError(ServedeckError):
    """A file of ours can't be read or written; nothing was overwritten."""


class InstallationError(ServedeckError):
    """An engine can't be found, read, installed or removed."""


class PortTakenError(ServedeckError):
    """Somebody listens on the port already; `holder` names the process where that can be known."""

    def __init__(self, message: str, *, port: int, holder: str = "", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy, field="port")
        self.port = port
        self.holder = holder


class LaunchError(ServedeckError):
    """A run could not be started."""


class StopIncompleteError(ServedeckError):
    """A stop ended with something left behind: a process, or a port that is still held."""


class HubError(ServedeckError):
    """The Hub refused, or gave something that is no answer."""


class HubUnreachableError(HubError):
    """No connection to the Hub, no answer in time, or a server error."""


class HubRateLimitedError(HubError):
    """The Hub asks us to wait (HTTP 429); `retry_after` is in seconds, None where the Hub doesn't say."""

    def __init__(self, message: str, *, retry_after: float | None = None, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


class HubTokenError(HubError):
    """The Hub refuses the access token; even public repositories fail with it."""


class ModelNotFoundError(HubError):
    """No such repository or revision; a private one looks the same without the right token."""


class GatedModelError(HubError):
    """The repository is gated and this account has no access yet."""


class HubAnswerError(HubError):
    """The Hub's answer can't be read."""


class ChatError(ServedeckError):
    """The endpoint refused the request, broke the stream off, or can't be reached."""

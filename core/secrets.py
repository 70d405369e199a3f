"""Secrets of the application: in the keyring where there is one and the user wants it, else for this session only.

The keyring library takes 150 ms to import and its back end may ask the user to unlock it, so nothing here touches it
before the first secret is asked for, and callers on an event loop go through `asyncio.to_thread`.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Literal

from core.errors import StoreError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "servedeck"
Source = Literal["keyring", "this session", ""]
logger = logging.getLogger(__name__)


class SecretStore:
    """Named secrets, such as `hf_token`. Values never reach a log, a `repr` or an error.

    Args:
        service: the name under which the keyring lists ours.
    """

    def __init__(self, service: str = SERVICE) -> None:
        self._service = service
        self._lock = threading.RLock()
        self._known: dict[str, tuple[str, Source]] = {}
        self._backend: KeyringBackend | None = None
        self._probed = False
        self._problem = ""

    def __repr__(self) -> str:
        return f"<SecretStore {self._service}: {', '.join(sorted(self._known)) or 'empty'}>"

    @property
    def has_keyring(self) -> bool:
        """A keyring that keeps secrets is there; False means that secrets last for this session. May block."""
        return self._keyring() is not None

    @property
    def keyring_problem(self) -> str:
        """Why secrets can't be kept (or read) just now; empty if nothing is wrong. May block."""
        self._keyring()
        return self._problem

    def get(self, name: str) -> str:
        """The secret, "" if there is none. Blocks at the first call of a name only.

        A keyring that can't be read is no error here, as everything public works without a secret: it is logged and
        told by `keyring_problem`.
        """
        with self._lock:
            if name not in self._known:
                self._known[name] = self._read(name)
            return self._known[name][0]

    def source(self, name: str) -> Source:
        """Where the secret lies; "" if there is none."""
        with self._lock:
            self.get(name)
            return self._known[name][1]

    def set(self, name: str, value: str, *, remember: bool) -> None:
        """Keep a secret: in the keyring with `remember`, else until the program ends.

        Where the keyring is missing or refuses, the secret is kept for this session and `keyring_problem` says why;
        `source` tells where it went.

        Raises:
            StoreError: without `remember`, an older value in the keyring can't be removed.
        """
        with self._lock:
            if remember and self._write(name, value):
                self._known[name] = (value, "keyring")
                return
            if not remember and self.source(name) == "keyring":
                self.delete(name)
            self._known[name] = (value, "this session" if value else "")

    def delete(self, name: str) -> None:
        """Forget a secret, here and in the keyring; it need not exist.

        Raises:
            StoreError: the keyring still holds it.
        """
        with self._lock:
            backend = self._keyring()
            if backend is not None:
                try:
                    if backend.get_password(self._service, name) is not None:
                        backend.delete_password(self._service, name)
                except Exception as error:  # back ends raise what they like: D-Bus errors, OSError, KeyringError
                    raise StoreError(
                        f"The keyring did not give up {name!r}: {_words(error)}.",
                        field=name,
                        remedy="Unlock the keyring and try again, or remove the entry with the desktop's own tool.",
                    ) from error
            self._known[name] = ("", "")

    def _keyring(self) -> KeyringBackend | None:
        with self._lock:
            if self._probed:
                return self._backend
            self._probed = True
            try:
                import keyring
                from keyring.backends import fail, null

                backend = keyring.get_keyring()
            except (
                Exception
            ) as error:  # a broken PYTHON_KEYRING_BACKEND raises anything, from ValueError to ImportError
                self._problem = f"The keyring can't be used: {_words(error)}. Secrets are kept for this session only."
                return None
            if isinstance(backend, fail.Keyring | null.Keyring):
                self._problem = "This machine has no keyring, so secrets are kept for this session only."
                return None
            self._backend = backend
            return backend

    def _read(self, name: str) -> tuple[str, Source]:
        backend = self._keyring()
        if backend is None:
            return "", ""
        try:
            value = backend.get_password(self._service, name) or ""
        except Exception as error:  # as in delete
            self._problem = f"The keyring can't be read: {_words(error)}."
            logger.warning("the keyring did not give %r: %s", name, _words(error))
            return "", ""
        return value, "keyring" if value else ""

    def _write(self, name: str, value: str) -> bool:
        backend = self._keyring()
        if backend is None:
            return False
        try:
            backend.set_password(self._service, name, value)
        except Exception as error:  # as in delete
            self._problem = f"The keyring refused: {_words(error)}. The secret is kept for this session only."
            return False
        self._problem = ""
        return True


def _words(error: Exception) -> str:
    """The error in one line, without its end mark."""
    return (" ".join(str(error).split()) or type(error).__name__).rstrip(".")

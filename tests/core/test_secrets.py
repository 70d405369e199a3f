"""The secret store, with a keyring, without one, and with one that refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked

from core.errors import StoreError
from core.secrets import SecretStore


class Drawer(KeyringBackend):
    """A keyring in memory that can be locked."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False
        self.asked = 0

    def _open(self) -> None:
        self.asked += 1
        if self.locked:
            raise KeyringLocked("Failed to unlock the collection!")

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        del self.kept[service, username]


@pytest.fixture
def use() -> Iterator[Callable[[KeyringBackend], None]]:
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


@pytest.fixture
def drawer(use: Callable[[KeyringBackend], None]) -> Drawer:
    made = Drawer()
    use(made)
    return made


def test_a_remembered_secret_outlives_the_program(drawer: Drawer) -> None:
    store = SecretStore()
    assert store.get("hf_token") == ""
    store.set("hf_token", "hf_secret", remember=True)
    assert (store.get("hf_token"), store.source("hf_token")) == ("hf_secret", "keyring")
    again = SecretStore()
    assert (again.get("hf_token"), again.source("hf_token")) == ("hf_secret", "keyring")
    assert again.has_keyring
    assert again.keyring_problem == ""


def test_the_keyring_is_asked_once(drawer: Drawer) -> None:
    store = SecretStore()
    for _ in range(3):
        store.get("hf_token")
    assert drawer.asked == 1


def test_a_secret_for_this_session_is_not_kept_and_ends_an_older_one(drawer: Drawer) -> None:
    store = SecretStore()
    store.set("hf_token", "old", remember=True)
    store.set("hf_token", "new", remember=False)
    assert (store.get("hf_token"), store.source("hf_token")) == ("new", "this session")
    assert drawer.kept == {}
    assert SecretStore().get("hf_token") == ""


def test_delete(drawer: Drawer) -> None:
    store = SecretStore()
    store.delete("hf_token")
    store.set("hf_token", "x", remember=True)
    store.delete("hf_token")
    assert (store.get("hf_token"), store.source("hf_token"), drawer.kept) == ("", "", {})


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring])
def test_without_a_keyring_secrets_last_for_the_session(
    use: Callable[[KeyringBackend], None], backend: type[KeyringBackend]
) -> None:
    use(backend())
    store = SecretStore()
    store.set("hf_token", "x", remember=True)
    assert (store.get("hf_token"), store.source("hf_token")) == ("x", "this session")
    assert not store.has_keyring
    assert "this session only" in store.keyring_problem
    store.delete("hf_token")
    assert store.get("hf_token") == ""


@pytest.mark.expects_log("the keyring did not give 'hf_token'")
def test_a_locked_keyring_is_told(drawer: Drawer) -> None:
    drawer.kept["servedeck", "hf_token"] = "kept"
    drawer.locked = True
    store = SecretStore()
    assert store.get("hf_token") == ""
    assert "Failed to unlock" in store.keyring_problem
    store.set("hf_token", "new", remember=True)
    assert store.source("hf_token") == "this session"
    assert "this session only" in store.keyring_problem
    with pytest.raises(StoreError, match="Failed to unlock"):
        store.delete("hf_token")
    drawer.locked = False
    store.set("hf_token", "newer", remember=True)
    assert (store.source("hf_token"), store.keyring_problem) == ("keyring", "")


def test_repr_shows_names_only(drawer: Drawer) -> None:
    store = SecretStore()
    store.set("hf_token", "hf_secret", remember=True)
    assert "hf_token" in repr(store)
    assert "hf_secret" not in repr(store)

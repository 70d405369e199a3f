from __future__ import annotations

import threading
import tomllib
from pathlib import Path

import pytest

from core.errors import StoreError
from core.events import Bus, Event, SettingsChanged
from core.settings import Settings, SettingsStore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.toml"


def test_without_a_file_the_defaults_hold_and_nothing_is_written(file: Path) -> None:
    assert SettingsStore(file, Bus()).current == Settings()
    assert not file.exists()


def test_a_change_is_saved_told_and_read_again(file: Path) -> None:
    bus, heard = Bus(), list[Event]()
    bus.subscribe(heard.append)
    store = SettingsStore(file, bus)
    store.change(theme="dark", first_port=9000)
    assert heard == [SettingsChanged()]
    assert store.current.theme == "dark"
    assert SettingsStore(file, Bus()).current == store.current
    assert tomllib.loads(file.read_text())["first_port"] == 9000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("theme", "pink"),
        ("first_port", 80),
        ("first_port", 70000),
        ("stop_grace_seconds", 0),
        ("hub_page_size", 1000),
        ("keep_runs", 0),
        ("on_quit", ""),
    ],
)
def test_a_wrong_value_names_its_field_and_changes_nothing(file: Path, field: str, value: object) -> None:
    store = SettingsStore(file, Bus())
    store.change(theme="light")
    before = file.read_text()
    with pytest.raises(StoreError) as caught:
        store.change(**{field: value})
    assert caught.value.field == field
    assert field in caught.value.message
    assert caught.value.remedy
    assert store.current.theme == "light"
    assert file.read_text() == before


def test_what_a_newer_version_wrote_is_kept(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('theme = "dark"\nfrom_the_future = 7\n')
    store = SettingsStore(file, Bus())
    store.change(keep_runs=3)
    assert tomllib.loads(file.read_text())["from_the_future"] == 7


@pytest.mark.parametrize("content", [b"theme = ", b"\xff\xfe\x00", b'theme = "pink"', b"version = 2", b"[[theme]]\n"])
def test_a_damaged_file_is_told_with_its_path_and_left_alone(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        SettingsStore(file, Bus())
    assert str(file) in caught.value.message
    assert caught.value.remedy
    assert file.read_bytes() == content


def test_changes_from_many_threads_are_all_kept(file: Path) -> None:
    store = SettingsStore(file, Bus())
    changes = [{"first_port": 9000}, {"keep_runs": 5}, {"hub_page_size": 50}, {"theme": "dark"}]
    threads = [threading.Thread(target=store.change, kwargs=each) for each in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = SettingsStore(file, Bus()).current
    assert (seen.first_port, seen.keep_runs, seen.hub_page_size, seen.theme) == (9000, 5, 50, "dark")


def test_every_setting_can_be_shown() -> None:
    for name, field in Settings.model_fields.items():
        assert name == "version" or (field.title and field.description), name

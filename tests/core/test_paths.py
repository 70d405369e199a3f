from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from core.errors import StoreError
from core.paths import HOME_VARIABLE, Paths


def test_one_variable_holds_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, f" {tmp_path / 'deck'} ")
    paths = Paths.from_environment()
    assert paths == Paths.under(tmp_path / "deck")
    everything = [getattr(paths, name) for name in dir(Paths) if isinstance(getattr(paths, name), Path)]
    assert len(everything) >= 10
    assert all(each.is_relative_to(tmp_path / "deck") for each in everything)


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, "deck")
    assert Paths.from_environment().data == tmp_path / "deck" / "data"


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(HOME_VARIABLE, "~/deck")
    assert Paths.from_environment().config == tmp_path / "deck" / "config"


def test_without_it_the_platform_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, "  ")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "conf"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    paths = Paths.from_environment()
    assert paths.data == tmp_path / "share" / "servedeck"
    assert paths.config == tmp_path / "conf" / "servedeck"
    assert paths.logs.is_relative_to(tmp_path / "state" / "servedeck")


def test_the_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        paths = Paths.under(tmp_path / "deck")
        paths.prepare()
        paths.prepare()
    finally:
        os.umask(old)
    for folder in (paths.data, paths.config, paths.logs, paths.deployments, paths.environments):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_a_home_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        Paths.under(tmp_path / "file" / "deck").prepare()
    assert caught.value.field == HOME_VARIABLE
    assert str(tmp_path / "file" / "deck") in caught.value.message
    assert HOME_VARIABLE in caught.value.remedy

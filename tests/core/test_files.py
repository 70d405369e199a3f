from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import StoreError
from core.files import read_json, write_json, write_text


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    value = {"name": "é 模型", "numbers": [1, 2.5, None], "nested": {"a": True}}
    write_json(tmp_path / "new" / "folder" / "value.json", value)
    assert read_json(tmp_path / "new" / "folder" / "value.json") == value


def test_files_are_for_their_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        write_text(tmp_path / "secret", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_folder_in_the_way_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(StoreError) as caught:
        write_text(tmp_path / "there", "x")
    assert str(tmp_path / "there") in caught.value.message
    assert [each.name for each in tmp_path.iterdir()] == ["there"]


def test_a_write_that_does_not_fit_keeps_the_old_file(tmp_path: Path) -> None:
    """A real limit on the size of a file, in a child so that only it has that limit."""
    write_text(tmp_path / "value.json", '{"old": true}')
    code = (
        "import resource, signal, sys; from pathlib import Path; from core.files import write_text\n"
        "from core.errors import StoreError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit({resource.RLIMIT_FSIZE}, (4096, 4096))\n"
        "try:\n    write_text(Path(sys.argv[1]), 'x' * 100_000)\n"
        "except StoreError as error:\n    print(error.line)\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "value.json")], capture_output=True, text=True, check=True
    )
    assert child.stdout.startswith(f"Can't write {tmp_path / 'value.json'}: File too large.")
    assert read_json(tmp_path / "value.json") == {"old": True}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_writer_that_is_killed_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    target = tmp_path / "value.json"
    write_json(target, {"round": 0, "text": "x" * 50_000})
    code = (
        "import sys; from pathlib import Path; from core.files import write_json\n"
        "print('up', flush=True)\n"
        "for n in range(1, 1_000_000):\n    write_json(Path(sys.argv[1]), {'round': n, 'text': 'x' * 50_000})\n"
    )
    for _ in range(5):
        child = subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        with child.stdout:
            assert child.stdout.readline() == "up\n"
            before = target.stat().st_ino
            while target.stat().st_ino == before:
                pass
            child.kill()
            child.wait()
        value = read_json(target)
        assert len(value["text"]) == 50_000


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"nothing"])
def test_garbage_is_told_with_its_path(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "value.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"value\.json") as caught:
        read_json(tmp_path / "value.json")
    assert caught.value.remedy


def test_a_missing_file_is_no_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "value.json")


def test_a_folder_instead_of_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        read_json(tmp_path)

"""The machine as it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

from core.telemetry.host import Host, HostSample


def test_a_sample_says_what_is_there(tmp_path: Path) -> None:
    sample = Host(tmp_path).sample()
    assert sample.cores >= 1
    assert 0 < sample.memory_available <= sample.memory_total
    assert 0 <= sample.disk_free <= sample.disk_total
    assert sample.disk_total == shutil.disk_usage(tmp_path).total
    assert sample.disk_path == tmp_path


def test_a_folder_that_does_not_exist_yet_is_on_the_disk_of_its_parent(tmp_path: Path) -> None:
    assert Host(tmp_path / "not" / "yet").sample().disk_path == tmp_path


def test_the_processors_share_is_measured_from_any_thread(tmp_path: Path) -> None:
    host = Host(tmp_path)
    # A core is kept busy for a moment, and each sample is taken in a new thread.
    subprocess.run([sys.executable, "-c", "for _ in range(10**7): pass"], check=True, timeout=60)
    samples: list[HostSample] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: samples.append(host.sample()))
        thread.start()
        thread.join()
    assert 0 < samples[0].cpu_percent <= 100
    assert 0 <= samples[1].cpu_percent <= 100

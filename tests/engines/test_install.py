"""The real Transformers, installed into a fresh home by the app's own installer, started, asked and stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path

import httpx2
import pytest

from core.deployments.deployment import Phase
from core.deployments.launch_spec import LaunchSpec
from core.engines.catalog import Catalog
from core.engines.engine import Engine, Installation, Secrets
from core.engines.installations import Installations
from core.engines.installer import Installer
from core.engines.option_tables import OptionTables
from core.engines.support import Implementation
from core.events import Bus
from core.logs.phases import PhaseReader
from core.paths import Paths
from core.runtimes import ports
from tests.core.logs.tables import lines_of
from tests.servers.environments import first_port

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


@pytest.mark.usefixtures("transformers_folder")
async def test_transformers_into_a_fresh_home(tmp_path: Path, model_folder: Path) -> None:
    paths = Paths.under(tmp_path / "home")
    paths.prepare()
    catalog, bus = Catalog(), Bus()
    installations = Installations(catalog, paths, bus)
    installer = Installer(catalog, installations, paths, bus, has_nvidia=lambda: False)
    begun = time.monotonic()
    job = await installer.start("transformers")
    steps = []
    while job.state == "running":
        steps += [job.step] if job.step not in steps else []
        await asyncio.sleep(0.05)
        job = installer.job(job.id)
    print(f"installed Transformers in {time.monotonic() - begun:.0f} s")
    assert job.state == "done", job.problem
    assert steps == ["Make the environment", "PyTorch for CPU", "Transformers", "First start"]
    await installer.wait(job.id)
    (found,) = (each for each in installations.of("transformers") if each.kind == "managed")
    assert (found.id, found.problem, found.target) == ("managed:transformers", "", "CPU")
    assert found.size is not None
    assert 500e6 < found.size < 2.5e9
    table = OptionTables(catalog, paths).table("transformers", found)
    assert (table.source, table.version) == ("installation", found.version)
    await serve_and_stop(catalog.get("transformers"), found, model_folder, tmp_path / "run.log")
    await installations.remove(found.id)
    assert not (paths.environments / "transformers").exists()


async def serve_and_stop(
    engine: Engine,
    installation: Installation,
    model: Path,
    log: Path,
    **values: object,
) -> PhaseReader:
    """Start the engine by its own command, wait until it is ready, ask it, and stop it by its own steps."""
    spec = LaunchSpec.build(name="x", model={"kind": "folder", "id": str(model)}, engine=engine.id, **values)
    table = engine.shipped_options()
    assert engine.check(spec, table, None) == ()
    port = ports.choose("127.0.0.1", first_port(), ())
    command = engine.command(spec, installation, table, port, Secrets())
    env = {**os.environ, "HF_HUB_OFFLINE": "1", **command.env}
    process = begin(command.argv, env, log)
    try:
        url, name = f"http://127.0.0.1:{port}", engine.served_name(spec)
        async with httpx2.AsyncClient(trust_env=False, timeout=120) as client:
            await ready(engine, client, url, name, process, log)
            question = {"model": name, "messages": [{"role": "user", "content": "What is the capital of France?"}]}
            answer = await client.post(
                f"{url}/v1/chat/completions", json={**question, "max_tokens": 16, "temperature": 0}
            )
            assert "Paris" in answer.json()["choices"][0]["message"]["content"]
        await stop(engine, process)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    reader = PhaseReader(engine.log)
    reader.feed(lines_of(log.read_text(errors="replace")), at=1.0)
    assert [span.phase for span in reader.spans][-1] is Phase.READY
    return reader


def begin(argv: tuple[str, ...], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT, env=env, start_new_session=True)


async def ready(
    engine: Engine, client: httpx2.AsyncClient, url: str, name: str, process: subprocess.Popen[bytes], log: Path
) -> None:
    begun = time.monotonic()
    async with asyncio.timeout(300):
        while not (result := await engine.probe(client, url, name, "")).ready:
            assert process.poll() is None, log.read_text()[-4000:]
            assert not result.healthy, result.evidence  # healthy, but not serving the model: it never will
            await asyncio.sleep(0.2)
    print(f"{engine.title} ready after {time.monotonic() - begun:.0f} s: {result.evidence}")


async def stop(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    for step in engine.stop_steps(is_ready=True, grace=20):
        assert step.signal != "KILL", "it did not end by itself"
        process.send_signal(getattr(signal, f"SIG{step.signal}"))
        try:
            await asyncio.to_thread(process.wait, step.wait)
        except subprocess.TimeoutExpired:
            continue
        return


async def test_vllm_serves_natively_and_says_so(vllm_folder: Path, model_folder: Path, tmp_path: Path) -> None:
    catalog = Catalog()
    installations = Installations(catalog, Paths.under(tmp_path / "home"), Bus())
    vllm = await installations.add("vllm", str(vllm_folder))
    assert (vllm.version, vllm.target, vllm.problem) == ("0.32.0+cpu", "CPU", "")
    reader = await serve_and_stop(
        catalog.get("vllm"),
        vllm,
        model_folder,
        tmp_path / "run.log",
        options={"max-model-len": 1024, "dtype": "float32", "enforce-eager": True},
        env={"VLLM_CPU_KVCACHE_SPACE": "1"},
    )
    assert reader.implementation is Implementation.NATIVE
    assert Phase.RESERVE_KV_CACHE in [span.phase for span in reader.spans]

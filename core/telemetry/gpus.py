"""NVIDIA GPUs through NVML, the driver's own library. What a GPU or driver doesn't tell is None, never a guess."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU at one moment. Sizes in bytes."""

    index: int
    """As NVML and `nvidia-smi` count."""
    name: str
    uuid: str
    memory_total: int
    """0 where the driver doesn't tell (a GPU that shares the processor's memory)."""
    memory_used: int
    """All that is not free, with what the driver keeps for itself."""
    utilisation: float | None
    """Percent of the last moments in which something ran."""
    temperature: float | None
    """Degrees Celsius."""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One look at all GPUs."""

    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    cuda: str = ""
    """The newest CUDA that the driver supports, such as `13.0`."""
    problem: str = ""
    """What keeps GPUs from being read; empty where all is well or there is no NVIDIA driver."""
    has_nvidia: bool = False
    """The driver's library is there."""


class GpuInventory:
    """Reads the GPUs. Blocks for some milliseconds, the first time longer: to be called in a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_open = False

    def read(self) -> GpuReading:
        """Look now. Never raises: what is wrong is in the reading."""
        # Imported late: it is large, and most machines of first-time users have no NVIDIA GPU.
        import pynvml

        with self._lock:
            try:
                if not self._is_open:
                    pynvml.nvmlInit()
                    self._is_open = True
                return _read_all(pynvml)
            except pynvml.NVMLError_LibraryNotFound:
                return GpuReading()
            except pynvml.NVMLError as error:
                self._close(pynvml)
                return GpuReading(problem=_problem(pynvml, error), has_nvidia=True)

    def close(self) -> None:
        """Let go of the library."""
        import pynvml

        with self._lock:
            self._close(pynvml)

    def _close(self, nvml: Any) -> None:
        if self._is_open:
            self._is_open = False
            # A driver that is gone can't be shut down either; the next read opens it anew.
            _ask(nvml, nvml.nvmlShutdown)


def _read_all(nvml: Any) -> GpuReading:
    gpus: list[Gpu] = []
    problems: list[str] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            gpus.append(_read_one(nvml, index))
        except nvml.NVMLError as error:  # one GPU that is lost doesn't hide the others
            problems.append(f"GPU {index}: {_problem(nvml, error)}")
    version = _ask(nvml, nvml.nvmlSystemGetCudaDriverVersion) or 0
    return GpuReading(
        tuple(gpus),
        driver=_text(_ask(nvml, nvml.nvmlSystemGetDriverVersion)),
        cuda=f"{version // 1000}.{version % 1000 // 10}" if version else "",
        problem=" ".join(problems),
        has_nvidia=True,
    )


def _read_one(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = _ask(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
    utilisation = _ask(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
    temperature = _ask(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
    return Gpu(
        index=index,
        name=_text(_ask(nvml, nvml.nvmlDeviceGetName, handle)) or "NVIDIA GPU",
        uuid=_text(_ask(nvml, nvml.nvmlDeviceGetUUID, handle)),
        memory_total=memory.total if memory else 0,
        memory_used=memory.used if memory else 0,
        utilisation=float(utilisation.gpu) if utilisation else None,
        temperature=None if temperature is None else float(temperature),
    )


def _ask(nvml: Any, question: Callable[..., Any], *arguments: Any) -> Any:
    """The answer, or None where this GPU or driver doesn't give one.

    Raises:
        NVMLError: the GPU or the whole driver is gone, so that no other question makes sense.
    """
    try:
        return question(*arguments)
    except (nvml.NVMLError_GpuIsLost, nvml.NVMLError_Uninitialized, nvml.NVMLError_DriverNotLoaded):
        if question is nvml.nvmlShutdown:
            return None
        raise
    except (nvml.NVMLError, UnicodeDecodeError):  # pynvml decodes names strictly
        return None


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _problem(nvml: Any, error: Any) -> str:
    known = {
        nvml.NVML_ERROR_DRIVER_NOT_LOADED: "The NVIDIA driver is installed, but not loaded.",
        nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "The NVIDIA driver was updated; restart the machine to use it.",
        nvml.NVML_ERROR_NO_PERMISSION: "This user may not use the NVIDIA driver.",
        nvml.NVML_ERROR_GPU_IS_LOST: "It has fallen off the bus; restart the machine.",
    }
    return known.get(error.value, f"The NVIDIA driver reports: {error}.")

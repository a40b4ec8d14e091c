"""The measured device: a GPU timed by CUDA events, or NumPy, to check the report itself."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import Any

import numpy as np

import xpnet as xn
from xpnet.errors import BackendUnavailableError

PACKAGES = ("cupy-cuda13x", "cupy-cuda12x", "nvmath-python", "torch", "triton", "jax", "jaxlib")


class Device(ABC):
    """A backend, and how time is measured on it.

    Attributes
    ----------
    name : str
        The backend's name, as `Model` takes it.
    clock : str
        How times are measured.
    precisions, checked : tuple of str
        Precisions in which training is timed, and in which its gradients are compared.
    """

    name: str
    clock: str
    precisions: tuple[str, ...] = ("float32",)
    checked: tuple[str, ...] = ("float32",)

    @property
    def backend(self) -> Any:
        """The backend, in float32."""
        return xn.backends.get(self.name)

    def backend_of(self, precision: str) -> Any:
        """The backend of a model with this precision."""
        settings = {} if precision == "float32" else {"precision": precision}
        return xn.MLP([1, 1], backend=self.name, **settings).network.backend

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until the device has done all work of all libraries in this process."""

    @abstractmethod
    def mark(self) -> Any:
        """The current time, after the device has become idle."""

    @abstractmethod
    def between(self, start: Any, end: Any) -> float:
        """Seconds from one mark to another."""

    @abstractmethod
    def describe(self) -> dict[str, str]:
        """A description of the device: name, memory, driver, versions."""

    def elapsed(self, run: Callable[[], Any], backend: Any = None) -> float:
        """Seconds from an idle device before a call to an idle device after it.

        The call works on the stream of `backend`, by default that of float32.
        """
        start = self.mark()
        with (backend or self.backend).work():
            run()
        return self.between(start, self.mark())

    def seconds(self, run: Callable[[], Any], repeats: int, backend: Any = None) -> float:
        """Seconds per call, over several consecutive calls."""

        def loop() -> None:
            for _ in range(repeats):
                run()

        return self.elapsed(loop, backend) / repeats

    def array(self, values: Any) -> Any:
        """These values on the device."""
        return self.backend.asarray(values)

    def normal(self, shape: tuple[int, ...], seed: int = 0) -> Any:
        """Normal random float32 numbers: zeros would be faster than real data."""
        return self.array(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32))


class Cuda(Device):
    """The first GPU that CuPy sees; times are measured between two CUDA events."""

    name, clock = "cupy", "CUDA events"
    precisions = ("float32", "tf32", "bfloat16")
    checked = (*precisions, "float16")

    def __init__(self) -> None:
        if self.backend.name != self.name:
            raise BackendUnavailableError("XPNET_FALLBACK replaces the GPU by NumPy")
        import cupy

        self.cupy = cupy

    def synchronize(self) -> None:
        self.cupy.cuda.runtime.deviceSynchronize()

    def mark(self) -> Any:
        self.synchronize()  # work may be on streams that the null stream does not wait for
        event = self.cupy.cuda.Event()
        event.record(self.cupy.cuda.Stream.null)
        return event

    def between(self, start: Any, end: Any) -> float:
        end.synchronize()
        return float(self.cupy.cuda.get_elapsed_time(start, end)) * 1e-3

    def describe(self) -> dict[str, str]:
        runtime = self.cupy.cuda.runtime
        found = runtime.getDeviceProperties(0)
        return {
            "gpu": found["name"].decode(),
            "compute capability": f"{found['major']}.{found['minor']}",
            "multiprocessors": str(found["multiProcessorCount"]),
            "memory": f"{found['totalGlobalMem'] / 2**30:.1f} GiB",
            "L2 cache": f"{found['l2CacheSize'] / 2**20:.0f} MiB",
            "driver": _driver(),
            "CUDA of the driver": str(runtime.driverGetVersion()),
            "CUDA runtime": str(runtime.runtimeGetVersion()),
            **versions(),
        }


class Host(Device):
    """NumPy in place of a GPU, timed by the host's clock."""

    name, clock = "numpy", "host clock"

    def synchronize(self) -> None:
        return

    def mark(self) -> float:
        return perf_counter()

    def between(self, start: float, end: float) -> float:
        return end - start

    def describe(self) -> dict[str, str]:
        return {"gpu": "none: NumPy stands in, to check the report itself", **versions()}


def versions() -> dict[str, str]:
    """Versions of the compared packages, and which of them are not installed."""
    return {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.splitlines()[0].strip()
    except (OSError, subprocess.SubprocessError, IndexError):
        return "unknown (nvidia-smi did not answer)"

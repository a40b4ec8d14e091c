"""Which backends can run here, for `xpnet info`."""

from importlib.util import find_spec
from typing import Any

import numpy as np

from xpnet.backends import cuda, select
from xpnet.backends.base import Status
from xpnet.errors import BackendUnavailableError

__all__ = ["status"]


def status() -> list[Status]:
    """Each backend by name: its version and devices, whether it can run here, and if not, why.

    Of CuPy's GPUs, only the first is probed. Each of the others has its own line and is probed on
    first use, because a probe takes memory. PyTorch and JAX are imported if they are installed.

    Returns
    -------
    list of Status
        ``name``, ``version`` (None if not installed), ``usable``, ``reason`` and ``devices``.
    """
    first = select.probed(0)[1]
    found = [Status("numpy", np.__version__, True, "works", ("cpu",)), first]
    if first.usable:
        others = range(1, cuda.count_devices(cuda.load()))
        found += [
            Status(select.device_name(i), first.version, True, "not probed yet") for i in others
        ]
    return [*found, *(_status(name, module) for name, module in select.WITH_DEVICE.items())]


def _status(name: str, module: Any) -> Status:
    """The status of a library that lists its devices itself."""
    if find_spec(name) is None:
        return Status(name, None, False, f"not installed: pip install 'xpnet[{name}]'")
    try:
        module.find()
        return Status(name, module.version(), True, "works", tuple(module.devices()))
    except BackendUnavailableError as error:
        return Status(name, None, False, str(error))

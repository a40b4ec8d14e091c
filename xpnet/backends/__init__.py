"""Backends: NumPy, CuPy, PyTorch, JAX or any Array API namespace, chosen for each object.

>>> import xpnet
>>> [s.name for s in xpnet.backends.status()]
['numpy', 'cupy', 'torch', 'jax']
"""

from xpnet.backends.base import Backend, BackendLike, PlannedBackend, Status
from xpnet.backends.data_types import check_float, dtype_name, is_float
from xpnet.backends.select import backend_of, get, namespace_of, resolve
from xpnet.backends.status import status
from xpnet.backends.traced import TracedBackend

__all__ = [
    "Backend",
    "BackendLike",
    "PlannedBackend",
    "Status",
    "TracedBackend",
    "backend_of",
    "check_float",
    "dtype_name",
    "get",
    "is_float",
    "namespace_of",
    "resolve",
    "status",
]

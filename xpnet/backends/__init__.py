"""Backends: NumPy, CuPy or any Array API namespace, chosen for each object.

>>> import xpnet
>>> [s.name for s in xpnet.backends.status()]
['numpy', 'cupy']
"""

from xpnet.backends.base import (
    Backend,
    BackendLike,
    PlannedBackend,
    check_float,
    dtype_name,
    is_float,
)
from xpnet.backends.select import Status, backend_of, get, resolve, status

__all__ = [
    "Backend",
    "BackendLike",
    "PlannedBackend",
    "Status",
    "backend_of",
    "check_float",
    "dtype_name",
    "get",
    "is_float",
    "resolve",
    "status",
]

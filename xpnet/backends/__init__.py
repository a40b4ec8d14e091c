"""Where arrays live: NumPy, CuPy or any Array API namespace, chosen for each object.

>>> import xpnet
>>> [s.name for s in xpnet.backends.status()]
['numpy', 'cupy']
"""

from xpnet.backends.base import Backend, dtype_name
from xpnet.backends.select import Status, backend_of, get, resolve, status

__all__ = ["Backend", "Status", "backend_of", "dtype_name", "get", "resolve", "status"]

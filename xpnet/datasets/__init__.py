"""Real data: well-known data sets, and your own tables."""

from xpnet.datasets.bundled import digits, iris
from xpnet.datasets.dataset import Dataset
from xpnet.datasets.idx import read_idx
from xpnet.datasets.images import fashion_mnist, mnist
from xpnet.datasets.labeled_table import Table, read_table

__all__ = [
    "Dataset",
    "Table",
    "digits",
    "fashion_mnist",
    "iris",
    "mnist",
    "read_idx",
    "read_table",
]

"""Tables: columns of numbers, categories and dates, from files and data frames to a network."""

from xpnet.tabular.feature import Feature
from xpnet.tabular.frames import as_table
from xpnet.tabular.guess import Kind, Labels, Task, guess_kind, target_labels
from xpnet.tabular.prepared import Prepared
from xpnet.tabular.read import read
from xpnet.tabular.schema import Schema
from xpnet.tabular.table import Column, Table
from xpnet.tabular.table_model import TableModel
from xpnet.tabular.target import Target

__all__ = [
    "Column",
    "Feature",
    "Kind",
    "Labels",
    "Prepared",
    "Schema",
    "Table",
    "TableModel",
    "Target",
    "Task",
    "as_table",
    "guess_kind",
    "read",
    "target_labels",
]

"""Tables: columns of numbers, categories and dates, from files and data frames to a network."""

from xpnet.tabular.column import Column, Texts
from xpnet.tabular.feature import Feature
from xpnet.tabular.frames import as_table
from xpnet.tabular.guess import Kind, Task, guess_kind
from xpnet.tabular.partial_dependence import Dependence, dependence
from xpnet.tabular.permutation import Importance, importance
from xpnet.tabular.prepared import Prepared
from xpnet.tabular.read import read
from xpnet.tabular.schema import Schema
from xpnet.tabular.table import Table
from xpnet.tabular.table_model import TableModel
from xpnet.tabular.target import Target

__all__ = [
    "Column",
    "Dependence",
    "Feature",
    "Importance",
    "Kind",
    "Prepared",
    "Schema",
    "Table",
    "TableModel",
    "Target",
    "Task",
    "Texts",
    "as_table",
    "dependence",
    "guess_kind",
    "importance",
    "read",
]

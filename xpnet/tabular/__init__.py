"""Tables: columns of numbers, categories and dates, from files and data frames to a network."""

from xpnet.tabular.frames import as_table
from xpnet.tabular.guess import Kind, Labels, Task, guess_kind, target_labels
from xpnet.tabular.read import read
from xpnet.tabular.table import Column, Table

__all__ = ["Column", "Kind", "Labels", "Table", "Task", "as_table", "guess_kind", "read", "target_labels"]

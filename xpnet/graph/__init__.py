"""Trace a network into a graph, differentiate it and plan it: each once. Then only run it."""

from xpnet.graph.autodiff import gradients
from xpnet.graph.graph import Graph, ParameterSpec, TraceSettings
from xpnet.graph.graph_words import in_words
from xpnet.graph.interpret import interpret
from xpnet.graph.lookups import Lookup, check_numbers, lookups, numbers_of
from xpnet.graph.node import Node, Part
from xpnet.graph.parameters import ParameterTable
from xpnet.graph.plan import Arena, Plan, distinct
from xpnet.graph.scope import above, under_any
from xpnet.graph.share import Share
from xpnet.graph.step_values import Scheduled, StepValues
from xpnet.graph.trace import checked, trace
from xpnet.graph.transform import initialize, value_and_grad
from xpnet.graph.value import Value

__all__ = [
    "Arena",
    "Graph",
    "Lookup",
    "Node",
    "ParameterSpec",
    "ParameterTable",
    "Part",
    "Plan",
    "Scheduled",
    "Share",
    "StepValues",
    "TraceSettings",
    "Value",
    "above",
    "check_numbers",
    "checked",
    "distinct",
    "gradients",
    "in_words",
    "initialize",
    "interpret",
    "lookups",
    "numbers_of",
    "trace",
    "under_any",
    "value_and_grad",
]

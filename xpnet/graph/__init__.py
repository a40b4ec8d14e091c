"""Trace a network once into a graph, differentiate it once, plan it once, then only run it."""

from xpnet.graph.autodiff import gradients
from xpnet.graph.interpret import interpret
from xpnet.graph.parameters import ParameterTable
from xpnet.graph.plan import Arena, Plan, distinct
from xpnet.graph.scope import under
from xpnet.graph.trace import checked, trace
from xpnet.graph.transform import initialise, value_and_grad
from xpnet.graph.value import Graph, Node, ParameterSpec, Value

__all__ = [
    "Arena",
    "Graph",
    "Node",
    "ParameterSpec",
    "ParameterTable",
    "Plan",
    "Value",
    "checked",
    "distinct",
    "gradients",
    "initialise",
    "interpret",
    "trace",
    "under",
    "value_and_grad",
]

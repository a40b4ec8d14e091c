"""The memory planner, by simulation: no value is overwritten while it may still be read."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet.graph import Graph, Node, Value
from xpnet.graph.memory import lay_out

LINE = 64
SHAPES = [(), (0, 3), (8,), (9,), (4, 16), (16, 4), (100,), (1000,)]


def value(kind, name, shape, dtype="float64"):
    return Value(None, kind, name, shape, dtype)


@st.composite
def programs(draw):
    """Nodes, held values, values with other memory, and the inputs that may be overwritten."""
    shape, dtype = st.sampled_from(SHAPES), st.sampled_from(["float32", "float64", "int64"])
    values = [value("input", f"x{i}", draw(shape)) for i in range(draw(st.integers(1, 3)))]
    inputs = list(values)
    values.append(value("parameter", "p", draw(shape)))
    nodes, inplace = [], {}
    for i in range(draw(st.integers(0, 14))):
        reads = tuple(draw(st.lists(st.sampled_from(values), min_size=1, max_size=3)))
        reads += reads[: draw(st.integers(0, 1))]  # the same value twice, as in x * x
        # Often the shape and type of an input, so that overwriting it is possible.
        like = draw(st.sampled_from(reads))
        if not draw(st.booleans()):
            like = value("node", "", draw(shape), draw(dtype))
        output = value("node", f"v{i}", like.shape, like.dtype)
        saved = value("node", f"r{i}", draw(shape)) if draw(st.booleans()) else None
        node = Node(None, reads, {}, tuple(v for v in (output, saved) if v is not None))
        nodes.append(node)
        inplace[id(node)] = tuple(draw(st.sets(st.integers(0, len(reads) - 1))))
        values += [v for v in (output, saved) if v is not None]
    computed = [v for v in values if v.kind == "node"]
    outputs = [v for v in computed if draw(st.integers(0, 4)) == 0]
    elsewhere = {v for v in values if v.kind == "parameter"}
    elsewhere |= {v for v in computed if v not in outputs and draw(st.integers(0, 5)) == 0}
    return nodes, inputs, outputs, elsewhere, lambda node: inplace[id(node)]


class Memory:
    """Which value each cache line belongs to."""

    def __init__(self, layout):
        self.offsets = layout.offsets
        self.owner = [None] * (layout.size // LINE)

    def lines(self, v):
        size = int(np.prod(v.shape)) * np.dtype(v.dtype).itemsize
        start, rest = divmod(self.offsets[v], LINE)
        assert rest == 0, "not aligned"
        return slice(start, start - (-size // LINE))

    def write(self, v):
        lines = self.lines(v)
        assert lines.stop <= len(self.owner), "beyond the arena"
        self.owner[lines] = [v] * (lines.stop - lines.start)

    def intact(self, v):
        return all(owner is v for owner in self.owner[self.lines(v)])


def overlap(memory, a, b):
    first, second = memory.lines(a), memory.lines(b)
    return max(first.start, second.start) < min(first.stop, second.stop)


@settings(max_examples=400, deadline=None)
@given(programs())
def test_no_value_is_overwritten_while_it_is_needed(program):
    nodes, inputs, outputs, elsewhere, inplace = program
    layout = lay_out(nodes, [*inputs, *outputs], elsewhere, inplace)
    assert not elsewhere & layout.offsets.keys()
    memory = Memory(layout)
    for v in inputs:
        memory.write(v)
    for node in nodes:
        here = [v for v in node.inputs if v not in elsewhere]
        for v in here:
            assert memory.intact(v), f"{v} was overwritten before {node.output} read it"
        written = [v for v in node.outputs if v not in elsewhere]
        allowed = {node.inputs[i] for i in inplace(node)}
        for v in here:
            for w in written:
                if overlap(memory, v, w):
                    assert w is node.output
                    assert v in allowed
                    assert node.inputs.count(v) == 1
                    assert (v.shape, v.dtype) == (w.shape, w.dtype)
        if len(written) == 2:
            assert not overlap(memory, *written)
        for v in written:
            memory.write(v)
    assert all(memory.intact(v) for v in [*inputs, *outputs]), "not kept to the end"


def chain(length, inplace):
    graph_values = [value("input", "x", (1000,))]
    nodes = []
    for i in range(length):
        nodes.append(Node(None, (graph_values[-1],), {}, (value("node", f"v{i}", (1000,)),)))
        graph_values.append(nodes[-1].output)
    return lay_out(nodes, [graph_values[0], graph_values[-1]], set(), lambda node: inplace)


def test_memory_is_reused():
    """A long chain needs no more than a short one: two alternating buffers, or one in place."""
    assert chain(20, ()).size == chain(5, ()).size
    assert chain(20, (0,)).size < chain(20, ()).size
    assert len(chain(20, (0,)).shared) == 18


def test_graph_values_are_not_compared_by_content():
    """Values are keys: two of the same shape are two."""
    graph = Graph()
    assert graph.input("a", (2,), "float32") != graph.input("a", (2,), "float32")

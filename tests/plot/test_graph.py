"""Pictures of computational graphs: their boxes, arrows and words."""

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import xpnet as xn
from xpnet.graph import Graph, gradients, trace


def words(ax):
    return [text.get_text().replace("\N{MULTIPLICATION SIGN}", "x") for text in ax.texts]


def count(ax, kind):
    return sum(isinstance(patch, kind) for patch in ax.patches)


def shape(ax):
    """Numbers of boxes and arrows."""
    return count(ax, FancyBboxPatch), count(ax, FancyArrowPatch)


def scalars(function, names):
    return trace(function, [(name, (), "float64") for name in names])


def residual():
    inner = xn.Sequential(xn.Dense(8, "relu"), xn.Dense(8))
    return xn.Model(xn.Sequential(xn.Dense(8), xn.Residual(inner)), input_shape=5).build()


def test_a_network_by_layers(saved):
    ax = xn.plot.graph(xn.MLP([64, 32, 10]).build())
    assert shape(ax) == (4, 3)
    assert words(ax) == [
        *("x", "n x 64"),
        *("affine", "layers.0", "weight 64 x 32", "bias 32", "→ n x 32"),
        *("relu", "→ n x 32"),
        *("affine", "layers.2", "weight 32 x 10", "bias 10", "→ n x 10"),
    ]
    assert saved(ax).startswith(b"\x89PNG")
    assert b"<svg" in saved(ax, "svg")


def test_a_network_by_ops():
    ax = xn.plot.graph(xn.MLP([64, 32, 10]).build(), "ops")
    assert shape(ax) == (8, 7)
    assert {"layers.0.weight", "64 x 32", "layers.0.bias", "layers.2.weight"} <= set(words(ax))


def test_a_residual_block_forks_and_joins(saved):
    ax = xn.plot.graph(residual())
    boxes = ["x", "affine", "affine", "relu", "affine", "add"]
    assert [w for w in words(ax) if w in set(boxes)] == boxes
    assert shape(ax) == (6, 6)
    saved(ax)


def test_a_graph_made_by_hand(saved):
    graph, _ = scalars(lambda x, y, z, w: (x * y + xn.ops.maximum(z, w)) * 2, "xyzw")
    ops = xn.plot.graph(graph, "ops")
    assert shape(ops) == (9, 8)
    assert words(ops) == [*"xyzw", "multiply", "maximum", "add", "2", "multiply"]
    folded = xn.plot.graph(graph)
    assert shape(folded) == (8, 7)
    assert words(folded)[-2:] == ["multiply", "2"]
    saved(ops)


def test_a_value_read_twice_has_two_arrows():
    graph, _ = scalars(lambda x: x * x, "x")
    assert shape(xn.plot.graph(graph)) == (2, 2)


def test_the_result_has_a_thick_border():
    graph, _ = scalars(lambda x, y: x * y + y, "xy")
    ax = xn.plot.graph(graph)
    widths = [p.get_linewidth() for p in ax.patches if isinstance(p, FancyBboxPatch)]
    assert max(widths[:-1]) < widths[-1]


def test_the_backward_part_is_drawn_if_asked_for(saved):
    graph, loss = scalars(lambda x, y: xn.ops.exp(x * y), "xy")
    forward = shape(xn.plot.graph(graph))
    gradients(graph, loss, graph.inputs)
    assert shape(xn.plot.graph(graph)) == forward
    ax = xn.plot.graph(graph, backward=True)
    assert {"exp.vjp_x", "multiply.vjp_a", "multiply.vjp_b"} <= set(words(ax))
    faces = {p.get_facecolor() for p in ax.patches if isinstance(p, FancyBboxPatch)}
    assert len(faces) == 3  # inputs, ops, gradients
    saved(ax)


def test_settings_and_constant_arrays_are_named():
    graph, _ = trace(
        lambda x: xn.ops.sum(x * np.ones(3), axis=-1, keepdims=True), [("x", (2, 3), "float64")]
    )
    folded, ops = words(xn.plot.graph(graph)), words(xn.plot.graph(graph, "ops"))
    assert {"axis = -1", "constant 3", "→ 2 x 1"} <= set(folded)
    assert {"constant", "3"} <= set(ops)


@pytest.mark.parametrize("detail", ["layers", "ops"])
def test_text_stays_inside_its_box(detail, renderer):
    ax = xn.plot.graph(residual(), detail)
    drawn = renderer(ax.figure)
    boxes = [p.get_window_extent() for p in ax.patches if isinstance(p, FancyBboxPatch)]
    for text in ax.texts:
        place = text.get_window_extent(drawn)
        holders = [
            b for b in boxes if b.x0 <= place.x0 and place.x1 <= b.x1 and b.y0 <= place.y0 <= b.y1
        ]
        assert len(holders) == 1, text.get_text()


def test_the_users_axes_are_drawn_into_with_smaller_letters():
    from matplotlib.figure import Figure

    ax = Figure(figsize=(2, 2)).add_subplot()
    assert xn.plot.graph(residual(), ax=ax) is ax
    assert ax.texts[0].get_fontsize() < 9


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: p.graph(residual(), "layer"), "UnknownNameError", "Did you mean 'layers'"),
        (lambda p: p.graph(residual(), backward=True), "ArgumentError", "no backward part"),
        (lambda p: p.graph(xn.Dense(3)), "ArgumentError", "a Model or a Graph, got Dense"),
        (lambda p: p.graph(scalars(lambda x: x * x, "x")), "ArgumentError", "pass the first of"),
        (lambda p: p.graph(Graph()), "ArgumentError", "graph is empty"),
        (lambda p: p.graph(xn.Model(xn.Dense(3))), "ArgumentError", "shape of one sample"),
    ],
)
def test_what_cannot_be_drawn(call, error, message):
    with pytest.raises(getattr(xn.errors, error), match=message):
        call(xn.plot)


@pytest.mark.parametrize("detail", ["layers", "ops"])
def test_noise_in_a_training_graph(detail):
    net = xn.Sequential(xn.Dense(3), xn.Dropout(0.5), xn.GaussianNoise(0.1))
    found, _ = trace(net, [("x", (7, 4), "float32")], training=True)
    shown = [text.get_text() for text in xn.plot.graph(found, detail).texts]
    assert any("dropout" in text for text in shown)
    assert any("step" in text for text in shown)

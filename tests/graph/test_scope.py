"""Dotted names of layers, with many layers and many names."""

import xpnet as xn
from xpnet.graph import trace
from xpnet.nn.layer import call


def test_many_layers_of_one_name_in_one_scope():
    """A layer that is called without a name gets the next free one, also beside chosen names."""

    def net(x):
        call(xn.Dense(1), x, name="dense_2")
        for _ in range(300):
            call(xn.Dense(1), x)
        return call(xn.Dense(1), x, name="dense")

    graph, _ = trace(net, [("x", (2, 3), "float32")])
    found = [name.removesuffix(".bias") for name in graph.specs if name.endswith(".bias")]
    free = ["dense", "dense_1", *(f"dense_{i}" for i in range(3, 302))]
    assert found == ["dense_2", *free]


def test_frozen_names_cover_what_is_below_them_only():
    for frozen, trained in [
        (("layers.1",), {"layers.0", "layers.10"}),
        (("layers",), set()),
        (("layers.1.bias", "layers.10.weight"), {"layers.0", "layers.1", "layers.10"}),
        (("layer", "layers.1.b", "ayers.0"), {"layers.0", "layers.1", "layers.10"}),
    ]:
        net = xn.Sequential(*(xn.Dense(2) if i in (0, 1, 10) else xn.ReLU() for i in range(11)))
        graph, _ = trace(net, [("x", (2, 3), "float32")], frozen=frozen)
        names = {name.rpartition(".")[0] for name, spec in graph.specs.items() if spec.trainable}
        assert names == trained

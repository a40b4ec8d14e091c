"""Losses and gradients of a small MLP against torch's autograd, interpreted and planned."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import Dense, Residual, Sequential, ops
from xpnet.backends import get
from xpnet.graph import Graph, Plan, distinct, gradients, initialize, interpret
from xpnet.nn import get_loss, mean_over_samples

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
F = torch.nn.functional

N, FEATURES, CLASSES = 7, 5, 4
rng = np.random.default_rng(1)
X = rng.normal(size=(N, FEATURES))
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 0.25, 1.0])
SOFT = rng.dirichlet(np.ones(CLASSES), N)
BINARY = rng.integers(0, 2, (N, CLASSES)).astype(float)
REAL = rng.normal(size=(N, CLASSES))


def by_sample(function):
    """Torch's losses keep the outputs apart; ours average them within a sample."""
    return lambda z, t: function(z, t, reduction="none").mean(-1)


LOSSES = {
    "classes": ("softmax_cross_entropy", np.arange(N) % CLASSES,
                lambda z, t: F.cross_entropy(z, t, reduction="none")),
    "soft classes": ("softmax_cross_entropy", SOFT,
                     lambda z, t: F.cross_entropy(z, t, reduction="none")),
    "binary": ("binary_cross_entropy_with_logits", BINARY,
               by_sample(F.binary_cross_entropy_with_logits)),
    "soft binary": ("binary_cross_entropy_with_logits", SOFT,
                    by_sample(F.binary_cross_entropy_with_logits)),
    "real": ("mean_squared_error", REAL, by_sample(F.mse_loss)),
}  # fmt: skip


def network():
    return Sequential(Dense(6, "tanh"), Residual(Dense(6, "relu"), Dense(6, "sigmoid")), Dense(4))


def ours(loss, target, weights, planned):
    """Loss and gradients by name, and the parameters that they belong to."""
    graph, backend = Graph(), get("numpy")
    x = graph.input("x", X.shape, "float64")
    t = graph.input("t", target.shape, str(target.dtype))
    feeds = {x: X, t: target}
    w = None
    if weights is not None:
        w = graph.input("w", weights.shape, "float64")
        feeds[w] = weights
    values = get_loss(loss).function(graph.scope.call(network(), x, name=""), t)
    total = mean_over_samples(loss, values, N, w)
    wanted = distinct([total, *gradients(graph, total, list(graph.parameters.values()))])
    start = initialize(graph, backend, "float64", 3)
    given = {value: start[name] for name, value in graph.parameters.items()}
    if planned:
        plan = Plan(graph, backend, given, wanted)
        for value, array in feeds.items():
            plan.array(value)[...] = array
        plan.run()
        found = [plan.array(value) for value in wanted]
    else:
        found = interpret(graph, np, {**feeds, **given}, wanted)
    return found[0], dict(zip(start, found[1:], strict=True)), start


def theirs(start, function, target, weights):
    p = {name: torch.tensor(a, requires_grad=True) for name, a in start.items()}

    def dense(x, path):
        return x @ p[f"{path}.weight"] + p[f"{path}.bias"]

    h = torch.tanh(dense(torch.tensor(X), "layers.0"))
    inner = torch.relu(dense(h, "layers.1.inner.layers.0"))
    h = h + torch.sigmoid(dense(inner, "layers.1.inner.layers.1"))
    values = function(dense(h, "layers.2"), torch.tensor(target))
    if weights is None:
        loss = values.mean()
    else:
        loss = (values * torch.tensor(weights)).sum() / weights.sum()
    loss.backward()
    return loss.item(), {name: t.grad.numpy() for name, t in p.items()}


@pytest.mark.parametrize("planned", [False, True], ids=["interpreted", "planned"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(("loss", "target", "function"), LOSSES.values(), ids=list(LOSSES))
def test_loss_and_gradients_as_torch_has_them(loss, target, function, weights, planned):
    value, grads, start = ours(loss, target, weights, planned)
    wanted, wanted_grads = theirs(start, function, target, weights)
    assert_allclose(value, wanted, rtol=1e-12)
    assert set(grads) == set(wanted_grads)
    for name, gradient in grads.items():
        assert_allclose(gradient, wanted_grads[name], rtol=1e-12, atol=1e-14, err_msg=name)


def test_metrics_by_hand():
    z = np.array([[0.1, 2.0, -1.0], [3.0, 1.0, 0.0], [0.0, 0.5, 0.25]])
    assert_allclose(ops.accuracy(z, np.array([1, 2, 1])), [1, 0, 1])
    assert_allclose(ops.binary_accuracy(z, (z > 0.3) * 1.0), [2 / 3, 1, 2 / 3])

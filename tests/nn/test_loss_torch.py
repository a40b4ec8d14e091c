"""Every loss that PyTorch has: the same values and gradients, in float64, with weights too."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.graph import value_and_grad
from xpnet.nn import loss_metric

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
F = torch.nn.functional

N, K = 9, 4
RNG = np.random.default_rng(0)
Z = 2 * RNG.normal(size=(N, K))
P = torch.tensor(Z).softmax(-1).numpy()
REAL, WIDE = 2 * RNG.normal(size=(N, K)), RNG.normal(size=(N, 2 * K))
LABELS = RNG.integers(0, K, N)
ONE_HOT, BITS = np.eye(K)[LABELS], (REAL > 0).astype(float)
SOFT = np.abs(REAL) / np.abs(REAL).sum(-1, keepdims=True)
COUNTS = RNG.poisson(3.0, (N, K)).astype(float)
WEIGHTS = np.arange(N) % 4 * 0.5


def columns(function, **settings):
    """The mean over the columns of a torch loss."""
    return lambda z, t: function(z, t, reduction="none", **settings).mean(-1)


def rows(function, **settings):
    return lambda z, t: function(z, t, reduction="none", **settings)


def pinball(q):
    return lambda z, t: torch.maximum(q * (t - z), (q - 1) * (t - z)).mean(-1)


def gaussian(z, t):
    mean, log_variance = z[:, :K], z[:, K:]
    return F.gaussian_nll_loss(mean, t, log_variance.exp(), reduction="none").mean(-1)


def focal(gamma):
    def function(z, t):
        c = F.cross_entropy(z, t, reduction="none")
        return (1 - torch.exp(-c)) ** gamma * c

    return function


def binary_focal(z, t):
    p = torch.sigmoid(z)
    right = p * t + (1 - p) * (1 - t)
    c = F.binary_cross_entropy_with_logits(z, t, reduction="none")
    return ((1 - right) ** 2 * c).mean(-1)


LOSSES = xn.losses
CASES = [
    (LOSSES.mean_squared_error(), Z, REAL, columns(F.mse_loss)),
    (LOSSES.half_mean_squared_error(), Z, REAL, lambda z, t: ((z - t) ** 2).mean(-1) / 2),
    (LOSSES.residual_sum_of_squares(), Z, REAL, lambda z, t: ((z - t) ** 2).sum(-1)),
    (LOSSES.mean_absolute_error(), Z, REAL, columns(F.l1_loss)),
    (LOSSES.huber(), Z, REAL, columns(F.huber_loss)),
    (LOSSES.huber(delta=2.5), Z, REAL, columns(F.huber_loss, delta=2.5)),
    (LOSSES.log_cosh(), Z, REAL, lambda z, t: torch.log(torch.cosh(z - t)).mean(-1)),
    (LOSSES.quantile(), Z, REAL, pinball(0.5)),
    (LOSSES.quantile(0.9), Z, REAL, pinball(0.9)),
    (LOSSES.quantile([0.1, 0.5, 0.6, 0.9]), Z, REAL[:, :1],
     pinball(torch.tensor([0.1, 0.5, 0.6, 0.9], dtype=torch.float64))),
    (LOSSES.poisson(), Z, COUNTS, columns(F.poisson_nll_loss, log_input=True)),
    (LOSSES.gaussian_nll(), WIDE, REAL, gaussian),
    (LOSSES.softmax_cross_entropy(), Z, LABELS, rows(F.cross_entropy)),
    (LOSSES.softmax_cross_entropy(), Z, SOFT, rows(F.cross_entropy)),
    (LOSSES.softmax_cross_entropy(0.1), Z, LABELS, rows(F.cross_entropy, label_smoothing=0.1)),
    (LOSSES.softmax_cross_entropy(0.3), Z, SOFT, rows(F.cross_entropy, label_smoothing=0.3)),
    (LOSSES.cross_entropy(), P, LABELS, lambda p, t: F.nll_loss(p.log(), t, reduction="none")),
    (LOSSES.cross_entropy(), P, SOFT, lambda p, t: -(t * p.log()).sum(-1)),
    (LOSSES.focal(), Z, LABELS, focal(2.0)),
    (LOSSES.focal(0.5), Z, ONE_HOT, focal(0.5)),
    (LOSSES.focal(0.0), Z, LABELS, rows(F.cross_entropy)),
    (LOSSES.binary_cross_entropy_with_logits(), Z, BITS,
     columns(F.binary_cross_entropy_with_logits)),
    (LOSSES.binary_cross_entropy(), P, BITS, columns(F.binary_cross_entropy)),
    (LOSSES.binary_cross_entropy(), P, SOFT, columns(F.binary_cross_entropy)),
    (LOSSES.binary_focal(), Z, BITS, binary_focal),
    (LOSSES.binary_focal(0.0), Z, SOFT, columns(F.binary_cross_entropy_with_logits)),
    (LOSSES.hinge(), Z, BITS, lambda z, t: torch.relu(1 - (2 * t - 1) * z).mean(-1)),
    (LOSSES.multiclass_hinge(), Z, LABELS, rows(F.multi_margin_loss)),
]  # fmt: skip
IDS = [f"{i}-{case[0].name}" for i, case in enumerate(CASES)]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("loss", "output", "target", "reference"), CASES, ids=IDS)
def test_values_and_gradients(loss, output, target, reference, weighted):
    w = WEIGHTS if weighted else None

    def function(z):
        weights = None if w is None else z.graph.constant(w, "float64")
        kind = "float64" if target.dtype.kind == "f" else "int64"
        return loss_metric(loss).parts(z, z.graph.constant(target, kind), N, weights)[0]

    value, gradient = value_and_grad(function)(output)
    z = torch.tensor(output, requires_grad=True)
    each = reference(z, torch.tensor(target))
    share = torch.ones(N).double() if w is None else torch.tensor(w)
    expected = (each * share).sum() / (1 if loss.reduction == "sum" else share.sum())
    expected.backward()
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(gradient, z.grad.numpy(), rtol=1e-12, atol=1e-14)


def test_every_loss_is_here():
    assert {case[0].name for case in CASES} == {xn.losses.get(n).name for n in xn.losses.names()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_probabilities_of_0_and_1_are_safe(dtype):
    p = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], dtype)
    t = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype)
    function = value_and_grad(lambda p: xn.ops.sum(xn.ops.binary_cross_entropy(p, t)))
    with np.errstate(divide="ignore"):
        value, gradient = function(p)
    given = torch.tensor(p, requires_grad=True)
    expected = F.binary_cross_entropy(given, torch.tensor(t), reduction="sum") / 2
    expected.backward()
    np.testing.assert_allclose(value, expected.item(), rtol=1e-6)
    np.testing.assert_allclose(gradient, given.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", xn.losses.names())
def test_huge_logits_give_no_nan(name):
    """Nor do probabilities of 0 and 1: e**160 is finite, and larger losses are so for all."""
    loss = xn.losses.get(name)
    z = np.array([[80.0, -80.0, 0.0, -80.0]] * 4) * 2
    if name in ("cross_entropy", "binary_cross_entropy", "bce"):
        z = np.array([[1.0, 0.0, 0.0, 0.0]] * 4)
    target = np.eye(4) if loss.target != "real" or loss.columns is None else np.eye(4)[:, :2]

    def function(z):
        return xn.ops.sum(loss(z, z.graph.constant(target, "float64")))

    with np.errstate(divide="ignore"):
        value, gradient = value_and_grad(function)(z)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()

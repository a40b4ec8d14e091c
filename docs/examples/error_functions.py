"""Error functions, their deltas and slopes, in matrix notation.

From the chapter on error functions and matrix notation. Each row of X is a sample, and the same
row of T is its target. The last input is always 1, so the bias is one more row of W. A layer is
then one product, Y = f(X W). Its error, and the rule that follows from it, are

    E = 1/2 sum_nk (y_nk - t_nk)**2 = 1/2 trace((Y - T)^T (Y - T))      dE/dW = X^T (Y - T)

for f(z) = z. This is the delta rule: it multiplies the inputs by the errors of the outputs. The
delta is dE/dz. It is also y - t for sigmoid and softmax outputs, if each is paired with its
matching error function, the cross-entropy. With the sum of squares, the slope of the activation
function would keep an output that is completely wrong from learning.

A sum of squares also gives the most weight to the samples that are farthest off. Errors that grow
only linearly (the absolute error, Huber's, ln cosh) do not. A line fitted to data with outliers
shows this.
"""

import numpy as np
from support import options, table

import xpnet as xn

ops = xn.ops
ACTIVATIONS = {
    "identity": ops.identity,
    "step": ops.step,
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "relu": ops.relu,
    "leaky_relu": ops.leaky_relu,
    "elu": ops.elu,
    "softplus": ops.softplus,
    "softsign": ops.softsign,
    "gelu": ops.gelu,
}
LINE = (2.0, 1.0)  # slope and intercept of the data with outliers
ERRORS = {
    "mean_squared_error": lambda d: d * d,
    "mean_absolute_error": ops.abs,
    "huber": lambda d: ops.huber(d, delta=1.0),
    "log_cosh": ops.log_cosh,
}


def slope(function, x: np.ndarray) -> np.ndarray:
    """The derivative of an elementwise function at each x, by back-propagation."""
    return xn.value_and_grad(lambda v: ops.sum(function(v)))(x)[1]


def activation_functions() -> None:
    """Values and slopes, compared with difference quotients."""
    x, h = np.array([-2.0, -0.5, 0.5, 2.0]), 1e-6
    rows = []
    for name, f in ACTIVATIONS.items():
        quotients = (f(x + h) - f(x - h)) / (2 * h)
        assert np.allclose(slope(f, x), quotients, rtol=0, atol=1e-8), f"the slope of {name}"
        rows.append((name, *map(float, f(x)), *map(float, slope(f, x))))
    head = [f"{what}({at:g})" for what in ("f", "f'") for at in x]
    print("activation functions; their slopes equal difference quotients within 1e-8:")
    print(table([("", *head), *rows]))


def half_squares(y, t):
    """1/2 sum (y - t)**2."""
    return 0.5 * ops.sum((y - t) * (y - t))


def delta_rule(rng: np.random.Generator) -> None:
    """The sum of squares by elements and by matrices; its gradient by the rule and by xpnet."""
    X, T, W = (rng.normal(size=shape) for shape in ((8, 3), (8, 2), (4, 2)))
    ones = np.column_stack([X, np.ones(len(X))])
    Y = ones @ W
    elements = sum((Y[n, k] - T[n, k]) ** 2 for n in range(8) for k in range(2)) / 2
    matrices = np.trace((Y - T).T @ (Y - T)) / 2
    rule = ones.T @ (Y - T)
    value, gradient = xn.value_and_grad(lambda W: half_squares(ones @ W, T))(W)
    with_bias = xn.value_and_grad(lambda V, b: half_squares(ops.affine(X, V, b), T), wrt=(0, 1))
    print(f"\nsum of squares: by elements {elements:.12f}, by matrices {matrices:.12f}")
    print("X^T (Y - T); the last row belongs to the bias:", *map(str, rule.round(3)), sep="\n  ")
    assert np.allclose([matrices, float(value)], elements, rtol=0, atol=1e-12), "two errors"
    assert np.allclose(gradient, rule, rtol=0, atol=1e-12), "not the delta rule"
    assert np.allclose(np.vstack(with_bias(W[:3], W[3])[1]), rule, rtol=0, atol=1e-12), "the bias"


def deltas() -> None:
    """dE/dz for output activations with the matching error function, and with another one."""
    pairs = {
        "identity, sum of squares": (ops.identity, half_squares),
        "sigmoid, cross-entropy": (ops.sigmoid, summed_binary_cross_entropy),
        "softmax, cross-entropy": (ops.softmax, lambda y, t: ops.sum(ops.cross_entropy(y, t))),
        "sigmoid, sum of squares": (ops.sigmoid, half_squares),
    }
    z, t = np.array([[4.0, -1.0, 0.5]]), np.array([[0.0, 0.0, 1.0]])  # the first z is far too large
    rows = []
    for name, (activation, error) in pairs.items():
        delta = delta_of(activation, error, z, t)[0]
        wrong = (activation(z) - t)[0]
        rows.append((name, *map(float, delta), *map(float, wrong)))
        fits = np.allclose(delta, wrong, rtol=0, atol=1e-12)
        assert fits == (name != "sigmoid, sum of squares"), f"{name}: delta {delta}, y - t {wrong}"
    head = [f"{what} {k}" for what in ("delta", "y - t") for k in (1, 2, 3)]
    print(f"\nthe delta dE/dz at z = {z[0]} with t = {t[0]}:")
    print(table([("", *head), *rows]))


def summed_binary_cross_entropy(y, t):
    """The error of independent yes-or-no outputs, summed; the op averages it."""
    return y.shape[-1] * ops.sum(ops.binary_cross_entropy(y, t))


def delta_of(activation, error, z: np.ndarray, t: np.ndarray) -> np.ndarray:
    """dE/dz, back through the error function and the activation function."""
    return xn.value_and_grad(lambda z: error(activation(z), t))(z)[1]


def fit_line(X, y, loss: str, batch_size: int, epochs: int) -> tuple[float, float, list[float]]:
    """The slope, the intercept and the loss history of one linear unit."""
    model = xn.Model(
        xn.Dense(1, kernel_init="zeros"),
        loss=loss,
        optimizer=xn.SGD(xn.CosineDecay(0.1, epochs)),
        dtype="float64",
    )
    history = model.fit(X, y, epochs=epochs, batch_size=batch_size, verbose=False)
    w, b = model.parameters.values()
    return float(w[0, 0]), float(b[0]), history["loss"]


def batch_and_stochastic(rng: np.random.Generator, epochs: int) -> None:
    """One update per epoch from all samples, or one update per sample."""
    X = rng.uniform(-1.5, 1.5, size=(60, 1))
    y = LINE[0] * X + LINE[1] + rng.normal(scale=0.2, size=X.shape)
    best = np.polyfit(X[:, 0], y[:, 0], 1)
    rows = [("least squares", "", *map(float, best), "", "")]
    for name, size in (("batch", len(X)), ("20 at a time", 20), ("stochastic", 1)):
        w, b, loss = fit_line(X, y, "half_mean_squared_error", size, epochs)
        rows.append((name, -(-len(X) // size), w, b, loss[0], loss[2]))
        assert np.allclose((w, b), best, rtol=0, atol=0.02), f"{name} missed the best line"
    print(
        f"\nthe same learning rate for {epochs} epochs (the loss is measured before each update):"
    )
    head = ("", "updates per epoch", "slope", "intercept", "loss in epoch 1", "in epoch 3")
    print(table([head, *rows]))
    assert rows[3][-1] < rows[2][-1] < rows[1][-1], "more updates should be faster"


def outliers(rng: np.random.Generator):
    """Samples near the line; a tenth of them are far below it at its right end."""
    X = np.sort(rng.uniform(-1.5, 1.5, size=(60, 1)), axis=0)
    y = LINE[0] * X + LINE[1] + rng.normal(scale=0.2, size=X.shape)
    y[-6:] -= 8
    return X, y


def robust_fits(X, y, epochs: int) -> dict[str, tuple[float, float]]:
    """The line that each error function finds."""
    fits = {loss: fit_line(X, y, loss, len(X), epochs)[:2] for loss in ERRORS}
    print(f"\nlines through data from {LINE[0]:g} x + {LINE[1]:g}, 6 of 60 samples too low by 8:")
    print(table([("error", "slope", "height"), *((n, *line) for n, line in fits.items())]))
    least = np.polyfit(X[:, 0], y[:, 0], 1)
    assert np.allclose(fits["mean_squared_error"], least, rtol=0, atol=0.01), "not least squares"
    far = {name: abs(w - LINE[0]) for name, (w, _) in fits.items()}
    assert all(3 * far[n] < far["mean_squared_error"] for n in ERRORS if "squared" not in n), far
    return fits


def draw(X, y, fits, folder) -> None:
    """Draw the error functions, their slopes, and the lines."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4.2), layout="constrained")
    values, slopes, lines = figure.subplots(1, 3)
    d = np.linspace(-3, 3, 121)
    for name, error in ERRORS.items():
        values.plot(d, error(d), label=name.replace("_", " "))
        slopes.plot(d, slope(error, d))
        w, b = fits[name]
        lines.plot(X, w * X + b)
    values.set(title="error of one sample", xlabel="d = y - t", ylim=(0, 5))
    values.legend()
    slopes.set(title="its slope: how hard the sample pulls", xlabel="d = y - t", ylim=(-4, 4))
    lines.plot(X, y, "k.", zorder=1)
    lines.set(title="lines fitted to data with outliers", xlabel="x", ylabel="y")
    figure.savefig(folder / "error_functions.png", dpi=110)


def main() -> None:
    args = options(__doc__.splitlines()[0])
    epochs = 400 if args.quick else 2000
    rng = np.random.default_rng(0)
    activation_functions()
    delta_rule(rng)
    deltas()
    batch_and_stochastic(rng, epochs=200)
    X, y = outliers(rng)
    fits = robust_fits(X, y, epochs)
    if args.pictures:
        draw(X, y, fits, args.pictures)


if __name__ == "__main__":
    main()

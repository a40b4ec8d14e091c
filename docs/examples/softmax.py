"""Softmax, its gradient alone and with cross-entropy, and six optimizers on one surface.

From the repository of notes on softmax and optimizers. Softmax turns scores into probabilities,

    p_k = e**z_k / sum_j e**z_j = e**(z_k - max z) / sum_j e**(z_j - max z)

and only the second form works for large scores. Its Jacobian is dp_k/dz_j = p_k ([k = j] - p_j).
Back-propagation never computes that k x k matrix. It needs only its product with a vector gp,

    gz = p (gp - sum_j gp_j p_j)

If gp comes from cross-entropy, gp = -t / p, everything cancels to gz = p - t. The backward pass of
every classifier starts with this gradient. With two classes, softmax is the sigmoid of the
difference of the scores. A temperature T divides the scores: below 1 it sharpens the
probabilities, above 1 it flattens them.

In the second part, SGD, momentum, Nesterov, Adagrad, RMSprop and Adam descend Rosenbrock's valley,
f(x, y) = (1 - x)**2 + 20 (y - x**2)**2, from the same point. The walls are steep, the floor is
nearly flat and curved, and the minimum 0 is at (1, 1). Each optimizer has the best learning rate
of a grid for which its path never climbs above its start. The result holds for this
surface; it says nothing about others.
"""

import numpy as np
from support import options, table

import xpnet as xn

START = (-1.5, 2.0)
LEARNING_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
OPTIMIZERS = {
    "SGD": xn.SGD,
    "momentum": lambda rate: xn.SGD(rate, momentum=0.9),
    "Nesterov": lambda rate: xn.SGD(rate, momentum=0.9, nesterov=True),
    "Adagrad": xn.Adagrad,
    "RMSprop": xn.RMSprop,
    "Adam": xn.Adam,
}


def naive(z: np.ndarray) -> np.ndarray:
    """The first form, as it is written."""
    e = np.exp(z)
    return e / e.sum()


def jacobian(p: np.ndarray) -> np.ndarray:
    """dp_k/dz_j for one sample."""
    return np.diag(p) - np.outer(p, p)


def difference_quotients(f, z: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """The Jacobian of f at z, column by column, from two values per column."""
    steps = h * np.eye(len(z))
    return np.stack([(f(z + s) - f(z - s)) / (2 * h) for s in steps], axis=-1)


def overflow() -> None:
    """The two forms of softmax with large scores."""
    z = np.array([1000.0, 1001.0, 1002.0])
    with np.errstate(over="ignore", invalid="ignore"):
        print("softmax of", z, "naively:", naive(z))
        assert np.isnan(naive(z)).all(), "the naive form should overflow"
    stable = xn.ops.softmax(z)
    print("xn.ops.softmax:", stable, "and of scores smaller by 1000:", naive(z - 1000))
    assert np.allclose(stable, naive(z - 1000), rtol=0, atol=1e-15)


def gradients(z: np.ndarray, label: int) -> None:
    """The gradient of the cross-entropy with respect to the scores, in several ways."""
    p, t = xn.ops.softmax(z), np.eye(len(z))[label]
    J = jacobian(p)
    assert np.allclose(J, difference_quotients(xn.ops.softmax, z), rtol=0, atol=1e-9)
    print(f"\nthe Jacobian at z = {z} (equals difference quotients within 1e-9):\n{J.round(4)}")

    gp = -t / p  # cross-entropy's gradient with respect to p
    alone = xn.ops.softmax.vjps[0].fn(np, gp, p)  # the Jacobian-vector product, without J
    separate = xn.value_and_grad(
        lambda z: -xn.ops.sum(t * xn.ops.log(xn.ops.softmax(z)))  # softmax, then its logarithm
    )
    joint = xn.value_and_grad(lambda z: xn.ops.softmax_cross_entropy(z, np.array(label)))
    found = {
        "difference quotients": difference_quotients(
            lambda z: -np.log(xn.ops.softmax(z))[label], z
        ),
        "gp J, the whole matrix": gp @ J,
        "softmax's vjp with gp": alone,
        "value_and_grad, separate": separate(z)[1],
        "value_and_grad, joint": joint(z)[1],
        "p - t": p - t,
    }
    print(f"gradient of -ln p[{label}] with respect to the scores:")
    print(table([(name, *(f"{v:+.12f}" for v in values)) for name, values in found.items()]))
    for name, values in found.items():
        near = 1e-8 if name == "difference quotients" else 1e-14
        assert np.allclose(values, p - t, rtol=0, atol=near), f"{name} is not p - t"


def two_classes_and_temperature(z: np.ndarray) -> None:
    """Softmax of two scores is a sigmoid; the effect of a temperature."""
    x = np.linspace(-30, 30, 7)
    pair = xn.ops.softmax(np.stack([np.zeros_like(x), x], axis=-1))[:, 1]
    far = np.max(np.abs(pair - xn.ops.sigmoid(x)))
    print(f"\nsoftmax(0, x)[1] and sigmoid(x) differ by at most {far:.1e}")
    assert far < 1e-15
    rows, entropies = [], []
    for T in (0.1, 0.5, 1.0, 2.0, 10.0):
        p = xn.ops.softmax(z / T)
        entropies.append(float(-np.sum(p * np.log(p))))
        rows.append((f"{T:g}", *map(float, p), entropies[-1]))
    print(table([("temperature", *(f"p{k}" for k in range(len(z))), "entropy"), *rows]))
    assert entropies == sorted(entropies), "warmer should be flatter"


def rosenbrock(x, y):
    """f, of numbers, arrays or symbolic values."""
    return (1 - x) * (1 - x) + 20 * ((y - x * x) * (y - x * x))


class Point(xn.Layer):
    """A layer whose two parameters are a point; its input, zeros, is added to it."""

    def forward(self, x):
        """The point, once for each sample."""
        return x + self.parameter(x, "point", (2,), lambda xp, key, shape: xp.asarray(START))


def height(point, _):
    """f at the point, as a loss."""
    return xn.ops.mean(rosenbrock(point[:, :1], point[:, 1:]))


def run(optimizer, steps: int) -> np.ndarray:
    """The points (steps + 1, 2) on an optimizer's path; fewer if it diverges."""
    model = xn.Model(Point(), height, optimizer, dtype="float64", input_shape=2)
    point = model.build().parameters["point"]  # a live view
    path = [point.copy()]
    try:
        for _ in range(steps):
            model.train_on_batch(np.zeros((1, 2)), np.zeros((1, 2)))
            path.append(point.copy())
    except xn.errors.DivergedError:
        pass
    return np.array(path)


def best_run(make, steps: int) -> tuple[float, np.ndarray]:
    """The learning rate that ends lowest and never climbs above the start, and its path."""
    runs = [(learning_rate, run(make(learning_rate), steps)) for learning_rate in LEARNING_RATES]
    tame = [
        (learning_rate, path)
        for learning_rate, path in runs
        if len(path) > steps and np.all(rosenbrock(*path.T) <= rosenbrock(*START))
    ]
    return min(tame, key=lambda found: rosenbrock(*found[1][-1]))


def draw(paths: dict[str, np.ndarray], folder) -> None:
    """Draw the paths on the contours of the valley."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), layout="constrained")
    x, y = np.meshgrid(np.linspace(-2, 2, 200), np.linspace(-1, 3, 200))
    levels = np.geomspace(0.05, rosenbrock(x, y).max(), 14)
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    for ax, (name, path) in zip(axes.flat, paths.items(), strict=True):
        ax.contour(x, y, rosenbrock(x, y), levels, colors="#9a9a9a", linewidths=0.6)
        ax.plot(*path.T, ".-", color="#d55e00", ms=3, lw=0.8)
        ax.plot(1, 1, "k*", ms=10)
        last = rosenbrock(*path[-1])
        ax.set(title=f"{name}: f = {last:.2g}", xlim=(-2, 2), ylim=(-1, 3))
    figure.savefig(folder / "optimizers.png", dpi=110)


def optimizers(steps: int) -> dict[str, np.ndarray]:
    """Each optimizer's path with its best learning rate; print heights along the way."""
    found = {name: best_run(make, steps) for name, make in OPTIMIZERS.items()}
    print(f"\n{steps} steps from {START}, where f = {rosenbrock(*START):g}:")
    rows = []
    for name, (learning_rate, path) in found.items():
        f = [f"{rosenbrock(*path[n]):.2g}" for n in (10, 50, steps)]
        rows.append((name, f"{learning_rate:g}", *f, str(path[-1].round(3))))
    print(table([("", "learning rate", "f after 10", "after 50", "at the end", "at"), *rows]))
    return {name: path for name, (_, path) in found.items()}


def main() -> None:
    args = options(__doc__.splitlines()[0])
    overflow()
    z = np.array([2.0, -1.0, 0.5, 0.0])
    gradients(z, label=2)
    two_classes_and_temperature(z)

    paths = optimizers(steps=200 if args.quick else 500)
    last = {name: rosenbrock(*path[-1]) for name, path in paths.items()}
    assert last["momentum"] < last["SGD"], "momentum did not help in the valley"
    assert last["Adam"] < (0.02 if args.quick else 1e-9), "Adam did not reach the minimum"
    low = 5 if args.quick else 1
    assert all(value < low for value in last.values()), f"not all are below {low}: {last}"
    if args.pictures:
        draw(paths, args.pictures)


if __name__ == "__main__":
    main()

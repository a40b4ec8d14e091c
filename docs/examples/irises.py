"""Irises that a line cannot tell apart: logistic regression, basis functions, two layers.

From the slides. Logistic regression gives a flower with the features x the probability

    p(x) = sigmoid(w . x + b)

of being in class 1; p = 1/2 is a straight line. Here class 1 is versicolor, and only the petals
are used. If class 0 is only virginica, a line almost suffices. If class 0 is virginica and
setosa, no line has all versicolors on one side, because their petals are larger than those of one
species and smaller than those of the other. Two remedies bend the boundary:

    basis functions   p(x) = sigmoid(w . phi(x) + b), where we choose phi, such as the
                      squares and the product of the features, or bumps around some of the flowers
    two layers        p(x) = sigmoid(w . tanh(V x + c) + b), where V and c are learned too

All are trained on the same 120 flowers with cross-entropy. With basis functions the penalty L2/2
|w|**2 is added, because the weights would grow without limit. Except for the two layers, this
error is convex: there is one best (w, b), and scikit-learn must find it too. Each hidden unit
draws a line, so two units make a band. Eight units bend around single flowers of the training set.
"""

from time import perf_counter

import numpy as np
from sklearn.linear_model import LogisticRegression
from support import options, table

import xpnet as xn

PETALS = slice(2, 4)  # length and width, in centimeters
VERSICOLOR, VIRGINICA = 1, 2
CENTERS = 8  # radial basis functions
PENALTY = 1e-3  # factor of the L2 penalty on the weights of basis functions


def flowers(kinds: tuple[int, ...] = (0, 1, 2)):
    """Petals scaled to mean 0 and variance 1, and 1 for versicolor; for training and testing."""
    data = xn.datasets.iris()
    train, test = np.isin(data.y, kinds), np.isin(data.y_test, kinds)
    X, X_test = data.X[train, PETALS], data.X_test[test, PETALS]
    mean, std = X.mean(axis=0), X.std(axis=0)
    scaled = [((x - mean) / std).astype("float64") for x in (X, X_test)]
    targets = [(y == VERSICOLOR).astype("float64")[:, None] for y in (data.y, data.y_test)]
    return scaled[0], targets[0][train], scaled[1], targets[1][test]


def quadratic(x):
    """(x1, x2, x1**2, x1 x2, x2**2), of arrays or of symbolic values."""
    a, b = x[:, :1], x[:, 1:]
    return xn.ops.concat(x, a * a, a * b, b * b)


def radial(centers: np.ndarray):
    """Bumps e**(-|x - c|**2), one for each center c."""

    def phi(x):
        squares = [xn.ops.sum((x - c) ** 2.0, axis=-1, keepdims=True) for c in centers]
        return xn.ops.exp(-xn.ops.concat(*squares))

    return phi


def trained(net, X, y, epochs: int) -> xn.Model:
    """The network after full batches of Adam, with steps that shrink toward the end."""
    model = xn.Model(
        net,
        loss="binary_cross_entropy_with_logits",
        optimizer=xn.Adam(xn.CosineDecay(0.1, epochs)),
        dtype="float64",
        seed=3,
    )
    model.fit(X, y, epochs=epochs, batch_size=len(X), shuffle=False, verbose=False)
    return model


def two_irises(epochs: int) -> None:
    """A line between versicolor and virginica."""
    X, y, X_test, y_test = flowers((VERSICOLOR, VIRGINICA))
    line = trained(xn.Dense(1), X, y, epochs)
    train, test = (line.evaluate(*part)["accuracy"] for part in ((X, y), (X_test, y_test)))
    print(f"versicolor against virginica by a line: {len(X)} flowers, {epochs} steps")
    print(f"train accuracy {train:.4f}, test accuracy {test:.4f}\n")
    assert train > 0.9, "a line should tell most of the two irises apart"


def difference_from_sklearn(model: xn.Model, phi, penalty: float, X, y) -> float:
    """The largest difference from scikit-learn's weights, with its C = 1 / (n penalty)."""
    C = 1 / (len(X) * penalty) if penalty else np.inf
    other = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(phi(X), y[:, 0])
    weights, bias = model.parameters.values()
    found = np.append(weights[:, 0], bias)
    return float(np.max(np.abs(found - np.append(other.coef_, other.intercept_))))


def draw(models: dict[str, xn.Model], X, y, folder) -> None:
    """Draw the boundaries side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 8), layout="constrained")
    axes = figure.subplots(2, 3).flat
    for ax, (name, model) in zip(axes, models.items(), strict=False):
        xn.plot.decision_boundary(
            model, X, y[:, 0].astype(int), labels=["setosa, virginica", "versicolor"], ax=ax
        )
        accuracy = model.evaluate(X, y)["accuracy"]
        ax.set(title=f"{name}: {accuracy:.1%}", xlabel="petal length, scaled")
        ax.set_ylabel("petal width, scaled")
    axes[-1].set_axis_off()
    figure.savefig(folder / "irises.png", dpi=120)


def main() -> None:
    args = options(__doc__.splitlines()[0])
    epochs = 1500 if args.quick else 6000
    two_irises(epochs)
    X, y, X_test, y_test = flowers()
    bumps = radial(X[np.random.default_rng(0).choice(len(X), CENTERS, replace=False)])
    nets = {
        "logistic regression": xn.Dense(1),
        "quadratic basis": xn.Sequential(quadratic, xn.Dense(1, kernel_penalty=xn.L2(PENALTY))),
        "radial basis": xn.Sequential(bumps, xn.Dense(1, kernel_penalty=xn.L2(PENALTY))),
        "two layers, 2 units": xn.Sequential(xn.Dense(2, "tanh"), xn.Dense(1)),
        "two layers, 8 units": xn.Sequential(xn.Dense(8, "tanh"), xn.Dense(1)),
    }
    begun = perf_counter()
    models = {name: trained(net, X, y, epochs) for name, net in nets.items()}
    print(f"versicolor ({int(y.sum())}) against both others: {len(X)} flowers, {epochs} steps each")
    train = {name: model.evaluate(X, y) for name, model in models.items()}
    rows = [("always the others", "", 1 - float(y.mean()), 1 - float(y_test.mean()))]
    for name, model in models.items():
        test = model.evaluate(X_test, y_test)["accuracy"]
        rows.append((name, train[name]["loss"], train[name]["accuracy"], test))
    print(table([("", "train error", "train accuracy", "test accuracy"), *rows]))
    print(f"{perf_counter() - begun:.1f} s")

    convex = (("logistic regression", lambda x: x, 0.0), ("quadratic basis", quadratic, PENALTY))
    for name, phi, penalty in (*convex, ("radial basis", bumps, PENALTY)):
        far = difference_from_sklearn(models[name], phi, penalty, X, y)
        print(f"{name}: weights within {far:.1e} of scikit-learn's")
        assert far < (0.05 if args.quick else 1e-3), f"{name} differs from scikit-learn's"
    reached = {name: found["accuracy"] for name, found in train.items()}
    line = reached.pop("logistic regression")
    assert line < 0.75, "a line should not tell them apart"
    assert min(reached.values()) >= 0.94, f"not told apart: {reached}"
    assert reached["two layers, 8 units"] > 0.97, "eight units should do still better"
    if args.pictures:
        draw(models, X, y, args.pictures)


if __name__ == "__main__":
    main()

"""Regression: house prices in California, and what tasters think of wine.

From practice. The network's output is a number z, and the loss is the mean of (z - t)**2. The
score on the test part is the coefficient of determination, which is 1 for a perfect prediction and
0 for the mean:

    R2 = 1 - sum (t - z)**2 / sum (t - mean t)**2

Features and target are standardized with the means and standard deviations of the training part.
Features that range over powers of ten are replaced by their logarithms. `EarlyStopping` watches the
loss on a validation part and restores the parameters of the best epoch.

Other losses describe the distribution of the target, not only its mean. The pinball loss for the
quantile q, with e = t - z, is max(q e, (q - 1) e). A network with three outputs learns the 10 %,
50 % and 90 % quantiles; 80 % of the targets should be between the first and the last. With
`gaussian_nll`, each sample has its own mean and variance; 68.3 % of the targets should be within
one standard deviation and 95.4 % within two.
"""

import warnings
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from support import data_file, options, table

import xpnet as xn

Samples = tuple[np.ndarray, np.ndarray]


def housing() -> Samples:
    """Location, age, rooms, bedrooms, people, households, income; the value in 100,000 dollars."""
    found = np.loadtxt(
        data_file("california-housing", "cal_housing.csv"), delimiter=",", skiprows=1
    )
    X, y = found[:, :8], found[:, 8:] / 1e5
    X[:, 3:] = np.log(X[:, 3:])
    return X, y


def wine() -> Samples:
    """Eleven measurements and whether it is red; the tasters' score."""
    files = [data_file("wine-quality", f"winequality-{kind}.csv") for kind in ("red", "white")]
    tables = [np.loadtxt(file, delimiter=";", skiprows=1) for file in files]
    red = np.repeat([1.0, 0.0], [len(found) for found in tables])
    found = np.vstack(tables)
    X, y = np.column_stack([found[:, :11], red]), found[:, 11:]
    X[:, 3:7] = np.log(X[:, 3:7])  # sugar, chlorides, sulfur dioxide
    return X, y


def prepare(X: np.ndarray, y: np.ndarray) -> tuple[list[Samples], StandardScaler]:
    """Standardized parts for training (64 %), validation (16 %) and testing (20 %)."""
    X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
    X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, test_size=0.2, random_state=0)
    scale, unit = StandardScaler().fit(X_train), StandardScaler().fit(y_train)
    parts = [(X_train, y_train), (X_val, y_val), (X_test, y_test)]
    return [(np.float32(scale.transform(X)), np.float32(unit.transform(y))) for X, y in parts], unit


def train(
    parts: list[Samples], epochs: int, seed: int, loss: object = "mse", outputs: int = 1
) -> xn.Model:
    """A network trained on the first part and stopped early by the second."""
    model = xn.MLP(
        [parts[0][0].shape[1], 128, 128, outputs],
        loss=loss,
        optimizer=xn.AdamW(xn.CosineDecay(5e-3, epochs), weight_decay=0.1, clip_global_norm=1.0),
        metrics=["r2"] if loss == "mse" else [],
        dropout=0.1,
        kernel_init="he_normal",
        seed=seed,
    )
    stop = xn.EarlyStopping("val_loss", patience=25)
    model.fit(*parts[0], epochs=epochs, validation_data=parts[1], callbacks=[stop], verbose=False)
    return model


def others(epochs: int) -> dict[str, object]:
    """Models of scikit-learn for comparison."""
    return {
        "linear regression": LinearRegression(),
        "MLPRegressor, the same sizes": MLPRegressor(
            hidden_layer_sizes=(128, 128), early_stopping=True, max_iter=epochs, random_state=0
        ),
        "boosted trees": HistGradientBoostingRegressor(random_state=0),
    }


def compare(parts: list[Samples], epochs: int, seeds: list[int]) -> list[xn.Model]:
    """Print R2 of all models; return the networks."""
    rows = [("R2", "validation", "test")]
    for name, other in others(epochs).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are limited
            other.fit(parts[0][0], parts[0][1].ravel())
        rows.append((name, *(r2_score(y, other.predict(X)) for X, y in parts[1:])))
    models = [train(parts, epochs, seed) for seed in seeds]
    scores = np.array([[m.evaluate(*part)["r2"] for part in parts[1:]] for m in models])
    again = [r2_score(parts[2][1], model.predict(parts[2][0])) for model in models]
    np.testing.assert_allclose(scores[:, 1], again, atol=1e-5)  # the metric equals scikit-learn's
    rows.append((f"network, mean of {len(seeds)}", *map(float, scores.mean(axis=0))))
    print(table(rows))
    return models


def intervals(parts: list[Samples], epochs: int, unit: StandardScaler) -> None:
    """Print the share of test targets inside the intervals that two other losses predict."""
    X, y = parts[2]
    dollars = 1e5 * unit.scale_[0]
    low, _, high = train(parts, epochs, 0, xn.losses.quantile((0.1, 0.5, 0.9)), 3).predict(X).T
    mean, log_variance = train(parts, epochs, 0, "gaussian_nll", 2).predict(X).T
    sigma = np.exp(log_variance / 2)
    rows = [("test targets inside", "should be", "are", "mean width in dollars")]
    for name, share, a, b in (
        ("quantiles 10 % to 90 %", 0.8, low, high),
        ("Gaussian, mean +- 1 sigma", 0.683, mean - sigma, mean + sigma),
        ("Gaussian, mean +- 2 sigma", 0.954, mean - 2 * sigma, mean + 2 * sigma),
    ):
        inside = np.mean((a <= y[:, 0]) & (y[:, 0] <= b))
        rows.append((name, f"{share:.1%}", f"{inside:.1%}", f"{np.mean(b - a) * dollars:,.0f}"))
    print(table(rows))


def draw(model: xn.Model, part: Samples, unit: StandardScaler, file: Path) -> None:
    """Draw predicted against true values; perfect predictions are on the line."""
    from matplotlib.figure import Figure

    X, y = part
    true, predicted = (unit.inverse_transform(z)[:, 0] for z in (y, model.predict(X)))
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    figure = Figure(figsize=(5.2, 4.8), layout="constrained")
    ax = figure.add_subplot()
    ax.scatter(true, predicted, s=6, alpha=0.3, color="#0072b2", linewidths=0)
    ax.plot(ends, ends, "k--", linewidth=1)
    ax.set(
        xlabel="true value in 100,000 dollars (those above 5 were recorded as 5)",
        ylabel="predicted",
        title=f"Test part of the housing data, R2 = {r2_score(true, predicted):.3f}",
        aspect="equal",
    )
    ax.grid(alpha=0.3)
    figure.savefig(file, dpi=150)


def main() -> None:
    chosen = options(__doc__.splitlines()[0])
    seeds, epochs = ([0], 7) if chosen.quick else ([0, 1, 2], 100)
    parts, unit = prepare(*housing())
    print("housing")
    models = compare(parts, epochs, seeds)
    intervals(parts, epochs, unit)
    if chosen.pictures:
        draw(models[0], parts[2], unit, chosen.pictures / "housing.png")
    print("wine")
    compare(prepare(*wine())[0], epochs, seeds)


if __name__ == "__main__":
    main()

"""Transfer learning: a network that was trained on the digits 0-4 learns the digits 5-9.

From the journal's future work. There are 20 images of each of the digits 5-9, 100 in total. A
network 784-512-512-5 was trained on the 30,596 training images of the digits 0-4. It learns the
new digits in four ways:

- from scratch: all weights are new; the baseline for the other ways;
- new head: only the last layer is new and is trained; both hidden layers are frozen;
- new head and second layer: the same, but only the first hidden layer is frozen;
- fine-tuned: a new head with everything else frozen at first; then all layers are trained.

The first layer finds strokes, which all digits share. The second was trained only to tell 0-4
apart, and drops information that is useless for that. If it is frozen, it does harm.

The 100 images are drawn ten times. All ways get the same images, so their differences from
"scratch" vary less than the accuracies themselves. Epochs, learning rates and dropout were chosen
with training images of 5-9 outside the draws. The scores are for all 4,861 test images of 5-9.
"""

import warnings
from time import perf_counter

import numpy as np
from support import data_file, options, table

import xpnet as xn
from xpnet.errors import TrainingWarning

HIDDEN = ("layers.0", "layers.3")  # the dense layers before the head, "layers.6"
EACH = 20  # images of each new digit


def digits(X, y, first: int) -> tuple[np.ndarray, np.ndarray]:
    """The images of five digits starting with `first`, and their classes 0 .. 4."""
    chosen = (y >= first) & (y < first + 5)
    return X[chosen], y[chosen] - first


def draw(X, y, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A few random images of each class."""
    rng = np.random.default_rng(seed)
    rows = [rng.choice(np.flatnonzero(y == c), EACH, replace=False) for c in range(5)]
    return X[np.concatenate(rows)], y[np.concatenate(rows)]


def new_model(seed: int) -> xn.Model:
    return xn.MLP([784, 512, 512, 5], dropout=0.3, optimizer=xn.Adam(1e-3), seed=seed)


def learn(model: xn.Model, data, epochs: int) -> xn.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # all ways have the same number of epochs
        model.fit(*data, epochs=epochs, batch_size=20, verbose=False)
    return model


def with_hidden_layers(state, frozen, seed: int) -> xn.Model:
    """A network with a random head on trained hidden layers, some of which are frozen."""
    model = new_model(seed)
    model.load_state_dict(state, only=HIDDEN)
    model.freeze(*frozen)
    return model


def four_ways(state, data, epochs: int, seed: int) -> dict[str, xn.Model]:
    """A network for each way of learning the new digits from these data."""
    tuned = learn(with_hidden_layers(state, HIDDEN, seed), data, epochs // 2)
    tuned.unfreeze()
    return {
        "from scratch": learn(new_model(seed), data, epochs),
        "new head": learn(with_hidden_layers(state, HIDDEN, seed), data, epochs),
        "new head and second layer": learn(
            with_hidden_layers(state, HIDDEN[:1], seed), data, epochs
        ),
        "fine-tuned": learn(tuned, data, epochs - epochs // 2),
    }


def compare(state, new_digits, test, epochs: int, draws: int) -> dict[str, np.ndarray]:
    """The test accuracy of each way for each draw."""
    found: dict[str, list[float]] = {}
    for seed in range(1, draws + 1):
        models = four_ways(state, draw(*new_digits, seed), epochs, seed)
        for way, model in models.items():
            found.setdefault(way, []).append(model.evaluate(*test)["accuracy"])
    return {way: np.array(accuracies) for way, accuracies in found.items()}


def main() -> None:
    quick = options("Transfer learning: from the digits 0-4 to 5-9.").quick
    data_file("mnist")
    X, y, X_test, y_test = xn.datasets.mnist()
    size, first_epochs, epochs, draws = (30_000, 5, 40, 3) if quick else (len(X), 10, 60, 10)
    start = perf_counter()
    teacher = new_model(seed=0)
    teacher.fit(*digits(X[:size], y[:size], 0), epochs=first_epochs, verbose=False)
    known = teacher.evaluate(*digits(X_test, y_test, 0))["accuracy"]
    print(f"digits 0-4: test accuracy {known:.4f}")
    state, test = teacher.state_dict(), digits(X_test, y_test, 5)
    found = compare(state, digits(X, y, 5), test, epochs, draws)
    scratch = found["from scratch"]
    rows = [[way, a.mean(), a.std(ddof=1), (a - scratch).mean()] for way, a in found.items()]
    print(f"digits 5-9 from {EACH} images each, {draws} draws:\n")
    print(table([["", "test accuracy", "spread", "more than from scratch"], *rows]))
    gains = found["fine-tuned"] - scratch
    error = gains.std(ddof=1) / np.sqrt(draws)
    print(f"\nfine-tuned, gain: {gains.mean():.4f} +- {error:.4f} (standard error)")
    print(f"better in {np.sum(gains > 0)} of {draws} draws; {perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()

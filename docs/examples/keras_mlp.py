"""Keras's classic example of an MLP, and its published accuracy.

Public: ``mnist_mlp.py`` was among Keras's examples for years. Its first lines promise 98.40 % test
accuracy after 20 epochs. It has two hidden layers of 512 units. After each, in training, dropout
sets each number to 0 with probability 0.2 and divides it by 0.8 otherwise:

    784 -> 512 -> ReLU -> dropout -> 512 -> ReLU -> dropout -> 10 -> softmax

RMSprop divides each element of the gradient g by the root of a running mean of its squares:

    v = 0.9 v + 0.1 g**2    w = w - 0.001 g / (sqrt(v) + 1e-7)

Batches have 128 images, weights are uniform as in Glorot and Bengio (2010), and pixels are divided
by 255. All settings are the published ones, and the score is the mean of three seeds.
"""

from statistics import mean, stdev
from time import perf_counter

from support import data_file, options, table

import xpnet as xn


def keras_model(seed: int) -> xn.Model:
    """The network of ``mnist_mlp.py``, with Keras's default settings."""
    optimizer = xn.RMSprop(1e-3, rho=0.9, epsilon=1e-7)
    return xn.MLP([784, 512, 512, 10], dropout=0.2, optimizer=optimizer, seed=seed)


def run(data, epochs: int, seed: int) -> tuple[float, float]:
    """Test accuracy after the last epoch, and the training time in seconds."""
    X, y, X_test, y_test = data
    model, start = keras_model(seed), perf_counter()
    model.fit(X, y, epochs=epochs, batch_size=128, verbose=False)
    seconds = perf_counter() - start
    return model.evaluate(X_test, y_test)["accuracy"], seconds


def main() -> None:
    quick = options("Keras's mnist_mlp: 98.40 % published.").quick
    data_file("mnist")
    X, y, *test = xn.datasets.mnist()
    size, epochs, seeds = (12_000, 4, 2) if quick else (len(X), 20, 3)
    data = X[:size], y[:size], *test
    print(f"{keras_model(0).summary()}\n")
    found = [run(data, epochs, seed) for seed in range(seeds)]
    rows = [[seed, accuracy, f"{seconds:.0f}"] for seed, (accuracy, seconds) in enumerate(found)]
    print(table([["seed", "test accuracy", "seconds"], *rows]))
    accuracies = [accuracy for accuracy, _ in found]
    print(f"\n{size} images, {epochs} epochs, {seeds} seeds; published: 0.9840")
    print(f"mean test accuracy: {mean(accuracies):.4f} +- {stdev(accuracies):.4f}")


if __name__ == "__main__":
    main()

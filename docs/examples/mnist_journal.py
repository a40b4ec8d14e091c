"""The journal: handwritten digits with 784-128-10, and all of its author's pictures and scores.

From the journal. An image of 28 x 28 gray values x in [0, 1] is a row of 784 numbers. The network
has one hidden layer of 128 units and gives the probability of each digit:

    h = max(x W1 + b1, 0)    p = softmax(h W2 + b2)    loss = mean of -ln p[the right digit]

Initial weights are from N(0, 0.01**2), biases are 0. Each step subtracts 0.1 times the gradient of
the loss over 128 images, for 20 epochs. The journal gives all these settings. None is chosen by
looking at scores, so the curves may show the test images too.

For each digit, precision P is the share of correct images among those that were given this digit,
recall R is the share of the digit's images that were found, and F1 = 2 P R / (P + R). A macro
score is the mean over the digits. The area under the ROC curve of one digit against the rest is
the probability that an image of the digit has a larger p[digit] than another image.
"""

from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score
from support import data_file, options, table

import xpnet as xn

DIGITS = np.arange(10)


def journal_model(seed: int = 0) -> xn.Model:
    """The network, and how it is trained."""
    start = xn.init.normal(0.01)
    return xn.MLP([784, 128, 10], kernel_init=start, optimizer=xn.SGD(0.1), seed=seed)


def scores(y, p) -> tuple[np.ndarray, np.ndarray]:
    """P, R, F1 and the area under the ROC curve for each digit (10, 4), and their means (4,)."""
    precision, recall, f1, _ = precision_recall_fscore_support(y, p.argmax(axis=1))
    area = [roc_auc_score(y == digit, p[:, digit]) for digit in DIGITS]
    each = np.column_stack([precision, recall, f1, area])
    return each, each.mean(axis=0)


def worst_mistakes(y, p, count: int) -> np.ndarray:
    """The images that were taken for another digit, the most confident mistakes first."""
    wrong = np.flatnonzero(p.argmax(axis=1) != y)
    return wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")][:count]


def strongest_units(model: xn.Model, count: int) -> np.ndarray:
    """The incoming weights (784, count) of the hidden units with the longest weight vectors."""
    weights = model.parameters["layers.0.weight"]
    return weights[:, np.argsort(-np.linalg.norm(weights, axis=0))[:count]]


def draw(folder: Path, model: xn.Model, history: xn.History, X, y, p) -> None:
    """Draw the journal's pictures."""
    predicted = p.argmax(axis=1)
    curves = xn.plot.history(history, labels=("training", "test"))
    curves.savefig(folder / "journal_curves.png")
    matrix = xn.plot.confusion_matrix(y, predicted)
    matrix.figure.savefig(folder / "journal_confusion.png")
    # The ten curves differ only in the upper left corner.
    roc = xn.plot.roc_curves(y, p)
    roc.set(xlim=(0, 0.05), ylim=(0.95, 1), title="each digit against the rest")
    roc.figure.savefig(folder / "journal_roc.png")
    wrong = worst_mistakes(y, p, 40)
    titles = [f"{y[i]} -> {predicted[i]}" for i in wrong]
    mistakes = xn.plot.images(X[wrong], titles, shape=(28, 28))
    mistakes.savefig(folder / "journal_mistakes.png")
    looked_for = xn.plot.weights(strongest_units(model, 64))
    looked_for.figure.savefig(folder / "journal_weights.png")


def main() -> None:
    chosen = options("The journal's MNIST network: curves, scores, mistakes, weights.")
    data_file("mnist")
    X, y, X_test, y_test = xn.datasets.mnist()
    if chosen.quick:
        X, y = X[:10_000], y[:10_000]
    model, start = journal_model(), perf_counter()
    history = model.fit(
        X, y, epochs=20, batch_size=128, validation_data=(X_test, y_test), verbose=False
    )
    seconds = perf_counter() - start
    p = xn.ops.softmax(model.predict(X_test))
    each, macro = scores(y_test, p)
    print(f"{len(X)} images, 20 epochs: {seconds:.1f} s")
    print(f"test accuracy after epoch 1: {history['val_accuracy'][0]:.4f}\n")
    rows = [[digit, *values] for digit, values in zip(DIGITS, each, strict=True)]
    print(table([["digit", "P", "R", "F1", "ROC AUC"], *rows, ["macro", *macro]]))
    wrong = int(np.sum(p.argmax(axis=1) != y_test))
    print(f"\ntest accuracy: {1 - wrong / len(y_test):.4f} ({wrong} of {len(y_test)} wrong)")
    if chosen.pictures:
        draw(chosen.pictures, model, history, X_test, y_test, p)


if __name__ == "__main__":
    main()

"""The journal that the project grew from: MNIST by 784-128-10, and the scores that it reached."""

import os
from pathlib import Path

import pytest
from sklearn.metrics import precision_recall_fscore_support
from support.brief import BRIEF

import xpnet as xn

FOLDER = Path(os.environ.get("XPNET_DATA", "")) / "mnist"
pytestmark = pytest.mark.skipif(
    not os.environ.get("XPNET_DATA") or not FOLDER.is_dir(), reason="XPNET_DATA has no mnist folder"
)


@pytest.fixture(scope="module")
def mnist():
    return xn.datasets.mnist()


def _model(seed):
    start = xn.init.normal(0.01)
    return xn.MLP([784, 128, 10], kernel_init=start, optimizer=xn.SGD(0.1), seed=seed)


def test_accuracy_after_one_epoch(mnist):
    """The journal: 0.9071. The mean of three seeds, since one may lie at the edge."""
    accuracies = []
    for seed in range(3):
        model = _model(seed)
        model.fit(mnist.X, mnist.y, epochs=1, batch_size=128)
        accuracies.append(model.evaluate(mnist.X_test, mnist.y_test)["accuracy"])
    assert 0.90 <= sum(accuracies) / 3 <= 0.915


@BRIEF
def test_scores_after_twenty_epochs(mnist):
    model = _model(0)
    history = model.fit(mnist.X, mnist.y, epochs=20, batch_size=128)
    assert history["loss"] == sorted(history["loss"], reverse=True)
    classes = model.predict(mnist.X_test).argmax(axis=1)
    scores = precision_recall_fscore_support(mnist.y_test, classes, average="macro")
    assert min(scores[:3]) >= 0.967

"""MNIST and Fashion-MNIST as they really are; the files come from ``$XPNET_DATA``."""

import os
from pathlib import Path

import numpy as np
import pytest

from xpnet.datasets import fashion_mnist, images, mnist

MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def require_files(source):
    root = os.environ.get("XPNET_DATA")
    if not root:
        pytest.skip("XPNET_DATA is not set")
    missing = [file for file in source.sha256 if not Path(root, source.folder, file).is_file()]
    if missing:
        pytest.skip(f"XPNET_DATA lacks {source.folder}/{missing[0]}")


@pytest.fixture(scope="module")
def digits():
    require_files(images.MNIST)
    return mnist()


@pytest.fixture(scope="module")
def clothes():
    require_files(images.FASHION_MNIST)
    return fashion_mnist()


@pytest.mark.parametrize("name", ["digits", "clothes"])
def test_shapes_types_and_range(request, name):
    X, y, X_test, y_test = request.getfixturevalue(name)
    assert X.shape == (60_000, 784)
    assert X_test.shape == (10_000, 784)
    assert y.shape == (60_000,)
    assert y_test.shape == (10_000,)
    assert X.dtype == X_test.dtype == np.float32
    assert y.dtype == y_test.dtype == np.int64
    assert (X.min(), X.max()) == (0, 1)
    assert (X_test.min(), X_test.max()) == (0, 1)


def test_mnist_is_mnist(digits):
    assert digits.X.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert digits.X.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)
    assert np.bincount(digits.y).tolist() == MNIST_TRAIN
    assert np.bincount(digits.y_test).tolist() == MNIST_TEST
    assert digits.y[:5].tolist() == [5, 0, 4, 1, 9]


def test_fashion_mnist_is_fashion_mnist(clothes):
    assert clothes.X.mean(dtype=np.float64) == pytest.approx(0.2860, abs=5e-5)
    assert np.bincount(clothes.y).tolist() == [6000] * 10
    assert np.bincount(clothes.y_test).tolist() == [1000] * 10


def test_images_are_upright(digits):
    """The first image is a 5, whose top bar lies to the right and whose foot to the left."""
    five = digits.X[0].reshape(28, 28)
    assert five[5:8, 16:].sum() > five[5:8, :12].sum()
    assert five[22:25, :14].sum() > five[22:25, 14:].sum()

"""MNIST and Fashion-MNIST: 70,000 gray images of 28 x 28 pixels in ten classes each."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xpnet.datasets.dataset import Dataset
from xpnet.datasets.fetch import Source, locate
from xpnet.datasets.idx import read_idx

__all__ = ["fashion_mnist", "mnist"]

_TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
_TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
_TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
_TEST_LABELS = "t10k-labels-idx1-ubyte.gz"

MNIST = Source(
    name="MNIST",
    folder="mnist",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    sha256={
        _TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        _TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        _TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        _TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)
FASHION_MNIST = Source(
    name="Fashion-MNIST",
    folder="fashion-mnist",
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    sha256={
        _TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        _TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        _TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        _TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
)


def mnist() -> Dataset:
    """Load MNIST: handwritten digits, 60,000 for training and 10,000 for the test.

    The files are searched for in ``$XPNET_DATA/mnist``, then in the cache (``$XPNET_CACHE``, or
    the user's cache folder). If they are in neither, they are downloaded (12 MB). The SHA-256 of
    every copy is checked.

    Returns
    -------
    Dataset
        Inputs of shape (n, 784) in [0, 1]: the pixels, row by row, divided by 255.

    Raises
    ------
    DatasetError
        If a file is damaged or cannot be downloaded.
    MissingDependencyError
        If a file must be downloaded and pooch is not installed.

    Notes
    -----
    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998.
    """
    return _load(MNIST)


def fashion_mnist() -> Dataset:
    """Load Fashion-MNIST: articles of clothing, 60,000 for training and 10,000 for the test.

    The classes are, from 0: T-shirt or top, trouser, pullover, dress, coat, sandal, shirt,
    sneaker, bag, ankle boot. The files are searched for in ``$XPNET_DATA/fashion-mnist``,
    then in the cache (``$XPNET_CACHE``, or the user's cache folder). If they are in neither, they
    are downloaded (31 MB). The SHA-256 of every copy is checked.

    Returns
    -------
    Dataset
        Inputs of shape (n, 784) in [0, 1]: the pixels, row by row, divided by 255.

    Raises
    ------
    DatasetError
        If a file is damaged or cannot be downloaded.
    MissingDependencyError
        If a file must be downloaded and pooch is not installed.

    Notes
    -----
    Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", arXiv:1708.07747, 2017.
    """
    return _load(FASHION_MNIST)


def _load(source: Source) -> Dataset:
    # Locate all four first, so that a missing file is reported before any is decoded.
    paths = {file: locate(source, file) for file in source.sha256}
    return Dataset(
        _rows(paths[_TRAIN_IMAGES]),
        _labels(paths[_TRAIN_LABELS]),
        _rows(paths[_TEST_IMAGES]),
        _labels(paths[_TEST_LABELS]),
    )


def _rows(path: Path) -> NDArray[np.float32]:
    images = read_idx(path)
    rows: NDArray[np.float32] = np.divide(images.reshape(len(images), -1), 255, dtype=np.float32)
    return rows


def _labels(path: Path) -> NDArray[np.int64]:
    return read_idx(path).astype(np.int64)

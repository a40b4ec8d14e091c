"""Layers that normalize their input."""

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any, Self, TypeAlias

from xpnet import ops
from xpnet.arguments import elements, finite, flag, number, positive
from xpnet.backends import get
from xpnet.backends.data_types import tells_apart
from xpnet.backends.readable import host_numbers
from xpnet.errors import ArgumentError, DataError, DataWarning, ShapeError, in_brief
from xpnet.graph import Value
from xpnet.nn.layer import Layer, batch_shape
from xpnet.random import Key
from xpnet.typing import ArrayLike, Namespace, Shape
from xpnet.warn import warn_user

__all__ = ["BatchNorm", "LayerNorm", "Standardize"]

Across: TypeAlias = Callable[[Any], Any]  # the sum over processes; see `Share`

_ROUNDING = 1e-13  # of a mean: what the standard deviation of equal numbers may be


class _Normalized(Layer):
    """Base class: a learned scale and shift for each feature."""

    def __init__(self, epsilon: float, affine: bool) -> None:
        self.epsilon, self.affine = positive("epsilon", epsilon), flag("affine", affine)

    def scaled(self, x: Value, y: Value) -> Value:
        """y weight + bias, with parameters of the dtype of x."""
        if not self.affine:
            return y
        shape = x.shape[-1:]
        weight = self.parameter(x, "weight", shape, "ones", decay=False)
        bias = self.parameter(x, "bias", shape, "zeros", decay=False)
        return y * weight + bias


def _too_few(name: str, x: Value) -> ShapeError:
    return ShapeError(f"{name} expects shape (samples, ..., features), got {batch_shape(x.shape)}.")


class LayerNorm(_Normalized):
    """y = (x - mean) / sqrt(variance + epsilon) weight + bias, over each sample's features.

    Parameters
    ----------
    epsilon : float, default 1e-5
        Greater than 0.
    affine : bool, default True
        Whether each feature has a learned weight and bias.

    Notes
    -----
    Source: Ba, Kiros and Hinton, "Layer normalization", 2016.
    """

    def __init__(self, epsilon: float = 1e-5, affine: bool = True) -> None:
        super().__init__(epsilon, affine)

    def forward(self, x: Value) -> Any:
        """Standardize the last axis."""
        if x.ndim < 2:
            raise _too_few("LayerNorm", x)
        return self.scaled(x, ops.standardize_features(x, epsilon=self.epsilon))


class BatchNorm(_Normalized):
    """y = (x - mean) / sqrt(variance + epsilon) weight + bias, over the samples of a batch.

    In training, mean and variance are those of the batch. The states ``running_mean`` and
    ``running_var`` follow them: r = (1 - momentum) r + momentum value, where the variance has
    n - 1 in its denominator. Outside training, in a frozen layer, and for a batch of one row,
    which has no variance, the running values are used. One row does not change them.

    Parameters
    ----------
    momentum : float, default 0.1
        In (0, 1]: the weight of the new batch.
    epsilon : float, default 1e-5
        Greater than 0.
    affine : bool, default True
        Whether each feature has a learned weight and bias.

    Raises
    ------
    ArgumentError
        If a setting is out of range.

    Notes
    -----
    Source: Ioffe and Szegedy, "Batch normalization", ICML 2015. Axes between the first and the
    last count as samples.
    """

    def __init__(self, momentum: float = 0.1, epsilon: float = 1e-5, affine: bool = True) -> None:
        super().__init__(epsilon, affine)
        self.momentum = number("BatchNorm: momentum", momentum, 0)
        if not 0 < self.momentum <= 1:
            raise ArgumentError(f"BatchNorm: momentum must be in (0, 1], got {in_brief(momentum)}.")

    def forward(self, x: Value) -> Any:
        """Standardize each feature."""
        if x.ndim < 2:
            raise _too_few("BatchNorm", x)
        flat = x if x.ndim == 2 else ops.reshape(x, shape=(-1, x.shape[-1]))
        mean = self.state(x, "running_mean", x.shape[-1:], "zeros")
        variance = self.state(x, "running_var", x.shape[-1:], "ones")
        rows, across = _rows_of_batch(flat)
        if self.training(x) and rows > 1 and across is not None:
            y = self._over_processes(flat, rows, across, mean, variance)
        elif self.training(x) and rows > 1:
            y = ops.standardize_batch(flat, epsilon=self.epsilon)
            center = ops.mean(flat, axis=0)
            spread = flat - center
            self._follow(center, ops.sum(spread * spread, axis=0), rows, mean, variance)
        else:
            y = (flat - mean) / ops.sqrt(variance + self.epsilon)
        y = self.scaled(x, y)
        return y if x.ndim == 2 else ops.reshape(y, shape=x.shape)

    def _over_processes(
        self, x: Value, rows: int, across: Across, mean: Value, variance: Value
    ) -> Any:
        """Standardize by the statistics of the rows of all processes."""
        center = ops.sum_over_processes(ops.sum(x, axis=0), across=across) / rows
        spread = x - center
        squares = ops.sum_over_processes(ops.sum(spread * spread, axis=0), across=across)
        self._follow(center, squares, rows, mean, variance)
        return spread / ops.sqrt(squares / rows + self.epsilon)

    def _follow(
        self, center: Value, squares: Value, rows: int, mean: Value, variance: Value
    ) -> None:
        """Update the running statistics with those of the batch."""
        old, new = 1 - self.momentum, self.momentum
        self.assign(mean, old * mean + new * center)
        self.assign(variance, old * variance + new * (squares / (rows - 1)))


def _rows_of_batch(x: Value) -> tuple[int, Across | None]:
    """How many rows the statistics are of, and what sums over processes if they share them."""
    share, rows = x.graph.settings.share, x.shape[0]
    if share is None or share.across is None:
        return rows, None
    return rows * share.total // share.rows, share.across


class Standardize(Layer):
    """y = (x - mean) / std for each feature, with fixed numbers: the first layer of a network.

    They are state: they are saved and exported with the model, and training does not change them.
    Predictions then take raw data.

    Parameters
    ----------
    mean, std : sequence of float
        One number for each feature; `std` is greater than 0. `Standardize.of` reads them from
        data.

    Raises
    ------
    ArgumentError
        If the numbers are not finite, or `std` is not greater than 0.
    ShapeError
        If the two have different lengths, or samples have another number of features.

    Notes
    -----
    Data are converted to the model's type before they come here. In a float32 model, a feature
    whose differences need more than 7 digits, such as times in seconds, gives a `DataWarning`
    when the model is built.

    Examples
    --------
    >>> import numpy as np, xpnet as xn
    >>> X = np.array([[1.0, 2000.0], [3.0, 2010.0]])
    >>> net = xn.Sequential(xn.Standardize.of(X), xn.Dense(1))
    >>> net.layers[0].mean
    (2.0, 2005.0)
    """

    def __init__(self, mean: Iterable[float], std: Iterable[float]) -> None:
        self.mean = tuple(
            finite("Standardize: mean", m) for m in elements("Standardize: mean", mean, "[0.5, 2]")
        )
        self.std = tuple(
            positive("Standardize: std", s) for s in elements("Standardize: std", std, "[0.5, 2]")
        )
        if not self.mean or len(self.mean) != len(self.std):
            raise ShapeError(
                "Standardize expects one mean and one standard deviation for each feature, got "
                f"{len(self.mean)} and {len(self.std)}."
            )

    @classmethod
    def of(cls, X: ArrayLike) -> Self:
        """The layer for data of shape (samples, ..., features); a constant feature has std 1.

        Raises
        ------
        DataError
            If a feature has NaN or infinity, or the data are empty.
        DTypeError, ShapeError
            If the data are not numbers, or have another shape.
        """
        mean, std = _moments(X)
        for i, (m, s) in enumerate(zip(mean, std, strict=True)):
            if not isfinite(m) or not isfinite(s):
                raise DataError(
                    f"column {i} of X has no finite mean and standard deviation: impute or remove "
                    "NaN and infinity first."
                )
        constant = (s <= _ROUNDING * abs(m) for m, s in zip(mean, std, strict=True))
        return cls(mean, [1.0 if c else s for c, s in zip(constant, std, strict=True)])

    def forward(self, x: Value) -> Any:
        """Standardize the last axis."""
        if x.ndim < 2 or x.shape[-1] != len(self.mean):
            raise ShapeError(
                f"this Standardize layer is for {len(self.mean)} features, got samples of shape "
                f"{x.shape[1:]}."
            )
        self._check_digits(x.dtype)
        mean = self.state(x, "mean", x.shape[-1:], self._means)
        std = self.state(x, "std", x.shape[-1:], self._stds)
        return (x - mean) / std

    def _check_digits(self, dtype: str) -> None:
        """Warn if numbers of this type are too coarse for a feature's differences."""
        for i, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
            if std != 1 and not tells_apart(dtype, mean, std):  # 1: the feature may be constant
                warn_user(
                    f"Standardize: feature {i} has the mean {mean:.3g} and the standard deviation "
                    f"{std:.3g}, and {dtype} has too few digits for its differences. Make the "
                    "model with dtype='float64', or subtract the mean from your data before.",
                    DataWarning,
                )

    def _means(self, xp: Namespace, key: Key, shape: Shape) -> Any:
        return xp.asarray(self.mean, dtype=xp.float64)

    def _stds(self, xp: Namespace, key: Key, shape: Shape) -> Any:
        return xp.asarray(self.std, dtype=xp.float64)

    def __repr__(self) -> str:
        return f"Standardize(of {len(self.mean)} features)"


def _moments(X: ArrayLike) -> tuple[list[float], list[float]]:
    """The mean and the standard deviation of each feature."""
    host, values = get("numpy"), host_numbers("X", X)
    if values.ndim < 2:
        raise ShapeError(
            f"Standardize.of expects shape (samples, ..., features), got {values.shape}."
        )
    if not values.size:
        raise DataError(f"Standardize.of needs data; X is empty (shape {values.shape}).")
    axes = tuple(range(values.ndim - 1))
    with host.quiet():
        mean, std = (f(axis=axes, dtype="float64") for f in (values.mean, values.std))
        same = values.min(axis=axes) == values.max(axis=axes)  # else rounding may give them a std
    return mean.tolist(), host.xp.where(same, 0.0, std).tolist()

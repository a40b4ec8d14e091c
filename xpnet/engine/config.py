"""The configuration of a model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from xpnet.arguments import count, elements, flag
from xpnet.backends import Backend, BackendLike, resolve
from xpnet.backends.data_types import check_float
from xpnet.backends.precision import check_precision, in_precision
from xpnet.errors import ArgumentError, in_brief
from xpnet.nn import LayerLike, Loss, LossLike, Metric, MetricLike, get_loss, get_metrics
from xpnet.optim import Optimizer, OptimizerLike, get_optimizer
from xpnet.typing import DTypeLike, DTypeName, Precision, Shape

__all__ = ["ModelConfig", "check_names", "check_sample_shape"]


@dataclass(frozen=True, eq=False)
class ModelConfig:
    """Everything that a model is made from.

    Training does not change it, but a callback may give the optimizer another learning rate.

    Attributes
    ----------
    net : callable
        The network, a function of one symbolic value.
    loss : Loss
    optimizer : Optimizer
    metrics : tuple or None
        As they were given; None for the metrics that suit the loss.
    backend : Backend or None
        Where to compute; None follows the first arrays.
    dtype : str
    seed : int
    input_shape : tuple of int or None
        Shape of one sample, if it was given.
    check_finite : bool
        Whether data with NaN or infinity are refused.
    frozen : tuple of str
        Dotted names of layers and parameters that are not trained.
    precision : str
        How the operands of matrix products are rounded.
    """

    net: LayerLike
    loss: Loss
    optimizer: Optimizer
    metrics: tuple[MetricLike, ...] | None
    backend: Backend | None
    dtype: DTypeName
    seed: int
    input_shape: Shape | None
    check_finite: bool
    frozen: tuple[str, ...]
    precision: Precision

    @classmethod
    def of(
        cls,
        net: LayerLike,
        loss: LossLike,
        optimizer: OptimizerLike,
        *,
        metrics: Sequence[MetricLike] | None,
        backend: BackendLike | None,
        dtype: DTypeLike,
        seed: int,
        input_shape: int | Shape | None,
        check_finite: bool,
        frozen: Sequence[str],
        precision: Precision,
    ) -> Self:
        """Check the user's settings; see `xpnet.Model` for the errors."""
        if isinstance(net, type) or not callable(net):
            raise ArgumentError(f"net must be a layer or a function, got {in_brief(net)}.")
        chosen, name = get_loss(loss), check_float(dtype)
        found, precision = _backend(backend, precision, name)
        if metrics is not None:  # a generator can be read once
            metrics = elements("metrics", metrics, "['accuracy']")
        get_metrics(metrics, chosen)  # raises if they are wrong
        return cls(
            net,
            chosen,
            get_optimizer(optimizer),
            metrics,
            found,
            name,
            count("seed", seed, 0, 2**32),
            check_sample_shape(input_shape),
            flag("check_finite", check_finite),
            check_names(frozen),
            precision,
        )

    @property
    def measures(self) -> dict[str, Metric]:
        """The metrics by name."""
        return get_metrics(self.metrics, self.loss)


def _backend(
    backend: BackendLike | None, precision: Precision, dtype: DTypeName
) -> tuple[Backend | None, Precision]:
    """The backend, or None if it is undecided, and the precision in which it computes."""
    precision = check_precision(precision, dtype)
    if backend is None:
        return None, precision
    found = in_precision(resolve(backend), precision, backend)
    found.check(dtype)
    return found, found.precision


def check_sample_shape(shape: int | Sequence[int] | None) -> Shape | None:
    """One sample's shape, from a number of features, a shape or None."""
    if shape is None:
        return None
    lengths = shape if isinstance(shape, tuple | list) else (shape,)
    return tuple(count("input_shape", n) for n in lengths)


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """Dotted names of layers and parameters."""
    found = elements("names of layers and parameters", names, "['layers.0']")
    if not all(isinstance(n, str) and n for n in found):
        raise ArgumentError(
            "expected a list of layer or parameter names, such as ['layers.0'], got "
            f"{in_brief(names)}."
        )
    return found

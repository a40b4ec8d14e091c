"""The keyword settings that every function that makes a `Model` passes on."""

from collections.abc import Sequence
from typing import TypedDict

from xpnet.backends import BackendLike
from xpnet.nn import LossLike, MetricLike
from xpnet.optim import OptimizerLike
from xpnet.typing import DTypeLike, Precision

__all__ = ["ModelSettings"]


class ModelSettings(TypedDict, total=False):
    """The arguments of `Model` after the network and its `input_shape`; `Model` documents them."""

    loss: LossLike
    optimizer: OptimizerLike
    metrics: Sequence[MetricLike] | None
    backend: BackendLike | None
    dtype: DTypeLike
    seed: int
    check_finite: bool
    frozen: Sequence[str]
    precision: Precision

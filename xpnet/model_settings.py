"""The settings that every maker of a `Model` takes by keyword and hands on."""

from collections.abc import Sequence
from typing import TypedDict

from xpnet.backends import BackendLike
from xpnet.nn import LossLike, MetricLike
from xpnet.optim import OptimizerLike
from xpnet.typing import DTypeLike, Precision

__all__ = ["ModelSettings"]


class ModelSettings(TypedDict, total=False):
    """What `Model` takes besides the network and its `input_shape`; `Model` says what each does."""

    loss: LossLike
    optimizer: OptimizerLike
    metrics: Sequence[MetricLike] | None
    backend: BackendLike | None
    dtype: DTypeLike
    seed: int
    check_finite: bool
    frozen: Sequence[str]
    precision: Precision

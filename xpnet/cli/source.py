"""What `xpnet train` learns from: rows for training, for measuring meanwhile, for the test."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from xpnet.cli.defaults import Defaults
from xpnet.nn import LayerLike
from xpnet.tabular.schema import Schema
from xpnet.tabular.table_model import TableModel
from xpnet.tabular.target import Target

__all__ = ["Part", "Source"]

Part: TypeAlias = Literal["train", "held", "test"]


@dataclass(frozen=True, eq=False)
class Source(ABC):
    """Data ready for training.

    Attributes
    ----------
    name : str
        As it was given.
    schema : Schema
        Its columns and the target.
    rows : dict of str to int
        Number of rows of each part.
    held : {"test", "validation"}
        Where the rows come from that are measured after each epoch.
    defaults : Defaults
        How to train on them.
    notes : list of (str, str)
        What the data are and how they were prepared: a heading and a text each.
    """

    name: str
    schema: Schema
    rows: dict[Part, int]
    held: Literal["test", "validation"]
    defaults: Defaults
    notes: list[tuple[str, str]]

    @property
    def target(self) -> Target:
        """What is predicted."""
        assert self.schema.target is not None
        return self.schema.target

    @property
    def total(self) -> int:
        """Number of rows of all parts."""
        parts: tuple[Part, ...] = (
            ("train", "test") if self.held == "test" else ("train", "held", "test")
        )
        return sum(self.rows[part] for part in parts)

    @property
    def outputs(self) -> int:
        """Units of the network's last layer."""
        return 1 if self.target.classes is None else len(self.target.classes)

    @property
    def loss(self) -> str:
        """The loss for this kind of target."""
        regression = self.target.classes is None
        return "mean_squared_error" if regression else "softmax_cross_entropy"

    @property
    def unit(self) -> float:
        """One standardized unit of the target, in the file's units."""
        return self.target.scale

    @abstractmethod
    def model(self, net: LayerLike, **settings: Any) -> TableModel:
        """A model with this network, before training."""

    @abstractmethod
    def samples(self, model: TableModel, part: Part) -> tuple[NDArray[Any], NDArray[Any]]:
        """The network's inputs and targets for the rows of a part."""

    @abstractmethod
    def true(self, part: Part) -> NDArray[Any]:
        """Numbers of the true classes, or true values in the file's units."""

"""What `xpnet train` learns from: rows for training, for measuring meanwhile, for the test."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from xpnet.cli.defaults import Defaults
from xpnet.nn.table_inputs import Scaling
from xpnet.tabular.prepared import Prepared
from xpnet.tabular.schema import Schema
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

    @abstractmethod
    def prepared(self, scaling: Scaling) -> Prepared:
        """How the columns become the network's inputs, by the training rows."""

    @abstractmethod
    def inputs(self, prepared: Prepared, part: Part, dtype: str) -> NDArray[Any]:
        """The network's inputs for the rows of a part, in its type."""

    @abstractmethod
    def cells(self, part: Part) -> NDArray[Any]:
        """The columns of a part as they were read: numbers, and codes of categories."""

    @abstractmethod
    def true(self, part: Part) -> NDArray[Any]:
        """Numbers of the true classes, or true values in the file's units."""

    def targets(self, part: Part, dtype: str) -> NDArray[Any]:
        """Targets as the loss takes them: class numbers, or a column of standardized values."""
        true = self.true(part)
        regression = self.target.classes is None
        return self.target.scaled(true)[:, None].astype(dtype) if regression else true

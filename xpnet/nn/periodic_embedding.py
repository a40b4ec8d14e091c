"""Numbers of a table as waves of learned frequencies."""

from math import pi
from typing import Any

from xpnet import ops
from xpnet.arguments import count, number, positive
from xpnet.errors import ShapeError
from xpnet.graph import Value
from xpnet.nn import init
from xpnet.nn.layer import Layer, batch_shape

__all__ = ["PeriodicEmbedding"]


class PeriodicEmbedding(Layer):
    """Embed each number x as (A cos(2 pi (f x) + p) + c, x): waves, mixed by a small matrix.

    Each column has its own frequencies f, phases p, matrix A and offsets c. An input of shape
    (n, d) gives (n, columns (units - 1) + d): the mixed waves of the first `columns` columns, then
    the input itself. It is the embedding "PBLD": periodic, with biases, linear, densely connected.

    Parameters
    ----------
    columns : int, optional
        How many of the first columns are embedded; by default all.
    units : int, default 4
        Numbers for each column, at least 2, the number itself included.
    frequencies : int, default 16
        Waves for each column, at least 1.
    std : float, default 0.1
        Standard deviation of the initial frequencies, greater than 0. Larger ones give finer
        waves; the numbers should be scaled to about -1 to 1.
    rate, decay : float, default 1
        Factors of the learning rate, greater than 0, and of the weight decay, at least 0.

    Raises
    ------
    ArgumentError
        If a setting is out of its range.
    ShapeError
        If the input is not of shape (samples, features), or has fewer columns.

    Notes
    -----
    Sources: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
    learning", NeurIPS 2022; Holzmüller, Grinsztajn and Steinwart, "Better by default: strong
    pre-tuned MLPs and boosted trees on tabular data", NeurIPS 2024, whose p is from U(-pi, pi), and
    whose A and c are from U(-b, b) with b = 1 / sqrt(frequencies).
    """

    def __init__(
        self,
        columns: int | None = None,
        *,
        units: int = 4,
        frequencies: int = 16,
        std: float = 0.1,
        rate: float = 1.0,
        decay: float = 1.0,
    ) -> None:
        name = "PeriodicEmbedding"
        self.columns = None if columns is None else count(f"{name}: columns", columns)
        self.units = count(f"{name}: units", units, 2)
        self.frequencies = count(f"{name}: frequencies", frequencies)
        self.std = positive(f"{name}: std", std)
        self.rate = positive(f"{name}: rate", rate)
        self.decay = number(f"{name}: decay", decay, 0)

    def forward(self, x: Value) -> Any:
        """Put the waves before the input."""
        columns = self.columns or x.shape[-1]
        if x.ndim != 2 or x.shape[1] < columns:
            raise ShapeError(
                f"PeriodicEmbedding expects an input of shape (samples, at least {columns} "
                f"columns), got {batch_shape(x.shape)}."
            )
        return ops.concat(self._waves(x[:, :columns]), x, axis=-1)

    def _waves(self, x: Value) -> Any:
        """The waves of each column: a stack of products, with a column of x as a row."""
        rows, columns = x.shape
        waves, units = self.frequencies, self.units - 1
        bound = self.frequencies**-0.5

        def declared(name: str, shape: tuple[int, ...], start: Any) -> Value:
            return self.parameter(x, name, (columns, *shape), start, self.decay, rate=self.rate)

        frequency = declared("frequency", (waves, 1), init.normal(self.std))
        phase = declared("phase", (waves, 1), init.uniform(-pi, pi))
        weight = declared("weight", (units, waves), init.uniform(-bound, bound))
        bias = declared("bias", (units, 1), init.uniform(-bound, bound))
        row = ops.reshape(ops.transpose(x), shape=(columns, 1, rows))
        angle = ops.matmul(frequency * (2 * pi), row) + phase
        mixed = ops.matmul(weight, ops.cos(angle)) + bias
        return ops.transpose(ops.reshape(mixed, shape=(columns * units, rows)))

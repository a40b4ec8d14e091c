"""Recipes: a network for a table, and how to train it, by the name of a preset."""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args

from xpnet.arguments import choice
from xpnet.nn import (
    Dense,
    Dropout,
    EmbedColumns,
    LayerLike,
    LearnedScale,
    Loss,
    ParametricActivation,
    PeriodicEmbedding,
    PrepareColumns,
    Sequential,
    init,
    losses,
)
from xpnet.optim import AdamW, CosLog, FlatCosine, Optimizer

__all__ = ["Preset", "Recipe"]

Preset = Literal["realmlp", "fast"]

_SHARE = 0.1  # learning rate and decay of everything but weights, scales and embeddings
_FRONT = 6.0  # those of the scales in front
_UNITS = 8  # of an embedded category
_STEPS, _FEWEST = 2500, 4  # of the preset "fast": steps, and epochs of a large table


@dataclass(frozen=True)
class Recipe:
    """Settings of a network for tables, and of its training.

    Attributes
    ----------
    activation : str
    learning_rate : float
        Peak of the schedule.
    hidden : tuple of int
        Units of each hidden layer.
    dropout, weight_decay : float
        Until half of the training is over; then they fall to 0.
    label_smoothing : float
        For classification.
    batch_size, epochs : int
    """

    activation: str
    learning_rate: float
    hidden: tuple[int, ...] = (256, 256, 256)
    dropout: float = 0.15
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    batch_size: int = 256
    epochs: int = 256

    @classmethod
    def of(cls, preset: Preset, classes: int, rows: int, **settings: Any) -> Self:
        """The recipe of a preset, for a number of classes (0: regression) and of training rows.

        Settings that are None keep the preset's value.

        Raises
        ------
        UnknownNameError
            If there is no such preset.
        """
        choice("preset", preset, get_args(Preset))
        made = cls("selu", 0.04) if classes else cls("mish", 0.2)
        if preset == "fast":
            steps = -(-rows // made.batch_rows(rows))
            made = replace(made, epochs=min(made.epochs, max(_FEWEST, round(_STEPS / steps))))
        return replace(made, **{k: v for k, v in settings.items() if v is not None})

    # --- the network --------------------------------------------------------------------------

    def network(self, inputs: PrepareColumns, outputs: int) -> Sequential:
        """The network for inputs that this layer prepares.

        Numbers and dates become waves, categories with many values vectors. Each column has a
        learned scale. Then follow the hidden layers, whose weights have the NTK parametrization: a
        weight is v / sqrt(inputs), with v of standard deviation 1 and the learning rate of v. With
        Adam, whose steps do not depend on the gradient's scale, that is a factor of the learning
        rate.
        """
        waves = inputs.numbers + inputs.dates
        front: list[LayerLike] = []
        if inputs.many:
            front.append(EmbedColumns(inputs.many, _UNITS))
        width = inputs.plain + _UNITS * len(inputs.many)
        if waves:
            embedding = PeriodicEmbedding(waves, rate=_SHARE, decay=_SHARE)
            front.append(embedding)
            width += waves * (embedding.units - 1)
        made: list[LayerLike] = [*front, LearnedScale(rate=_FRONT, decay=_FRONT)]
        for units in self.hidden:
            made += [_dense(width, units), self._activation(), Dropout(self._falling(self.dropout))]
            width = units
        return Sequential(*made, _dense(width, outputs))

    def _activation(self) -> LayerLike:
        return ParametricActivation(self.activation, rate=_SHARE, decay=_SHARE)

    def _falling(self, value: float) -> Any:
        return FlatCosine(value, self.epochs) if value else 0.0

    # --- its training -------------------------------------------------------------------------

    def loss(self, classes: int) -> Loss:
        """The loss for a number of classes, or for regression."""
        if classes:
            return losses.softmax_cross_entropy(self.label_smoothing)
        return losses.mean_squared_error()

    def optimizer(self) -> Optimizer:
        """A new optimizer."""
        rate = CosLog(self.learning_rate, self.epochs)
        return AdamW(rate, 0.9, 0.95, weight_decay=self._falling(self.weight_decay))

    def batch_rows(self, rows: int) -> int:
        """The size of a batch, about `batch_size`, such that all batches are about equal."""
        batches = max(1, round(rows / self.batch_size))
        return -(-rows // batches)


def _dense(inputs: int, units: int) -> Dense:
    """A layer in the NTK parametrization."""
    root = float(inputs**0.5)
    return Dense(
        units,
        kernel_init=init.unit_variance(),
        bias_init=init.through_data(),
        kernel_rate=1 / root,
        kernel_decay=root,
        bias_rate=_SHARE,
    )

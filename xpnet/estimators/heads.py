"""The head of a network: its outputs, its loss, and how to interpret the outputs."""

from dataclasses import dataclass
from typing import Any

from xpnet import ops
from xpnet.errors import ArgumentError, ShapeError, in_brief
from xpnet.graph import Value
from xpnet.nn import Loss, losses

__all__ = ["DataLoss", "Head", "classifier_head", "regressor_head"]

# scikit-learn's names of the functions that turn logits into its outputs.
_OUT = {"softmax": ops.softmax, "logistic": ops.sigmoid, "exp": ops.exp}
_ON_PROBABILITIES = {"cross_entropy": "softmax", "binary_cross_entropy": "logistic"}


@dataclass(frozen=True)
class Head:
    """The head of a network.

    Attributes
    ----------
    units : int
        Number of outputs.
    loss : Loss
        The loss to minimize.
    reported : Loss
        The loss to report, usually `loss`. Where scikit-learn reports the mean over the outputs
        but descends along the gradient of their sum, `loss` is `factor` times as large.
    out : str
        scikit-learn's name of the last activation.
    inside : bool
        Whether that activation is a layer of the network, not part of the loss.
    codes : bool
        Whether the loss takes class numbers, not a column for each output.
    threshold : float
        An output greater than this predicts class 1.
    probabilistic : bool
        Whether outputs can be read as probabilities.
    """

    units: int
    loss: Loss
    reported: Loss
    out: str = "identity"
    inside: bool = False
    codes: bool = False
    threshold: float = 0.0
    probabilistic: bool = True
    factor: int = 1

    def activate(self, output: Any) -> Any:
        """Probabilities or values from the network's output."""
        if self.inside or self.out == "identity":
            read = self.loss.prediction
            return output if read is None else read(output)
        return _OUT[self.out](output)


class DataLoss:
    """A head's reported loss as a metric, without penalties on the weights."""

    __name__ = "data_loss"

    def __init__(self, loss: Loss) -> None:
        self._loss = loss

    def __call__(self, output: Value, target: Value) -> Value:
        return self._loss(output, target)


def log_loss(z: Value, t: Value) -> Value:
    """The binary cross-entropy, summed over the columns."""
    total: Value = z.shape[-1] * ops.binary_cross_entropy_with_logits(z, t)
    return total


def half_squares(z: Value, t: Value) -> Value:
    """Half the squared errors, summed over the columns."""
    total: Value = (0.5 * z.shape[-1]) * ops.mean_squared_error(z, t)
    return total


def poisson_deviance(z: Value, t: Value) -> Value:
    """Half the Poisson deviance, t ln(t / e**z) - t + e**z, summed over the columns."""
    constant = t * ops.log(ops.maximum(t, 1e-300 if t.dtype == "float64" else 1e-37)) - t
    total: Value = ops.sum(constant + ops.exp(z) - t * z, axis=-1)
    return total


def rate(z: Any) -> Any:
    """The expected count."""
    return ops.exp(z)


def classifier_head(spec: Any, kind: str, classes: int) -> Head:
    """The head for a loss (name or object), a kind of target and a number of classes.

    Raises
    ------
    ArgumentError
        If the loss does not support several labels per sample.
    """
    single = kind == "binary"
    if isinstance(spec, str) and spec == "log_loss":
        if kind == "multiclass":
            loss = losses.softmax_cross_entropy()
            return Head(classes, loss, loss, "softmax", codes=True)
        loss = Loss("log_loss", log_loss, "binary")
        return Head(1 if single else classes, loss, loss, "logistic")
    loss = losses.get(spec)
    inside = loss.name in _ON_PROBABILITIES
    if loss.target in ("classes", "any") and kind != "multilabel":
        out = "identity" if loss.name == "multiclass_hinge" else "softmax"
        probable = out == "softmax"
        return Head(max(2, classes), loss, loss, out, inside, codes=True, probabilistic=probable)
    if loss.target == "classes":
        raise ArgumentError(
            f"loss {loss.name!r} chooses one class: for several labels per sample use 'log_loss', "
            "'binary_focal' or another loss that treats each column on its own."
        )
    logistic = loss.target == "any" or loss.name.startswith("binary")
    threshold = 0.5 if inside or loss.target in ("real", "counts") else loss.threshold
    return Head(
        1 if single else classes,
        loss,
        loss,
        "logistic" if logistic else "identity",
        inside,
        threshold=threshold,
        probabilistic=logistic,
    )


def regressor_head(spec: Any, outputs: int, quantiles: Any) -> Head:
    """The head for a loss (name or object) and a number of target columns.

    Raises
    ------
    ArgumentError, ShapeError
        If the loss does not support `quantiles` or this number of columns.
    """
    if quantiles is not None:
        if not (isinstance(spec, str) and spec in ("squared_error", "quantile")):
            raise ArgumentError(f"quantiles set their own loss: leave out loss={in_brief(spec)}.")
        spec = losses.quantile(quantiles)
    if isinstance(spec, str) and spec == "squared_error":
        shown = losses.half_mean_squared_error()
        loss = shown if outputs == 1 else Loss("half_squares", half_squares, "real")
        return Head(outputs, loss, shown, factor=outputs)
    if isinstance(spec, str) and spec == "poisson":
        loss = Loss("poisson_deviance", poisson_deviance, "counts", prediction=rate)
        return Head(outputs, loss, loss, "exp")
    loss = losses.get(spec)
    if loss.target in ("classes", "binary"):
        raise ArgumentError(f"{loss.name} is a classification loss: use MLPClassifier.")
    out = "exp" if loss.name == "poisson" else "identity"
    return Head(_units(loss, outputs), loss, loss, out)


def _units(loss: Loss, outputs: int) -> int:
    """How many outputs the network needs for this number of target columns."""
    if loss.columns is None:
        return outputs
    for units in range(1, 100 * outputs):
        try:
            if loss.columns(units) == outputs:
                return units
        except ShapeError:
            continue
    raise ShapeError(f"{loss!r} cannot be used for {outputs} target columns.")

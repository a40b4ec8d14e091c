"""A loss: a function of output and target, and its requirements on both."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec

from xpnet.backends import is_float
from xpnet.errors import ShapeError
from xpnet.graph import Value
from xpnet.typing import Shape

__all__ = ["Loss", "LossFunction", "by_target", "maker"]

LossFunction = Callable[[Value, Value], Value]
P = ParamSpec("P")


@dataclass(frozen=True, eq=False)
class Loss:
    """A loss and its requirements. Call it with two symbolic values, output and target.

    Attributes
    ----------
    name : str
    function : callable
        ``function(output, target)`` returns one value per sample, shape (n,), or a scalar.
    target : {"classes", "binary", "real", "counts", "any"}
        In this order: class indices or the probability of each class; 0, 1 or a probability; any
        number; numbers of at least 0; anything.
    metrics : tuple of str
        Metrics reported with the loss by default.
    reduction : {"mean", "sum"}
        Whether the loss of a batch is the mean of its samples' losses l, with sample weights
        sum(w l) / sum(w), or their sum, sum(w l).
    columns : callable or None
        Gives the target's number of columns from the output's; None if they are equal.
    hard : bool
        Whether targets must be 0 or 1, not probabilities in between.
    threshold : float
        The output above which a binary loss predicts 1.
    prediction : callable or None
        Turns the output into a prediction of the target, for metrics; None for the output itself.
    advice : str
        What to do if the loss becomes NaN or infinite.
    made_by, settings : callable or None, dict
        The function of `xpnet.losses` that made it, and its arguments. They define how a loss is
        shown, compared and pickled.
    """

    name: str
    function: LossFunction
    target: str
    metrics: tuple[str, ...] = ()
    reduction: str = "mean"
    columns: Callable[[int], int] | None = None
    hard: bool = False
    threshold: float = 0.0
    prediction: Callable[[Value], Value] | None = None
    advice: str = "Try a smaller learning rate, or scale the inputs"
    made_by: Callable[..., Any] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        if self.made_by is None:
            return f"Loss({self.name!r})"
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.settings.items())})"

    def __eq__(self, other: object) -> bool:
        if self.made_by is None or not isinstance(other, Loss):
            return self is other
        return self.made_by is other.made_by and self.settings == other.settings

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> Any:
        if self.made_by is None:
            return Loss, tuple(getattr(self, f.name) for f in fields(self))
        return _made_again, (self.made_by, self.settings)

    def __call__(self, output: Value, target: Value) -> Value:
        """One value per sample.

        Raises
        ------
        ShapeError
            If the target's shape does not fit the output's.
        """
        if self.target != "any":
            self._check(output, target)
        return self.function(output, target)

    def target_shape(self, output: Shape) -> Shape:
        """Shape of one sample's target (of its probabilities for labels), from the output's shape.

        Raises
        ------
        ShapeError
            If the loss does not accept such an output.
        """
        if self.columns is None:
            return output
        if not output:
            raise ShapeError(f"{self.name} needs a network whose output has shape (n, columns).")
        return (*output[:-1], self.columns(output[-1]))

    def _check(self, output: Value, target: Value) -> None:
        """Check the target's shape: broadcasting would compare unrelated numbers."""
        if self.target == "classes" and not is_float(target.dtype):
            wanted = output.shape[:-1]
        else:
            wanted = (*output.shape[:1], *self.target_shape(output.shape[1:]))
        if target.shape != wanted:
            raise ShapeError(
                f"{self.name} expects a target of shape {wanted} for an output of shape "
                f"{output.shape}, got {target.shape}."
            )


def _made_again(make: Callable[..., Loss], settings: dict[str, Any]) -> Loss:
    return make(**settings)


def _fixed(value: Any) -> Any:
    """A setting that cannot change later: sequences become tuples."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(v.item() if hasattr(v, "item") else v for v in value)
    return value


def maker(make: Callable[P, Loss]) -> Callable[P, Loss]:
    """Store in each loss the function that made it and its settings."""
    again: Callable[..., Loss] = make

    @wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> Loss:
        given = signature(make).bind(*args, **kwargs)
        given.apply_defaults()
        made_loss = again(**given.arguments)  # checks the settings
        settings = {name: _fixed(value) for name, value in given.arguments.items()}
        return replace(made_loss, made_by=made, settings=settings)

    return made


def by_target(hard: Any, soft: Any) -> Callable[..., Value]:
    """One function for class indices, another for class probabilities."""

    def function(output: Value, target: Value, **settings: Any) -> Value:
        chosen = soft if is_float(target.dtype) else hard
        result: Value = chosen(output, target, **settings)
        return result

    return function

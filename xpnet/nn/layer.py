"""The base class of layers. A layer declares parameters and calls ops; it never sees an array."""

from collections.abc import Callable
from typing import Any, TypeAlias

from xpnet.arguments import count, is_function, number, positive
from xpnet.errors import ArgumentError, GraphError, in_brief
from xpnet.graph import Graph, ParameterSpec, Value
from xpnet.nn.init import get as get_init
from xpnet.nn.init.initializer import InitLike
from xpnet.nn.weight_constraints import Constraint

__all__ = [
    "Layer",
    "LayerLike",
    "Penalty",
    "batch_shape",
    "call",
    "check_constraint",
    "check_penalty",
]

LayerLike: TypeAlias = Callable[..., Any]
Penalty: TypeAlias = Callable[[Value], Value]


def call(layer: LayerLike, *xs: Any, name: str | None = None) -> Any:
    """Call a layer, or any function of symbolic values, in its own name scope.

    Raises
    ------
    GraphError
        If an argument is not a symbolic value.
    """
    for x in xs:
        if not isinstance(x, Value):
            label = getattr(layer, "__name__", type(layer).__name__)
            raise GraphError(
                f"{label} was called with {type(x).__name__}: layers are called on symbolic "
                "values, inside a function that is being traced. To compute with arrays, put the "
                "layer into xpnet.Model, or into a function for xpnet.value_and_grad."
            )
    return xs[0].graph.scope.call(layer, *xs, name=name)


def check_penalty(what: str, penalty: Penalty | None) -> Penalty | None:
    """Return the penalty if it is a function of a parameter, or None."""
    if penalty is not None and not is_function(penalty):
        raise ArgumentError(
            f"{what} must be a function of the parameter, such as xpnet.L2(1e-4), got "
            f"{in_brief(penalty)}."
        )
    return penalty


def check_constraint(what: str, constraint: Constraint | None) -> Constraint | None:
    """Return the constraint if it is a known one, or None."""
    if constraint is not None and not isinstance(constraint, Constraint):
        raise ArgumentError(
            f"{what} must be xpnet.MaxNorm(...) or xpnet.UnitNorm(), got {in_brief(constraint)}."
        )
    return constraint


def batch_shape(shape: tuple[int, ...]) -> str:
    """A batch's shape for a message: n stands for the number of samples."""
    return str(shape).replace(str(shape[0]), "n", 1) if shape else "()"


class Layer:
    """Base class of layers. A subclass defines `forward`.

    The first call of a layer names its parameters after the path to it (``layers.0.weight``);
    every later call of the same layer shares them.

    Examples
    --------
    >>> import xpnet as xn
    >>> class Scale(xn.Layer):
    ...     def forward(self, x):
    ...         return x * self.parameter(x, "scale", x.shape[1:], xn.init.ones())
    """

    def __call__(self, *xs: Value) -> Any:
        if not xs:
            raise GraphError(f"{type(self).__name__} was called without an input.")
        return call(self, *xs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output from symbolic inputs."""
        raise GraphError(f"{type(self).__name__} must define forward(self, x).")

    def parameter(
        self,
        like: Value,
        name: str,
        shape: tuple[int, ...],
        init: InitLike,
        decay: bool | float = True,
        *,
        trainable: bool = True,
        penalty: Penalty | None = None,
        constraint: Constraint | None = None,
        rate: float = 1.0,
    ) -> Value:
        """Declare a parameter with the dtype of the value `like`.

        Parameters
        ----------
        like : Value
            An input of the layer.
        name : str
            Its name within the layer, such as ``"weight"``.
        shape : tuple of int
        init : str or initializer
            A name, or the result of a function of `xpnet.init`.
        decay : bool or float, default True
            Whether weight decay applies, or a factor of it, at least 0. Biases pass False.
        trainable : bool, default True
            Whether it has a gradient.
        penalty : callable, optional
            ``penalty(value)``, a scalar built from ops, is added to the loss; see `L1` and `L2`.
        constraint : MaxNorm or UnitNorm, optional
            Applied after every update.
        rate : float, default 1
            A factor of the learning rate, greater than 0.
        """
        lengths = tuple(count(f"parameter {in_brief(name)}: a length", n, 0) for n in shape)
        check_penalty(f"the penalty on {in_brief(name)}", penalty)
        check_constraint(f"the constraint on {in_brief(name)}", constraint)
        if constraint is not None and not -len(lengths) <= constraint.axis < len(lengths):
            raise ArgumentError(
                f"{in_brief(constraint)} needs axis {constraint.axis}, which {in_brief(name)} of "
                f"shape {lengths} "
                "does not have."
            )
        if not isinstance(decay, bool):
            number(f"{in_brief(name)}: decay", decay, 0)
        spec = ParameterSpec(
            lengths,
            get_init(init),
            float(decay),
            trainable,
            penalty,
            constraint,
            positive(f"{in_brief(name)}: rate", rate),
        )
        value: Value = like.graph.parameter(name, spec, like.dtype)
        return value

    def observe(self, parameter: Value, result: Value) -> None:
        """Let the initializer of a parameter see what the layer computes with it for data.

        Only initializers that depend on data look at it, such as `init.unit_variance`. The first
        call of the layer counts.
        """
        parameter.graph.scope.observed.setdefault(parameter.name, result)

    def state(self, like: Value, name: str, shape: tuple[int, ...], init: InitLike) -> Value:
        """Declare numbers that the network keeps but does not train, such as a running mean.

        They are saved and restored with the parameters. Only `assign` changes them.
        """
        return self.parameter(like, name, shape, init, decay=False, trainable=False)

    def assign(self, state: Value, value: Value) -> None:
        """Set the value that a state of this layer has after the training step."""
        state.graph.assign(state, value)

    def training(self, x: Value) -> bool:
        """Whether this is a training step and the layer is not frozen."""
        graph: Graph = x.graph
        return graph.settings.training and not graph.is_frozen(graph.scope.path())

    def __repr__(self) -> str:
        shown = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"

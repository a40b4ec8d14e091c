"""L-BFGS: steps that use the curvature of recent gradients, on all samples at once."""

from typing import ClassVar

from xpnet.arguments import count, number, positive
from xpnet.optim.optimizer import Link, Optimizer

__all__ = ["LBFGS"]

_SETTINGS = (
    "history",
    "gradient_tolerance",
    "loss_tolerance",
    "max_evaluations",
    "weight_decay",
)


class LBFGS(Optimizer):
    """Limited-memory BFGS, as SciPy computes it (extra ``scipy``).

    ``fit`` then uses all samples as one batch. An epoch is one iteration: a direction from the last
    `history` steps, and a line search. L-BFGS suits small data and small networks, where it finds
    much lower losses than stochastic methods. SciPy works on the host in float64, so with a GPU
    each evaluation transfers the parameters and gradients.

    Parameters
    ----------
    history : int, default 10
        Number of steps from which the curvature is estimated.
    gradient_tolerance : float, default 1e-5
        Stop when no element of the gradient is larger.
    loss_tolerance : float, default 2.2e-9
        Stop when an iteration lowers the loss by less than this share of it.
    max_evaluations : int, default 15000
        Maximum number of loss evaluations in one ``fit``.
    weight_decay : float, default 0
        Adds ``weight_decay / 2`` times the sum of the squared weights, without biases, to the
        function to minimize.

    Raises
    ------
    ArgumentError
        If a setting is out of range.

    Notes
    -----
    Source: Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
    Mathematical Programming 45 (1989); Byrd, Lu, Nocedal and Zhu (1995) for the code in SciPy.
    Dropout and noise are drawn once per ``fit``, because the loss must not change between
    evaluations.
    """

    whole_batch: ClassVar[bool] = True

    def __init__(
        self,
        history: int = 10,
        gradient_tolerance: float = 1e-5,
        loss_tolerance: float = 2.2e-9,
        max_evaluations: int = 15000,
        weight_decay: float = 0.0,
    ) -> None:
        decay = number("weight_decay", weight_decay, 0)
        super().__init__(1.0, weight_decay=decay)  # the line search finds the step
        self.history = count("history", history)
        self.gradient_tolerance = positive("gradient_tolerance", gradient_tolerance)
        self.loss_tolerance = number("loss_tolerance", loss_tolerance, 0)
        self.max_evaluations = count("max_evaluations", max_evaluations)

    def __repr__(self) -> str:
        shown = {name: value for name, value in vars(self).items() if name in _SETTINGS}
        return f"LBFGS({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def chain(self) -> list[Link]:
        """No rules: SciPy changes the parameters."""
        return []

    def options(self, iterations: int) -> dict[str, float]:
        """The settings under SciPy's names."""
        return {
            "maxiter": iterations,
            "maxfun": self.max_evaluations,
            "maxcor": self.history,
            "gtol": self.gradient_tolerance,
            "ftol": self.loss_tolerance,
            "maxls": 50,
        }

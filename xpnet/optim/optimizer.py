"""Optimizers: a learning rate, and a chain of update rules on flat vectors."""

from dataclasses import dataclass, field
from inspect import signature
from math import inf
from typing import Any, ClassVar, TypedDict

from xpnet.arguments import is_function, number, positive, refuse_unknown
from xpnet.errors import ArgumentError, in_brief
from xpnet.graph import Scheduled
from xpnet.ops.op_registry import UPDATES
from xpnet.ops.record import Update
from xpnet.optim.schedules import Schedule, schedule

__all__ = ["DecoupledDecay", "Link", "Optimizer", "Options"]


_SHOWN = {"_schedule": "learning_rate"}


@dataclass(frozen=True)
class Link:
    """One rule of an optimizer's chain, with its settings.

    ``weights_only`` applies it to the leading part of the vectors, without the biases.
    ``per_parameter`` applies it to each parameter's part on its own.
    """

    update: Update
    static: dict[str, Any] = field(default_factory=dict)
    weights_only: bool = False
    per_parameter: bool = False


class Options(TypedDict, total=False):
    """The keyword arguments of every optimizer; `Optimizer` documents them."""

    weight_decay: float | Schedule
    clip_value: float | None
    clip_norm: float | None
    clip_global_norm: float | None
    average_decay: float | None


class Optimizer:
    """Base class: a learning-rate schedule, and a chain of update rules.

    First the gradient is clipped. Then weight decay is added to it. Then the optimizer's own
    rules change the parameters.

    Parameters
    ----------
    learning_rate : float or callable
        A number greater than 0, or a function of the epoch, counted from 0. xpnet's schedules
        are called in every step, with a fractional epoch. So is any other function whose
        attribute ``varies`` is true; all others are called once per epoch.
    weight_decay : float or callable, default 0
        Adds ``weight_decay`` times the weights to their gradient, like an L2 penalty of
        ``weight_decay / 2`` times the sum of squares; not applied to biases. At least 0, or a
        schedule, as for the learning rate.
    clip_value : float, optional
        Greater than 0. Each element of the gradient is clipped to [-clip_value, clip_value].
    clip_norm : float, optional
        Greater than 0. Each parameter's gradient g is multiplied by
        min(1, clip_norm / (|g| + 1e-6)).
    clip_global_norm : float, optional
        The same for the gradient of all parameters as one vector. Excludes `clip_norm`.
    average_decay : float, optional
        d in [0, 1). Keeps a running average of the parameters, a = d a + (1 - d) p after each
        step, which is read as a / (1 - d**t).

    Attributes
    ----------
    whole_batch : bool
        Whether a step needs all samples at once, as in L-BFGS.

    Raises
    ------
    ArgumentError
        If a number is out of range, or both `clip_norm` and `clip_global_norm` are given.

    Notes
    -----
    Sources: clipping by the norm, Pascanu, Mikolov and Bengio, "On the difficulty of training
    recurrent neural networks", ICML 2013; averaging, Polyak and Juditsky, "Acceleration of
    stochastic approximation by averaging", 1992, with exponential weights.
    """

    whole_batch: ClassVar[bool] = False

    def __init__(
        self,
        learning_rate: float | Schedule,
        *,
        weight_decay: float | Schedule = 0.0,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        clip_global_norm: float | None = None,
        average_decay: float | None = None,
        **unknown: object,
    ) -> None:
        if unknown:
            refuse_unknown(type(self).__name__, unknown, _settings(type(self)))
        if clip_norm is not None and clip_global_norm is not None:
            raise ArgumentError(
                "give clip_norm (each parameter's gradient) or clip_global_norm (the whole "
                f"gradient), not both; got {in_brief(clip_norm)} and {in_brief(clip_global_norm)}."
            )
        self.learning_rate = learning_rate
        self._first = self._schedule
        fixed = not is_function(weight_decay)
        self.weight_decay = number("weight_decay", weight_decay, 0) if fixed else weight_decay
        self.clip_value = _limit("clip_value", clip_value)
        self.clip_norm = _limit("clip_norm", clip_norm)
        self.clip_global_norm = _limit("clip_global_norm", clip_global_norm)
        self.average_decay = (
            None if average_decay is None else number("average_decay", average_decay, 0, 1)
        )

    @property
    def learning_rate(self) -> Schedule:
        """The schedule. You may assign a number."""
        return self._schedule

    @learning_rate.setter
    def learning_rate(self, value: float | Schedule) -> None:
        self._schedule = schedule(value)

    @property
    def first_learning_rate(self) -> Schedule:
        """The schedule that the optimizer was made with, whatever was assigned later."""
        return self._first

    @property
    def varies(self) -> bool:
        """Whether the learning rate is computed in every step, not once per epoch."""
        return bool(getattr(self._schedule, "varies", False))

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse changes except to the learning rate: other settings are fixed in the update."""
        if name in vars(self) and name != "_schedule":
            raise ArgumentError(
                f"the {name} of an optimizer cannot be changed: assign a new optimizer, such as "
                f"model.optimizer = xpnet.{type(self).__name__}({name}=...)."
            )
        object.__setattr__(self, name, value)

    def rate(self, epoch: float) -> float:
        """The learning rate at a time, in epochs from 0.

        Raises
        ------
        ArgumentError
            If the schedule does not return a finite number of at least 0.
        """
        found = self._schedule(epoch)
        if type(found) is float and 0 <= found < inf:
            return found  # `number` would take a microsecond in every step
        return number("learning_rate (from the schedule)", found, 0)

    def decay_after(self, epoch: int, share: float = 0.0) -> float:
        """The weight decay after this share of an epoch.

        Raises
        ------
        ArgumentError
            If the schedule does not return a finite number of at least 0.
        """
        if callable(self.weight_decay):
            return Scheduled("weight_decay", self.weight_decay).at(epoch, share)
        return self.weight_decay

    def rules(self) -> list[Link]:
        """The rules that apply the gradient to the parameters."""
        raise ArgumentError(f"{type(self).__name__} must define rules(self).")

    def decay(self) -> Link:
        """The rule of weight decay."""
        return Link(UPDATES["decay"], weights_only=True)

    def clipping(self) -> list[Link]:
        """The rules that clip the gradient."""
        value, norm, whole = self.clip_value, self.clip_norm, self.clip_global_norm
        links = []
        if value is not None:
            links.append(Link(UPDATES["clip_value"], {"limit": value}))
        if norm is not None:
            links.append(Link(UPDATES["clip_norm"], {"limit": norm}, per_parameter=True))
        if whole is not None:
            links.append(Link(UPDATES["clip_norm"], {"limit": whole}))
        return links

    def chain(self) -> list[Link]:
        """The rules in the order in which they are applied."""
        return [*self.clipping(), *([self.decay()] if self.weight_decay else []), *self.rules()]

    def averaging(self) -> list[Link]:
        """The rules that come last, after the constraints."""
        if self.average_decay is None:
            return []
        return [Link(UPDATES["average"], {"decay": self.average_decay})]

    def coefficients(self, learning_rate: float, step: int) -> dict[str, float]:
        """The numbers that the rules read in this step, by name; steps count from 1."""
        return {"lr": learning_rate}

    def decay_coefficients(self, learning_rate: float, weight_decay: float) -> dict[str, float]:
        """The number that the rule of weight decay reads in this step, by name."""
        return {"weight_decay": weight_decay}

    def __repr__(self) -> str:
        shown = [
            f"{_SHOWN.get(name, name)}={value!r}"
            for name, value in vars(self).items()
            if value is not None and (name in _SHOWN or not name.startswith("_"))
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


def _settings(kind: type) -> list[str]:
    """The keyword arguments of an optimizer, including those of its base classes."""
    found = [p for base in kind.__mro__[:-1] for p in signature(base).parameters.values()]
    return list(dict.fromkeys(p.name for p in found if p.kind is not p.VAR_KEYWORD))


def _limit(name: str, value: float | None) -> float | None:
    return None if value is None else positive(name, value)


class DecoupledDecay(Optimizer):
    """Decoupled weight decay: w = w - learning_rate weight_decay w comes before the step."""

    def decay(self) -> Link:
        return Link(UPDATES["decoupled_decay"], weights_only=True)

    def decay_coefficients(self, learning_rate: float, weight_decay: float) -> dict[str, float]:
        return {"decay": learning_rate * weight_decay}

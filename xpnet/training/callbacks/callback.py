"""The base class of callbacks, and several callbacks as one."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from inspect import signature
from sys import maxsize
from typing import Any, TypeAlias

from xpnet.errors import ArgumentError, in_brief
from xpnet.training.context import FitContext, FittedModel
from xpnet.training.snapshot import Snapshot

__all__ = ["Callback", "CallbackLike", "Callbacks"]


class Callback:
    """Base class: override the methods that you need.

    If ``on_epoch_end`` returns True, training stops after that epoch. A plain function
    ``f(model, epoch, logs)`` given as a callback is an ``on_epoch_end``.

    Examples
    --------
    >>> import xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> class StopAfter(xn.Callback):
    ...     def __init__(self, steps):
    ...         self.steps = steps
    ...     def on_safe_point(self, model, context):
    ...         context.stopping = context.stopping or context.state.step >= self.steps
    >>> model = xn.MLP([64, 32, 10])
    >>> history = model.fit(X, y, batch_size=64, callbacks=[StopAfter(30)])
    >>> model.engine.state.step
    30
    """

    def check(self, columns: tuple[str, ...]) -> None:
        """Raise if the fit will not record what the callback needs.

        `columns` are the columns of the fit's history. Called before anything changes.
        """

    def on_run_begin(self, context: FitContext, snapshot: Snapshot | None) -> None:
        """Run first in a fit, with the snapshot that the fit resumes, or None."""

    def on_fit_begin(self, model: FittedModel) -> None:
        """Run before the first epoch."""

    def on_epoch_begin(self, model: FittedModel, epoch: int) -> None:
        """Run before each epoch; epochs are counted from 1 over the model's life."""

    def on_gradient(self, model: FittedModel, step: int) -> None:
        """Run between the backward pass and update number `step`; see `Model.gradients`."""

    def on_step_end(self, model: FittedModel, step: int) -> None:
        """Run after each update; steps are counted from 1 over the model's life."""

    def on_epoch_end(self, model: FittedModel, epoch: int, logs: dict[str, float]) -> bool | None:
        """Run after each epoch, with its row of the history; return True to stop."""

    def on_fit_end(self, model: FittedModel) -> None:
        """Run when training is over, even if an error stopped it."""

    def on_safe_point(self, model: FittedModel, context: FitContext) -> None:
        """Run after each step and each epoch, after the other methods of all callbacks.

        No work is half done then: everything in `context` can be stored, and `context.stopping`
        may be set. `stride` says how often it is needed.
        """

    def stride(self) -> int:
        """Return the number of steps between two safe points; 0 if only ends of epochs count.

        On a GPU, the steps between two of them can be launched together.
        """
        return 1

    def get_state(self) -> dict[str, Any] | None:
        """Return what a checkpoint stores of this callback; None for nothing.

        The dict may hold numbers, strings, lists, tuples, dicts and arrays.
        """
        return None

    def set_state(self, model: FittedModel, state: dict[str, Any]) -> None:
        """Restore what `get_state` returned; called after `on_fit_begin`."""


CallbackFunction: TypeAlias = Callable[[FittedModel, int, dict[str, float]], object]

CallbackLike: TypeAlias = Callback | CallbackFunction
"""A callback, or a function ``f(model, epoch, logs)`` that runs after each epoch."""


class _Function(Callback):
    def __init__(self, function: Callable[..., Any]) -> None:
        _check_signature(function)
        self._function = function

    def on_epoch_end(self, model: FittedModel, epoch: int, logs: dict[str, float]) -> bool | None:
        result: bool | None = self._function(model, epoch, logs)
        return result


def _check_signature(function: Callable[..., Any]) -> None:
    """Raise if a function's signature shows that it cannot be called as a callback."""
    try:
        bind = signature(function).bind
    except (TypeError, ValueError):  # some compiled functions have no signature
        return
    try:
        bind(None, 1, {})
    except TypeError as error:
        raise ArgumentError(
            "a function given as a callback is called as f(model, epoch, logs), but "
            f"{in_brief(function)} "
            f"cannot be: {error}."
        ) from error


def _own(callback: Callback, event: str) -> bool:
    """Whether the callback's class overrides this method."""
    return getattr(type(callback), event) is not getattr(Callback, event)


class Callbacks:
    """Several callbacks as one."""

    def __init__(self, callbacks: Sequence[CallbackLike] | None) -> None:
        if callbacks is not None and not isinstance(callbacks, list | tuple):
            raise ArgumentError(
                f"callbacks must be a list, such as [callback]; got {in_brief(callbacks)}."
            )
        self._all = [self._one(c) for c in callbacks or ()]
        # These run at every step, so list only the methods that a callback overrides.
        self.gradient = [c.on_gradient for c in self._all if _own(c, "on_gradient")]
        self.step_end = [c.on_step_end for c in self._all if _own(c, "on_step_end")]
        self.safe_point = [c.on_safe_point for c in self._all if _own(c, "on_safe_point")]
        self.may_intervene = bool(self.gradient or self.step_end or self.safe_point)
        strides = [c.stride() for c in self._all if _own(c, "on_safe_point")]
        self._strides = [stride for stride in strides if stride]

    @staticmethod
    def _one(callback: CallbackLike) -> Callback:
        if isinstance(callback, Callback):
            return callback
        if isinstance(callback, type) or not callable(callback):
            raise ArgumentError(
                "a callback is an object of a class derived from xpnet.Callback, or a function "
                f"f(model, epoch, logs); got {in_brief(callback)}."
            )
        return _Function(callback)

    @property
    def every_step(self) -> str | None:
        """Name of a callback that must be called at every step; None if there is none."""
        for callback in self._all:
            often = _own(callback, "on_safe_point") and callback.stride() == 1
            if often or _own(callback, "on_gradient") or _own(callback, "on_step_end"):
                return type(callback).__name__
        return None

    def until_safe_point(self, step: int) -> int:
        """How many steps may follow this one before a callback needs a safe point."""
        return min((stride - step % stride for stride in self._strides), default=maxsize)

    def check(self, columns: tuple[str, ...]) -> None:
        """Call `Callback.check` of all callbacks."""
        for callback in self._all:
            callback.check(columns)

    def run_begin(self, context: FitContext, snapshot: Snapshot | None) -> None:
        """Tell all."""
        for callback in self._all:
            callback.on_run_begin(context, snapshot)

    def fit_begin(self, model: FittedModel) -> None:
        """Tell all."""
        for callback in self._all:
            callback.on_fit_begin(model)

    def epoch_begin(self, model: FittedModel, epoch: int) -> None:
        """Tell all."""
        for callback in self._all:
            callback.on_epoch_begin(model, epoch)

    def epoch_end(self, model: FittedModel, epoch: int, logs: dict[str, float]) -> bool:
        """Call all callbacks; return whether any asks to stop."""
        answers = [(c, c.on_epoch_end(model, epoch, dict(logs))) for c in self._all]
        for callback, answer in answers:
            if answer is not None and type(answer).__name__ not in ("bool", "bool_"):
                raise ArgumentError(
                    f"{in_brief(callback)} returned {in_brief(answer)} from on_epoch_end: return "
                    "True to stop the "
                    "training, False or None to continue."
                )
        return any(answer for _, answer in answers)

    def states(self) -> list[tuple[Callback, dict[str, Any]]]:
        """The callbacks that have a state, each with its state."""
        found = [(c, c.get_state()) for c in self._all]
        return [(callback, state) for callback, state in found if state is not None]

    def put_back(self, model: FittedModel, states: list[dict[str, Any]]) -> None:
        """Restore the state of each callback that has one, or of none if one refuses its state."""
        before = self.states()
        try:
            for (callback, _), state in zip(before, states, strict=True):
                callback.set_state(model, state)
        except BaseException:
            for callback, old in before:
                callback.set_state(model, old)
            raise

    def fit_end(self, model: FittedModel) -> None:
        """Call all callbacks, even if one fails; then raise the first error."""
        with ExitStack() as stack:
            for callback in reversed(self._all):
                stack.callback(callback.on_fit_end, model)

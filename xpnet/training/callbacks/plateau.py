"""Lower the learning rate when the model no longer improves."""

from typing import Any, Literal

from xpnet.arguments import count, number, positive
from xpnet.errors import ArgumentError, in_brief
from xpnet.optim.schedules import Constant, Scaled
from xpnet.training.callbacks.callback import Callback
from xpnet.training.callbacks.restoring import restore
from xpnet.training.callbacks.watched import Watched
from xpnet.training.context import FittedModel

__all__ = ["ReduceOnPlateau"]

_STATE = {"reductions": list, "_best": float, "_waited": int, "_cooling": int}


class ReduceOnPlateau(Callback):
    """Multiply the learning rate by a factor when a column stops improving.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A column of the history.
    factor : float, default 0.1
        In (0, 1).
    patience : int, default 10
        Epochs without improvement that are tolerated; the next one reduces the learning rate.
    min_delta : float, default 1e-4
        An improvement must be larger than this, at least 0. NaN is never an improvement.
    cooldown : int, default 0
        Epochs after a reduction that are not counted.
    min_rate : float, default 0
        The learning rate is not reduced below this.
    mode : {"auto", "min", "max"}, default "auto"
        What better means; ``"auto"`` maximizes columns that end in ``accuracy`` or ``r2`` and
        minimizes losses. For other columns, give the mode.

    Attributes
    ----------
    reductions : list of int
        Epochs after which this fit reduced the rate, counted from 1 over the model's life.

    Raises
    ------
    ArgumentError
        For settings that cannot be used, and before the training if there is no such column.

    Notes
    -----
    It assigns ``model.optimizer.learning_rate``. This keeps the optimizer's state, and affects
    every model with the same optimizer object. A schedule continues, scaled. Each fit begins a new
    count with the current learning rate. The rule is that of
    torch.optim.lr_scheduler.ReduceLROnPlateau with ``threshold_mode="abs"``.

    Examples
    --------
    >>> import xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> model = xn.MLP([64, 32, 10], optimizer=xn.SGD(0.5, momentum=0.9), seed=0)
    >>> slower = xn.ReduceOnPlateau("loss", factor=0.5, patience=1)
    >>> history = model.fit(X, y, epochs=40, callbacks=[slower])
    >>> model.optimizer.rate(model.epoch) == 0.5 * 0.5 ** len(slower.reductions)
    True
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_rate: float = 0.0,
        mode: Literal["auto", "min", "max"] = "auto",
    ) -> None:
        self._watched = Watched(monitor, mode, min_delta)
        self._factor = positive("factor", factor)
        if self._factor >= 1:
            raise ArgumentError(f"factor must be in (0, 1), got {in_brief(factor)}.")
        self._patience = count("patience", patience, 0)
        self._cooldown = count("cooldown", cooldown, 0)
        self._min_rate = number("min_rate", min_rate, 0)
        self._begin()

    def _begin(self) -> None:
        self.reductions: list[int] = []
        self._best = self._watched.worst
        self._waited = self._cooling = 0

    def check(self, columns: tuple[str, ...]) -> None:
        self._watched.check(columns)

    def on_fit_begin(self, model: FittedModel) -> None:
        if model.optimizer.whole_batch:
            raise ArgumentError("L-BFGS has no learning rate to reduce: use another optimizer.")
        self._begin()

    def on_epoch_end(self, model: FittedModel, epoch: int, logs: dict[str, float]) -> None:
        value = self._watched.value(logs)
        self._waited += 1
        if self._watched.better(value, self._best):
            self._best, self._waited = value, 0
        if self._cooling:
            self._cooling, self._waited = self._cooling - 1, 0
        if self._waited > self._patience:
            self._cooling, self._waited = self._cooldown, 0
            self._reduce(model, epoch)

    def get_state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _STATE}

    def set_state(self, model: FittedModel, state: dict[str, Any]) -> None:
        restore(self, model, state, _STATE)

    def _reduce(self, model: FittedModel, epoch: int) -> None:
        """Lower the learning rate of later epochs, unless it is at its minimum."""
        optimizer = model.optimizer
        rate = optimizer.rate(model.epoch)
        lower = max(rate * self._factor, self._min_rate)
        if not 0 < lower < rate:
            return
        schedule = optimizer.learning_rate
        constant = isinstance(schedule, Constant)
        optimizer.learning_rate = Constant(lower) if constant else Scaled(schedule, lower / rate)
        self.reductions.append(epoch)

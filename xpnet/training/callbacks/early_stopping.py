"""Stop when the model no longer improves."""

from typing import Any, Literal

from xpnet.arguments import count, flag
from xpnet.training.callbacks.callback import Callback
from xpnet.training.callbacks.restoring import restore
from xpnet.training.callbacks.watched import Watched
from xpnet.training.context import FittedModel

__all__ = ["EarlyStopping"]

_STATE = {
    "best": float | None,
    "best_epoch": int | None,
    "stopped_epoch": int | None,
    "_state": dict | None,
    "_waited": int,
    "_at_best": bool,
}


class EarlyStopping(Callback):
    """Stop once a column has not improved for some epochs, and restore the best epoch.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A column of the history.
    patience : int, default 5
        Stop after this many epochs in a row without improvement, at least 1.
    min_delta : float, default 0
        An improvement must be larger than this, at least 0. NaN is never an improvement.
    mode : {"auto", "min", "max"}, default "auto"
        What better means; ``"auto"`` maximizes columns that end in ``accuracy`` or ``r2`` and
        minimizes losses. For other columns, give the mode.
    restore_best : bool, default True
        Whether to restore the parameters of the best epoch when the fit ends, even by an error or
        after its last epoch. The optimizer then starts again, because its state belongs to later
        parameters. If the best epoch is the last, nothing changes.

    Attributes
    ----------
    best : float or None
        The best value; None as long as all values were NaN.
    best_epoch, stopped_epoch : int or None
        The epoch of the best value, and the epoch after which training stopped (None if it did
        not). Epochs are counted from 1 over the model's life.

    Raises
    ------
    ArgumentError
        For settings that cannot be used, and before the training if there is no such column.

    Notes
    -----
    Each fit begins a new count. Source: Prechelt, "Early stopping - but when?", in Neural
    Networks: Tricks of the Trade, 1998.

    Examples
    --------
    >>> import xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> stop = xn.EarlyStopping("val_loss", patience=3)
    >>> model = xn.MLP([64, 32, 10], seed=0)
    >>> history = model.fit(X, y, epochs=500, validation_data=(X_test, y_test), callbacks=[stop])
    >>> stop.best == min(history["val_loss"]) == model.evaluate(X_test, y_test)["loss"]
    True
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: Literal["auto", "min", "max"] = "auto",
        restore_best: bool = True,
    ) -> None:
        self._watched = Watched(monitor, mode, min_delta)
        self._patience = count("patience", patience)
        self._restore = flag("restore_best", restore_best)
        self._begin()

    def _begin(self) -> None:
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None
        self._state: dict[str, Any] | None = None
        self._waited = 0
        self._at_best = False  # whether the parameters are still those of the best epoch

    def check(self, columns: tuple[str, ...]) -> None:
        self._watched.check(columns)

    def on_fit_begin(self, model: FittedModel) -> None:
        self._begin()

    def on_epoch_begin(self, model: FittedModel, epoch: int) -> None:
        self._at_best = False

    def on_epoch_end(self, model: FittedModel, epoch: int, logs: dict[str, float]) -> bool:
        value = self._watched.value(logs)
        if self._watched.better(value, self._watched.worst if self.best is None else self.best):
            self.best, self.best_epoch, self._waited, self._at_best = value, epoch, 0, True
            self._state = model.state_dict() if self._restore else None
            return False
        self._waited += 1
        if self._waited < self._patience:
            return False
        self.stopped_epoch = epoch
        return True

    def get_state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _STATE}

    def set_state(self, model: FittedModel, state: dict[str, Any]) -> None:
        restore(self, model, state, _STATE, parameters="_state")

    def on_fit_end(self, model: FittedModel) -> None:
        state, self._state = self._state, None
        if state is not None and not self._at_best:
            model.load_state_dict(state)

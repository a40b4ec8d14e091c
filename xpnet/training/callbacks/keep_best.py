"""Keep the best parameters seen."""

from typing import Any, Literal

from xpnet.arguments import flag
from xpnet.errors import ArgumentError
from xpnet.training.callbacks.callback import Callback
from xpnet.training.callbacks.restoring import restore
from xpnet.training.callbacks.watched import Watched
from xpnet.training.context import FittedModel

__all__ = ["KeepBest"]


class KeepBest(Callback):
    """Keep a copy of the parameters of the best epoch, without stopping.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A column of the history.
    mode : {"auto", "min", "max"}, default "auto"
        What better means; ``"auto"`` maximizes columns that end in ``accuracy`` or ``r2`` and
        minimizes losses. For other columns, give the mode.
    latest : bool, default False
        Whether the last of equal epochs wins, not the first.

    Attributes
    ----------
    state : dict of str to array, or None
        The best epoch's `Model.state_dict`; None as long as all epochs gave NaN.
    best : float or None
        The best value.
    best_epoch : int or None
        The epoch of the best value, counted from 1 over the model's life.

    Raises
    ------
    ArgumentError
        For settings that cannot be used, and before the training if there is no such column.

    Notes
    -----
    One object given to several fits keeps the best of them all.

    Examples
    --------
    >>> import xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> keep = xn.KeepBest("val_accuracy")
    >>> model = xn.MLP([64, 32, 10], optimizer=xn.Adam(0.01), seed=0)
    >>> history = model.fit(X, y, epochs=40, validation_data=(X_test, y_test), callbacks=[keep])
    >>> keep.restore(model)
    >>> model.evaluate(X_test, y_test)["accuracy"] == max(history["val_accuracy"])
    True
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: Literal["auto", "min", "max"] = "auto",
        latest: bool = False,
    ) -> None:
        self._watched = Watched(monitor, mode)
        self._latest = flag("latest", latest)
        self.state: dict[str, Any] | None = None
        self.best: float | None = None
        self.best_epoch: int | None = None

    def check(self, columns: tuple[str, ...]) -> None:
        self._watched.check(columns)

    def on_epoch_end(self, model: FittedModel, epoch: int, logs: dict[str, float]) -> None:
        value = self._watched.value(logs)
        best = self._watched.worst if self.best is None else self.best
        if self._watched.better(value, best) or (self._latest and value == self.best):
            self.state, self.best, self.best_epoch = model.state_dict(), value, epoch

    def get_state(self) -> dict[str, Any]:
        return {"state": self.state, "best": self.best, "best_epoch": self.best_epoch}

    def set_state(self, model: FittedModel, state: dict[str, Any]) -> None:
        kinds = {"state": dict | None, "best": float | None, "best_epoch": int | None}
        restore(self, model, state, kinds, parameters="state")

    def restore(self, model: FittedModel) -> None:
        """Load the best parameters into a model; its optimizer starts again.

        Raises
        ------
        ArgumentError
            If nothing has been kept yet.
        ShapeError
            If the model has other parameters.
        """
        if self.state is None:
            raise ArgumentError(
                "nothing has been kept yet: give this callback to a fit that finishes an epoch."
            )
        model.load_state_dict(self.state)

"""scikit-learn's callbacks (`set_callbacks`), called for xpnet's epochs."""

from copy import deepcopy
from typing import Any

from xpnet.estimators.samples import Samples
from xpnet.model import Model
from xpnet.training.callbacks import Callback

__all__ = ["FitCallbacks"]


class FitCallbacks(Callback):
    """Reports each epoch to scikit-learn's callbacks as a subtask of the fit.

    Parameters
    ----------
    estimator : BaseMLP
    samples : Samples
        The training samples, on which callbacks may compute scores.
    """

    def __init__(self, estimator: Any, samples: Samples) -> None:
        self._estimator, self._samples = estimator, samples
        most = estimator.max_iter + 1  # L-BFGS may begin an iteration that it does not need
        self._fit: Any = estimator._init_callback_context(max_subtasks=most)
        self._epoch: Any = None

    def _arguments(self) -> dict[str, Any]:
        weight = self._samples.weight
        metadata = None if weight is None else {"sample_weight": weight}
        given = {"X": self._samples.X, "y": self._samples.y, "metadata": metadata}
        return {"estimator": self._estimator, **given}

    def _fitted(self, model: Model) -> dict[str, Any]:
        """The estimator's attributes as if training had ended now."""
        twin = deepcopy(model)
        weights, biases = self._estimator._weights().of(twin)
        linked = [*weights, *biases]
        return {
            "_model": twin,
            "coefs_": weights,
            "intercepts_": biases,
            "_linked": linked,
            "_checked": self._samples.X,  # an array: column names are not needed
        }

    def on_fit_begin(self, model: Model) -> None:
        self._fit.call_on_fit_task_begin(**self._arguments())

    def on_epoch_begin(self, model: Model, epoch: int) -> None:
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._arguments())

    def on_epoch_end(self, model: Model, epoch: int, logs: dict[str, float]) -> bool:
        context, self._epoch = self._epoch, None
        stop = context.call_on_fit_task_end(
            **self._arguments(), reconstruction_attributes=lambda: self._fitted(model)
        )
        return bool(stop)

    def on_fit_end(self, model: Model) -> None:
        """End the tasks that have begun, even if an error stopped the training."""
        if self._epoch is not None:
            self._epoch.call_on_fit_task_end(estimator=self._estimator)
        self._fit.call_on_fit_task_end(
            **self._arguments(), reconstruction_attributes=lambda: self._fitted(model)
        )

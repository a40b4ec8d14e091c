"""The work after each epoch: scikit-learn's curves, scores, patience and messages."""

from math import inf
from typing import Any

from xpnet.estimators.batch_losses import BatchLosses
from xpnet.estimators.samples import Samples
from xpnet.estimators.solvers import is_stochastic, keeps_best
from xpnet.model import Model
from xpnet.training.callbacks import Callback
from xpnet.training.history import History

__all__ = ["Watch"]


class Watch(Callback):
    """Keeps an estimator's fitted attributes up to date, and ends its training.

    Parameters
    ----------
    estimator : BaseMLP
    samples : Samples
        The training samples.
    held : Samples, optional
        The validation samples.
    batch_size : int

    Attributes
    ----------
    stopped : bool
        Whether a lack of progress ended training.
    interrupted : str or None
        Name of the signal that ended training.
    """

    def __init__(
        self, estimator: Any, samples: Samples, held: Samples | None, batch_size: int
    ) -> None:
        self._estimator, self._samples, self._held = estimator, samples, held
        self._stochastic, self._keeps_best = is_stochastic(estimator), keeps_best(estimator)
        self._scored = held is not None and (estimator.early_stopping or estimator.restore_best)
        by_class = getattr(estimator, "class_weight", None) is not None
        weighted = (samples.weight is not None or by_class) and self._stochastic
        self._losses = BatchLosses(samples.rows, batch_size) if weighted else None
        self.stopped = False
        self.interrupted: str | None = None
        self._begin(estimator)

    def _begin(self, estimator: Any) -> None:
        """Set the attributes that a first fit creates and a warm start continues."""
        estimator.n_iter_ = 0
        estimator._no_improvement_count = getattr(estimator, "_no_improvement_count", 0)
        if not hasattr(estimator, "loss_curve_"):
            estimator.loss_curve_ = []
        if self._held is not None and getattr(estimator, "validation_loss_curve_", None) is None:
            estimator.validation_loss_curve_ = []
        if self._scored and getattr(estimator, "validation_scores_", None) is None:
            estimator.validation_scores_, estimator.best_validation_score_ = [], -inf
            estimator.best_loss_ = None
        elif not self._scored and getattr(estimator, "best_loss_", None) is None:
            estimator.validation_scores_ = estimator.best_validation_score_ = None
            estimator.best_loss_ = inf

    @property
    def validates(self) -> bool:
        """Whether there are validation samples."""
        return self._held is not None

    @property
    def callbacks(self) -> list[Callback]:
        """This callback, after the one that watches every step, if there is one."""
        return [self] if self._losses is None else [self._losses, self]

    def on_epoch_end(self, model: Model, epoch: int, logs: dict[str, float]) -> bool:
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.t_ += self._samples.rows
        estimator.loss_ = self._loss(logs)
        estimator.loss_curve_.append(estimator.loss_)
        self._say(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        if self._held is not None:
            estimator.validation_loss_curve_.append(logs["val_data_loss"])
        better = self._score(model, logs) if self._scored else self._compare_loss()
        if better and self._keeps_best:
            estimator._best_state = model.state_dict()
        estimator._rate.after_epoch(model, estimator.t_)
        self.stopped = self._stochastic and self._out_of_patience(model)
        return self.stopped

    def on_history(self, model: Model, history: History) -> None:
        """Record how training ended, if without an error."""
        self.interrupted = history.interrupted
        if self._stochastic:
            return
        self.stopped = bool(history.converged)
        if not len(history):  # L-BFGS has nothing to improve
            samples = self._samples
            found = model.evaluate(
                samples.X, samples.target, sample_weight=samples.weight, batch_size=samples.rows
            )
            self._estimator.loss_ = self._loss(found)

    def _loss(self, logs: dict[str, float]) -> float:
        """The loss as scikit-learn reports it."""
        factor = self._estimator._head.factor
        loss = logs["loss"] if self._losses is None else self._losses.mean()
        return float(loss - (factor - 1) * logs["data_loss"]) if factor > 1 else loss

    def _score(self, model: Model, logs: dict[str, float]) -> bool:
        """Record the validation score; return whether it is the best."""
        estimator = self._estimator
        if estimator.scoring == "loss":
            score = -logs["val_data_loss"]
        else:
            score = estimator._validation_score(self._held)
        estimator.validation_scores_.append(score)
        self._say(f"Validation score: {score:f}")
        self._count(score < estimator.best_validation_score_ + estimator.tol)
        if not score > estimator.best_validation_score_:
            return False
        estimator.best_validation_score_ = score
        return True

    def _compare_loss(self) -> bool:
        """Record the training loss; return whether it is the best."""
        estimator = self._estimator
        self._count(estimator.loss_ > estimator.best_loss_ - estimator.tol)
        if not estimator.loss_ < estimator.best_loss_:
            return False
        estimator.best_loss_ = estimator.loss_
        return True

    def _count(self, no_better: bool) -> None:
        estimator = self._estimator
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if no_better else 0

    def _out_of_patience(self, model: Model) -> bool:
        """Whether too many epochs brought no progress and the rate cannot be lowered."""
        estimator = self._estimator
        if estimator._no_improvement_count <= estimator.n_iter_no_change:
            return False
        what = "Validation score" if self._scored else "Training loss"
        message = (
            f"{what} did not improve more than tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} consecutive epochs."
        )
        lowered = estimator._rate.lower(model)
        self._say(f"{message} {lowered or 'Stopping.'}")
        if lowered is not None:
            estimator._no_improvement_count = 0
        return lowered is None

    def diverged(self) -> None:
        """Record an epoch with a loss of NaN, after which the best weights are restored."""
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.loss_ = float("nan")
        estimator.loss_curve_.append(estimator.loss_)
        if self._held is not None:
            estimator.validation_loss_curve_.append(float("nan"))
        if self._scored:
            estimator.validation_scores_.append(float("nan"))

    def _say(self, text: str) -> None:
        if self._estimator.verbose:
            print(text)

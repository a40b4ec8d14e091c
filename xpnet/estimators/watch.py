"""What happens behind each epoch: scikit-learn's curves, scores, patience and messages."""

from math import inf
from typing import Any

from xpnet.estimators.data import Samples
from xpnet.estimators.solvers import is_stochastic, keeps_best
from xpnet.model import Model
from xpnet.training.callbacks import Callback

__all__ = ["Watch"]


class Watch(Callback):
    """Keeps an estimator's fitted attributes up to date, and ends its training.

    Parameters
    ----------
    estimator : BaseMLP
    samples : Samples
        What it is trained on.
    held : Samples, optional
        What it is validated on.
    patient : bool
        Whether a lack of progress ends the training.
    """

    def __init__(
        self, estimator: Any, samples: Samples, held: Samples | None, patient: bool
    ) -> None:
        self._estimator, self._rows, self._held = estimator, samples.rows, held
        self._patient = patient
        self._scored = held is not None and (estimator.early_stopping or estimator.restore_best)
        by_class = getattr(estimator, "class_weight", None) is not None
        weighted = (samples.weight is not None or by_class) and is_stochastic(estimator)
        self._losses = _BatchLosses(estimator, samples) if weighted else None
        self.stopped = False
        self._begin(estimator)

    def _begin(self, estimator: Any) -> None:
        """The attributes that a first fit makes and a warm start goes on with."""
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
    def callbacks(self) -> list[Callback]:
        """Itself, and what it needs to have told of every step, if that is much."""
        return [self] if self._losses is None else [self._losses, self]

    def on_epoch_end(self, model: Model, epoch: int, logs: dict[str, float]) -> bool:
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.t_ += self._rows
        estimator.loss_ = self.loss(logs)
        estimator.loss_curve_.append(estimator.loss_)
        self._say(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        if self._held is not None:
            estimator.validation_loss_curve_.append(logs["val_data_loss"])
        better = self._score(model, logs) if self._scored else self._compare_loss()
        if better and keeps_best(estimator):
            estimator._best_state = model.state_dict()
        estimator._rate.after_epoch(model, estimator.t_)
        self.stopped = self._patient and self._out_of_patience(model)
        return self.stopped

    def loss(self, logs: dict[str, float]) -> float:
        """The loss as scikit-learn reports it."""
        factor = self._estimator._head.factor
        loss = logs["loss"] if self._losses is None else self._losses.mean()
        return float(loss - (factor - 1) * logs["data_loss"]) if factor > 1 else loss

    def _score(self, model: Model, logs: dict[str, float]) -> bool:
        """Note the validation score; whether it is the best."""
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
        """Note the training loss; whether it is the best."""
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
        """Whether too many epochs brought nothing, and the rate is not to be lowered."""
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
        """Note an epoch whose loss is not a number, where a best one is to be restored."""
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


class _BatchLosses(Callback):
    """The mean of an epoch's batch losses by their numbers of samples.

    xpnet's own is that by their samples' weights, which scikit-learn's is not.
    """

    def __init__(self, estimator: Any, samples: Samples) -> None:
        self._rows, self._size = samples.rows, estimator._batch_rows(samples.rows)
        self._losses: list[Any] = []

    def on_step_end(self, model: Model, step: int) -> None:
        self._losses.append(model.batch_loss)

    def mean(self) -> float:
        """Of the epoch, which is over."""
        losses, self._losses = [float(loss) for loss in self._losses], []
        starts = range(0, self._rows, self._size)
        sizes = [min(self._size, self._rows - start) for start in starts]
        total = sum(n * loss for n, loss in zip(sizes, losses, strict=True))
        return float(total / self._rows)

"""How both estimators are fitted: data, head and weights are made ready, and `Model.fit` trains."""

import os
import signal
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from xpnet.backends import dtype_name
from xpnet.errors import ArgumentError, DataError, DivergedError
from xpnet.estimators.bridge import FitCallbacks
from xpnet.estimators.data import Samples, admit, admit_weights, backend_for
from xpnet.estimators.fitted import FittedMLP
from xpnet.estimators.heads import DataLoss
from xpnet.estimators.network import draw_weights, hidden_sizes, make_network
from xpnet.estimators.solvers import Rate, is_stochastic, keeps_best, make_optimizer
from xpnet.estimators.split import held_out
from xpnet.estimators.undo import undone_by_errors
from xpnet.estimators.watch import Watch
from xpnet.model import Model

__all__ = ["BaseMLP"]

_SEED = 2**32
_OF_ONE_FIT = (
    "loss_curve_", "validation_loss_curve_", "validation_scores_", "best_validation_score_",
    "best_loss_", "_no_improvement_count", "_best_state", "_model",
)  # fmt: skip


class BaseMLP(FittedMLP):
    """A multilayer perceptron with scikit-learn's face; see `MLPClassifier`, `MLPRegressor`."""

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any],
        *,
        partial: bool = False,
        initialize: bool = False,
    ) -> Any:
        """Train, one epoch if `partial`, none if only to `initialize`; an error changes nothing."""
        with undone_by_errors(self):
            interrupted = self._fit_unguarded(
                X, y, sample_weight, validation, partial=partial, initialize=initialize
            )
        if interrupted == "SIGTERM":
            os.kill(os.getpid(), signal.SIGTERM)  # its usual effect, now that the state is tidy
        return self

    def _fit_unguarded(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any],
        *,
        partial: bool,
        initialize: bool,
    ) -> str | None:
        """The name of the signal that ended the training, if one did."""
        hidden_sizes(self.hidden_layer_sizes)
        first = not hasattr(self, "coefs_") or not (self.warm_start or partial)
        X, y = admit(self, X, y, reset=first, numeric=self._numeric)
        weight = admit_weights(sample_weight, X)
        self._learn_targets(y, first=first, partial=partial)
        samples = self._samples(X, y, weight)
        self._random_state = check_random_state(self.random_state)
        validated = validation[0] is not None
        self._make_ready(samples, first=first, partial=partial, validated=validated)
        if initialize:
            return None
        samples, held = self._divide(samples, validation, partial)
        watch = Watch(self, samples, held, is_stochastic(self))
        try:
            interrupted = self._run(samples, held, watch, 1 if partial else self.max_iter)
        except KeyboardInterrupt:
            interrupted = "SIGINT"
        if interrupted == "SIGINT":
            warnings.warn("Training interrupted by user.", stacklevel=4)
        self._finish(watch, partial, interrupted is not None)
        return interrupted

    def _samples(self, X: Any, y: Any, weight: Any) -> Samples:
        """With the targets that the loss takes, in the type of the model."""
        return Samples(X, y, self._target(y, X), weight)

    def _make_ready(self, samples: Samples, *, first: bool, partial: bool, validated: bool) -> None:
        """A model with weights: drawn, given, or those of the fit before."""
        if first:
            for name in _OF_ONE_FIT:
                self.__dict__.pop(name, None)
            self.t_ = 0
        else:
            self._sync()
        before = getattr(self, "_model", None)
        if not keeps_best(self):  # the best weights of a fit before are none of this one
            self.__dict__.pop("_best_state", None)
        if before is not None and partial:
            return
        sizes = [samples.X.shape[1], *hidden_sizes(self.hidden_layer_sizes), self._head.units]
        self._network = make_network(self, self._head)
        model = self._new_model(samples.X, partial=partial, validated=validated)
        self.n_layers_, self.out_activation_ = len(sizes), self._head.out
        if before is not None:
            model.load_state_dict(before.state_dict())
        else:
            self._weights().put(model, *self._start(sizes, first))
        self._model, self._rate = model, Rate(self)
        if first and self.early_stopping and is_stochastic(self):
            self._best_state = model.state_dict()
        self.t_ = getattr(self, "t_", 0)
        self._link()

    def _start(self, sizes: list[int], first: bool) -> tuple[Any, Any]:
        """The weights and biases that training starts from."""
        if not first:  # the user has set them before any fit
            return self.coefs_, self.intercepts_
        if self.initial_weights is not None:
            weights, biases = self.initial_weights
            return weights, biases
        drawn = draw_weights(self, sizes, self._random_state)
        return [w for w, _ in drawn], [b for _, b in drawn]

    def _new_model(self, X: Any, *, partial: bool, validated: bool) -> Model:
        watched = partial or validated or self.early_stopping or self._head.factor > 1
        noisy = np.any(np.asarray(self.dropout, dtype="float64") > 0)
        return Model(
            self._network,
            self._head.loss,
            make_optimizer(self),
            metrics=[DataLoss(self._head.reported)] if watched else (),
            backend=backend_for(self.backend, X),
            dtype=dtype_name(X.dtype) if self.dtype is None else self.dtype,
            seed=self._random_state.randint(_SEED, dtype=np.int64) if noisy else 0,
            input_shape=int(X.shape[1]),
            check_finite=False,
        ).build()

    def _divide(
        self, samples: Samples, validation: tuple[Any, Any, Any], partial: bool
    ) -> tuple[Samples, Samples | None]:
        """What is trained on, and what is validated on if anything is."""
        X_val, y_val, weight = validation
        if (X_val is None) != (y_val is None):
            raise ArgumentError("give X_val and y_val together, or neither.")
        if X_val is not None:
            X_val, y_val = admit(self, X_val, y_val, reset=False, numeric=self._numeric)
            self._check_targets(y_val)
            return samples, self._samples(X_val, y_val, admit_weights(weight, X_val))
        if not self.early_stopping or not is_stochastic(self):
            return samples, None
        if partial:
            raise ArgumentError(
                "partial_fit does not support early_stopping=True without X_val and y_val: it "
                "cannot set the same samples aside in every call."
            )
        kept, held = held_out(self, samples, self._random_state)
        return samples.rows_at(kept), samples.rows_at(held)

    def _batch_rows(self, rows: int) -> int:
        """Samples in a batch."""
        return min(200 if self.batch_size == "auto" else self.batch_size, rows)

    def _run(self, samples: Samples, held: Samples | None, watch: Watch, epochs: int) -> str | None:
        """Let the model train; the name of the signal that ended it, if one did."""
        if is_stochastic(self) and self.batch_size != "auto" and self.batch_size > samples.rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=6,
            )
        told = [FitCallbacks(self, samples)] if hasattr(self, "_skl_callbacks") else []
        order = _Order(samples.rows, self._random_state)
        try:
            history = self._model.fit(
                samples.X,
                samples.target,
                epochs=epochs,
                batch_size=self._batch_rows(samples.rows),
                sample_weight=samples.weight,
                class_weight=self._class_weights(),
                validation_data=None if held is None else held.validation,
                callbacks=[*watch.callbacks, *(self.callbacks or ()), *told],
                verbose=False,
                shuffle=order if self.shuffle else False,
            )
            if not is_stochastic(self):
                watch.stopped = bool(history.converged)
                if not len(history):  # L-BFGS starts where it would end
                    found = self._model.evaluate(
                        samples.X, samples.target, sample_weight=samples.weight,
                        batch_size=samples.rows,
                    )  # fmt: skip
                    self.loss_ = watch.loss(found)
            return history.interrupted
        except ArgumentError as error:
            if held is None and "no column 'val_" in str(error):
                raise ArgumentError(
                    f"{error} For an estimator these are X_val= and y_val= of fit."
                ) from error
            raise
        except DivergedError as error:
            if getattr(self, "_best_state", None) is None:
                raise DataError(
                    "Solver produced non-finite parameter weights. The input data may contain "
                    f"large values and need to be preprocessed. ({error})"
                ) from error
            watch.diverged()
            warnings.warn(
                f"{error.args[0]} Then the best weights so far were put back.",
                ConvergenceWarning,
                stacklevel=6,
            )
            return None

    def _class_weights(self) -> Any:
        """What `Model.fit` takes as class weights; a classifier has some."""
        return None

    def _finish(self, watch: Watch, partial: bool, interrupted: bool) -> None:
        """Put the best weights back, show them, and warn where they are not the last word."""
        self.converged_ = watch.stopped
        best = getattr(self, "_best_state", None)
        if best is not None and (not partial or self.converged_):
            self._model.load_state_dict(best)
        self._link()
        self.learning_rate_ = self._model.optimizer.rate(self._model.epoch)
        if self.converged_ or partial or interrupted:
            return
        if is_stochastic(self) and self.n_iter_ == self.max_iter:
            text = (
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet."
            )
            warnings.warn(text, ConvergenceWarning, stacklevel=5)
        elif not is_stochastic(self):
            text = (
                f"lbfgs failed to converge after {self.n_iter_} iteration(s): increase max_iter or "
                "max_fun, or scale the data."
            )
            warnings.warn(text, ConvergenceWarning, stacklevel=5)

    def _can_partial_fit(self) -> bool:
        if not is_stochastic(self):
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. "
                f"{self.solver} is not stochastic."
            )
        return True


class _Order:
    """The orders of the samples that scikit-learn draws, each a shuffle of the one before."""

    def __init__(self, rows: int, random: np.random.RandomState) -> None:
        self._order, self._random = np.arange(rows), random

    def __call__(self, rows: int) -> Any:
        index = np.arange(rows)
        self._random.shuffle(index)
        self._order = self._order[index]
        return self._order

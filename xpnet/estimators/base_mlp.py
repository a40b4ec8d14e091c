"""Fit both estimators: prepare the samples and the model, then train with `Model.fit`."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from xpnet.arguments import number
from xpnet.errors import ArgumentError
from xpnet.estimators.architecture import hidden_sizes, make_network
from xpnet.estimators.bridge import FitCallbacks
from xpnet.estimators.construction import make_model, starting_weights
from xpnet.estimators.fitted import FittedMLP
from xpnet.estimators.guards import training_errors, undone_by_errors
from xpnet.estimators.samples import Given, Samples, validate_samples, validate_weights
from xpnet.estimators.sampling import RandomOrder, held_out
from xpnet.estimators.solvers import Rate, is_stochastic, keeps_best
from xpnet.estimators.stored_samples import FloatSource
from xpnet.estimators.watch import Watch
from xpnet.training.advice import Remedies, remedies
from xpnet.typing import ArrayLike
from xpnet.warn import warn_user

__all__ = ["BaseMLP"]

_REMEDIES = Remedies(
    falling="",  # a ConvergenceWarning says it
    columns="scale them, as in make_pipeline(StandardScaler(), ...), or use "
    "xpnet.TabularClassifier or xpnet.TabularRegressor, which do",
    target="set scale_target=True, or use xpnet.TabularRegressor",
)
_OF_ONE_FIT = (
    "loss_curve_", "validation_loss_curve_", "validation_scores_", "best_validation_score_",
    "best_loss_", "_no_improvement_count", "_best_state", "_model",
)  # fmt: skip


class BaseMLP(FittedMLP):
    """A multilayer perceptron, fitted as in scikit-learn; see `MLPClassifier`, `MLPRegressor`."""

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train on the samples.

        Parameters
        ----------
        X : {array-like, sparse matrix, Source} of shape (n_samples, n_features)
            Sparse matrices need a model that computes with NumPy; they are converted to CSR. A
            source (`xpnet.data.open`) is read a part at a time.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or a column of 0 and 1 for each label; for a regressor, values.
        sample_weight : array-like of shape (n_samples,), optional
            Numbers of at least 0.
        X_val, y_val, sample_weight_val : optional
            Validation samples: training records their loss and score only.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data or parameters cannot be used.
        """
        return self._train(Given(X, y, sample_weight, X_val, y_val, sample_weight_val))

    def initialize(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Create the weights without training, to inspect or set them before `partial_fit`.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        with undone_by_errors(self):
            self._prepare(Given(X, y), check_random_state(self.random_state))
        return self

    def _train(self, given: Given) -> Self:
        """Prepare, train, finish; an error leaves the estimator unchanged."""
        random = check_random_state(self.random_state)
        with undone_by_errors(self):
            samples = self._prepare(given, random)
            samples, held = self._split(samples, given, random)
            batch_size = self._batch_rows(samples.rows)
            watch = Watch(self, samples, held, batch_size)
            with training_errors(self, watch), remedies(_REMEDIES):
                history = self._model.fit(
                    samples.X,
                    samples.target,
                    epochs=1 if given.partial else self.max_iter,
                    batch_size=batch_size,
                    sample_weight=samples.weight,
                    class_weight=self._class_weights(),
                    validation_data=None if held is None else held.validation,
                    callbacks=self._listeners(watch, samples),
                    verbose=False,
                    shuffle=self._order(samples, random),
                    threads=self.threads,
                )
                watch.on_history(self._model, history)
            self._finish(watch, partial=given.partial)
        return self

    # --- before -------------------------------------------------------------------------------

    def _prepare(self, given: Given, random: np.random.RandomState) -> Samples:
        """Return the validated samples, with the model ready to train on them."""
        hidden_sizes(self.hidden_layer_sizes)
        number("tol", self.tol, 0)
        first = not hasattr(self, "coefs_") or not (self.warm_start or given.partial)
        X, y = validate_samples(self, given.X, given.y, reset=first, numeric=self._numeric)
        weight = validate_weights(given.weight, X)
        self._targets = self._learn_targets(y, given, first=first)
        if not self._goes_on(given.partial):
            self._head = self._make_head()
            self.n_outputs_ = self._head.units
        samples = Samples(X, y, self._targets.encode(y, self._head, X), weight)
        if first:
            self._forget(*_OF_ONE_FIT)
            self.t_ = 0
        else:
            self._sync()
        if not keeps_best(self):  # the best weights of an earlier fit do not count
            self._forget("_best_state")
        if not self._goes_on(given.partial):
            self._set_up_model(given, X, random, first=first)
        return samples

    def _forget(self, *names: str) -> None:
        """Delete these attributes if an earlier fit has set them."""
        for name in names:
            self.__dict__.pop(name, None)

    def _set_up_model(
        self, given: Given, X: Any, random: np.random.RandomState, *, first: bool
    ) -> None:
        """Make the model; its weights are random, given, or from the previous fit."""
        before = getattr(self, "_model", None)
        measured = given.partial or given.X_val is not None or self.early_stopping
        self._network = make_network(self, self._head)
        model = make_model(self, X, random, measured=measured)
        if before is not None:
            model.load_state_dict(before.state_dict())
        else:
            self._weights().put(model, *starting_weights(self, random, first=first))
        self._model, self._rate = model, Rate(self)
        self.n_layers_ = 2 + len(hidden_sizes(self.hidden_layer_sizes))
        self.out_activation_ = self._head.out
        if first and self.early_stopping and is_stochastic(self):
            self._best_state = model.state_dict()
        self.t_ = getattr(self, "t_", 0)
        self._link()

    def _split(
        self, samples: Samples, given: Given, random: np.random.RandomState
    ) -> tuple[Samples, Samples | None]:
        """The training samples, and the validation samples if there are any."""
        if (given.X_val is None) != (given.y_val is None):
            raise ArgumentError("give X_val and y_val together, or neither.")
        if given.X_val is not None:
            return samples, self._validation_samples(given)
        if not self.early_stopping or not is_stochastic(self):
            return samples, None
        if given.partial:
            raise ArgumentError(
                "partial_fit does not support early_stopping=True without X_val and y_val: it "
                "cannot set the same samples aside in every call."
            )
        if isinstance(samples.X, FloatSource):
            raise ArgumentError(
                "early_stopping=True sets random samples aside, which would all be read into "
                "memory: give fit X_val and y_val for samples that are not in memory."
            )
        kept, held = held_out(self, samples, random)
        return samples.rows_at(kept), samples.rows_at(held)

    def _validation_samples(self, given: Given) -> Samples:
        X, y = validate_samples(self, given.X_val, given.y_val, reset=False, numeric=self._numeric)
        self._targets.check(y)
        target = self._targets.encode(y, self._head, X)
        return Samples(X, y, target, validate_weights(given.weight_val, X))

    def _batch_rows(self, rows: int) -> int:
        """Number of samples in a batch."""
        if self.batch_size == "auto":
            return min(200, rows)
        if self.batch_size > rows and is_stochastic(self):
            warn_user(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
            )
        return int(min(self.batch_size, rows))

    def _order(self, samples: Samples, random: np.random.RandomState) -> Any:
        """The order of the samples, for `Model.fit`; blocks where they are not in memory."""
        if not self.shuffle or isinstance(samples.X, FloatSource):
            return self.shuffle
        return RandomOrder(samples.rows, random)

    def _class_weights(self) -> Any:
        """Class weights for `Model.fit`; only a classifier has them."""
        return None

    def _listeners(self, watch: Watch, samples: Samples) -> Sequence[Any]:
        """All callbacks of the training."""
        theirs = [FitCallbacks(self, samples)] if hasattr(self, "_skl_callbacks") else []
        return [*watch.callbacks, *(self.callbacks or ()), *theirs]

    # --- after --------------------------------------------------------------------------------

    def _finish(self, watch: Watch, *, partial: bool) -> None:
        """Restore the best weights, link them, and warn if training ended too early."""
        if watch.interrupted == "SIGINT":
            warn_user("Training interrupted by user.")
        self.converged_ = watch.stopped
        best = getattr(self, "_best_state", None)
        if best is not None and (not partial or self.converged_):
            self._model.load_state_dict(best)
        self._link()
        self.learning_rate_ = self._model.optimizer.rate(self._model.epoch)
        if not (self.converged_ or partial or watch.interrupted):
            self._warn_of_convergence()

    def _warn_of_convergence(self) -> None:
        if not is_stochastic(self):
            warn_user(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s): increase max_iter or "
                "max_fun, or scale the data.",
                ConvergenceWarning,
            )
        elif self.n_iter_ == self.max_iter:
            warn_user(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
            )

    def _can_partial_fit(self) -> bool:
        if not is_stochastic(self):
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. "
                f"{self.solver} is not stochastic."
            )
        return True

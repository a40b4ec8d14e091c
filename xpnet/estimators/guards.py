"""Errors during training: they undo the fit, or end it as in scikit-learn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from xpnet.errors import ArgumentError, DataError, DivergedError
from xpnet.estimators.watch import Watch
from xpnet.warn import warn_user

__all__ = ["training_errors", "undone_by_errors"]

_LISTS = ("loss_curve_", "validation_loss_curve_", "validation_scores_")
_OF_CALLBACKS = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")  # scikit-learn ends them itself


@contextmanager
def undone_by_errors(estimator: Any) -> Iterator[None]:
    """Restore the attributes if the body raises an error."""
    found = vars(estimator)
    before = dict(found)
    curves = {name: list(before[name]) for name in _LISTS if before.get(name) is not None}
    try:
        yield
    except BaseException:
        running = {name: found[name] for name in _OF_CALLBACKS if name in found}
        found.clear()
        found.update(before | curves | running)
        raise


@contextmanager
def training_errors(estimator: Any, watch: Watch) -> Iterator[None]:
    """End training on an interrupt, and on divergence if there are best weights to restore.

    Raises
    ------
    DataError
        If the loss diverged and no weights were kept.
    ArgumentError
        If `Model.fit` raises it; the message names the estimator's arguments.
    """
    try:
        yield
    except KeyboardInterrupt:
        watch.interrupted = "SIGINT"
    except ArgumentError as error:
        if watch.validates or "no column 'val_" not in str(error):
            raise
        raise ArgumentError(f"{error} For an estimator, pass X_val= and y_val= to fit.") from error
    except DivergedError as error:
        if getattr(estimator, "_best_state", None) is None:
            raise DataError(
                "Solver produced non-finite parameter weights. The input data may contain "
                f"large values and need to be preprocessed. ({error})"
            ) from error
        watch.diverged()
        warn_user(f"{error.args[0]} The best weights so far were restored.", ConvergenceWarning)

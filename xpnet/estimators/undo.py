"""A fit that fails leaves its estimator as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["undone_by_errors"]

_LISTS = ("loss_curve_", "validation_loss_curve_", "validation_scores_")
_OF_CALLBACKS = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")  # scikit-learn ends them itself


@contextmanager
def undone_by_errors(estimator: Any) -> Iterator[None]:
    """Put the attributes back where what is done inside raises an error."""
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

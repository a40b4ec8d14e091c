"""Predictions that are not finite numbers: which row, and what to do."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.model import Model
from xpnet.tabular.column import Place

__all__ = ["check_predictions"]


def check_predictions(found: NDArray[Any], origin: Place, model: Model) -> None:
    """Refuse probabilities or values that are not finite.

    Parameters
    ----------
    found : ndarray
        A prediction for each row.
    origin : Place
        Where the rows come from.
    model : Model
        What predicted them.

    Raises
    ------
    DataError
        If one is NaN or infinite; the message names the first row and the remedy.
    """
    finite = np.isfinite(found.reshape(len(found), -1)).all(axis=1)
    if not finite.all():
        row, count = int(finite.argmin()), int((~finite).sum())
        more = "" if count == 1 else f", like those of {count - 1:,} more rows"
        raise DataError(
            f"{origin.of(row)}: the prediction is not a finite number{more}. {_remedy(model)}"
        )


def _remedy(model: Model) -> str:
    arrays = map(np.asarray, model.state_dict().values())
    if all(np.isfinite(array).all() for array in arrays):
        return (
            "Correct values that are far from the training data. If there are none, the weights "
            "are too large: train the model again, with a lower learning rate."
        )
    return (
        "The model's parameters are not finite: its training diverged, or its file is damaged. "
        "Train it again, with a lower learning rate, or load another file."
    )

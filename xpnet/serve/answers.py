"""Predictions as JSON and as CSV."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.serve.json_request import Form
from xpnet.serve.refusal import Refusal
from xpnet.tabular.target import Label

__all__ = ["Answers"]

_NOT_FINITE = (
    "the prediction is not a finite number: a value is too far from those that the model was "
    "trained on."
)


class Answers:
    """Writes predictions.

    Parameters
    ----------
    classes : sequence of label, or None
        Those whose probabilities are predicted; None if values are predicted.
    """

    def __init__(self, classes: Sequence[Label] | None) -> None:
        self._classes = classes
        self._texts = [] if classes is None else [_text(label) for label in classes]

    def json(self, found: NDArray[Any], form: Form, warnings: Sequence[str]) -> bytes:
        """Predictions in the form of the request.

        Raises
        ------
        Refusal
            If one is not finite.
        """
        _check(found)
        answer: dict[str, Any]
        if form == "columns":
            answer = {"prediction": self._predictions(found)}
            if self._classes is not None:
                columns = found.T.tolist()
                answer["probabilities"] = dict(zip(self._texts, columns, strict=True))
        else:
            rows = self._rows(found)
            answer = rows[0] if form == "row" else {"rows": rows}
        if warnings:
            answer["warnings"] = list(warnings)
        return json.dumps(answer).encode()

    def csv(self, found: NDArray[Any]) -> bytes:
        """A header line, and a line for each row: the prediction, then the probabilities.

        Raises
        ------
        Refusal
            If a prediction is not finite.
        """
        _check(found)
        flat = found.reshape(len(found), -1)
        stream = io.StringIO(newline="")
        writer = csv.writer(stream, lineterminator="\n")
        if self._classes is not None:
            writer.writerow(["prediction", *(f"probability_{text}" for text in self._texts)])
            pairs = zip(self._predictions(found), flat.tolist(), strict=True)
            writer.writerows([_text(label), *shares] for label, shares in pairs)
        else:
            one = flat.shape[1] == 1
            writer.writerow(
                ["prediction"] if one else [f"prediction_{i}" for i in range(flat.shape[1])]
            )
            writer.writerows(flat.tolist())
        return stream.getvalue().encode()

    def _rows(self, found: NDArray[Any]) -> list[dict[str, Any]]:
        labels = self._predictions(found)
        if self._classes is None:
            return [{"prediction": label} for label in labels]
        return [
            {"prediction": label, "probabilities": dict(zip(self._texts, shares, strict=True))}
            for label, shares in zip(labels, found.tolist(), strict=True)
        ]

    def _predictions(self, found: NDArray[Any]) -> list[Any]:
        """The most probable class of each row, or its value."""
        if self._classes is not None:
            return [self._classes[i] for i in found.argmax(axis=1).tolist()]
        single = found.size == len(found)
        values: list[Any] = (found.reshape(len(found)) if single else found).tolist()
        return values


def _check(found: NDArray[Any]) -> None:
    finite = np.isfinite(found.reshape(len(found), -1)).all(axis=1)
    if not finite.all():
        raise Refusal(400, f"row {int(finite.argmin())}: {_NOT_FINITE}")


def _text(label: Label) -> str:
    """A label as text: as JSON has it, but without quotes."""
    return label if isinstance(label, str) else json.dumps(label)

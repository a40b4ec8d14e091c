"""Convert users' labels to the targets of losses, and outputs to labels."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from xpnet import ops
from xpnet.backends import dtype_name, is_float
from xpnet.backends.readable import host_array
from xpnet.data.outputs import check_outputs
from xpnet.errors import DataError
from xpnet.estimators.array_library import library, moved, on_host
from xpnet.estimators.heads import Head

__all__ = ["Labels", "check_classes", "unique_labels"]


def unique_labels(y: Any) -> Any:
    """The distinct labels in ascending order, in the library of y."""
    found = library(y)
    if found.name == "numpy":
        return np.unique(y)
    return found.xp.sort(found.xp.unique_values(y))


def check_classes(classes: Any) -> None:
    """Raise `DataError` for classes that are NaN or infinite."""
    found = host_array("classes", classes)
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise DataError("classes must be names or numbers, but some are NaN or infinite.")


def _check_kind(y: Any) -> None:
    """Raise `ValueError` unless y holds labels."""
    found = library(y)
    if found.name == "numpy":
        check_classification_targets(y)
        return
    if is_float(dtype_name(y.dtype)) and not bool(found.xp.all(y == found.xp.floor(y))):
        raise DataError("Unknown label type: continuous. Labels must be whole numbers or names.")


@dataclass(frozen=True)
class Labels:
    """The classes of a classifier, in ascending order, and the kind of target.

    Attributes
    ----------
    classes : array
        With several labels per sample, the column numbers.
    kind : {"binary", "multiclass", "multilabel"}
    """

    classes: Any
    kind: str

    @classmethod
    def of(cls, y: Any, classes: Any = None) -> "Labels":
        """The labels in the targets, or the classes that the user gave.

        Raises
        ------
        ValueError
            If y does not hold labels.
        """
        _check_kind(y)
        if y.ndim == 2:
            if library(y).name == "numpy" and not type_of_target(y).startswith("multilabel"):
                raise DataError("Multioutput target data is not supported: fit one model for each.")
            return cls(np.arange(y.shape[1]), "multilabel")
        found = unique_labels(y) if classes is None else classes
        return cls(found, "binary" if found.shape[0] <= 2 else "multiclass")

    @property
    def number(self) -> int:
        """The number of classes."""
        return int(self.classes.shape[0])

    def check(self, y: Any, *, all_of_them: bool = False) -> None:
        """Raise unless y has only these classes, and each one if `all_of_them`.

        Raises
        ------
        DataError
            If it does not.
        """
        _check_kind(y)
        known = set(on_host(self.classes).tolist())
        if self.kind == "multilabel":
            if y.ndim != 2 or y.shape[1] != self.number:
                raise DataError(f"y must have {self.number} columns, got shape {tuple(y.shape)}.")
            return
        found = on_host(unique_labels(y))
        if all_of_them and set(found.tolist()) != known:
            raise DataError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes}, `y` has {found}"
            )
        if not set(found.tolist()) <= known:
            raise DataError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes}. "
                f"'y' has {found}."
            )

    def encode(self, y: Any, head: Head, X: Any) -> Any:
        """Class numbers or columns of 0 and 1, with the library and dtype of X."""
        like = library(X)
        if self.kind == "multilabel":
            return like.xp.astype(moved(y, X), X.dtype)
        codes = like.asarray(moved(self._codes(y), X), "int64")
        if head.codes:
            return codes
        if self.kind == "binary":
            return like.xp.astype(like.xp.reshape(codes, (-1, 1)), X.dtype)
        each = like.xp.arange(self.number, dtype=codes.dtype, device=getattr(X, "device", None))
        return like.xp.astype(like.xp.expand_dims(codes, axis=-1) == each, X.dtype)

    def _codes(self, y: Any) -> Any:
        """The number of each label among the classes."""
        found = library(y)
        if found.name == "numpy":
            return np.searchsorted(on_host(self.classes), y)
        return found.xp.searchsorted(moved(self.classes, y), y)

    def decode(self, output: Any, head: Head) -> Any:
        """The labels that an output predicts, in its library unless they are names.

        Raises
        ------
        DataError
            If an output is NaN.
        """
        check_outputs(output, library(output))
        xp = library(output).xp
        if self.kind == "multilabel":
            return xp.astype(output > head.threshold, xp.int64)
        if head.units == 1:
            codes = xp.astype(output[:, 0] > head.threshold, xp.int64)
        else:
            codes = xp.argmax(output, axis=1)
        if self.number == 1:
            codes = codes * 0
        return self._named(codes)

    def probabilities(self, output: Any, head: Head) -> Any:
        """The probability of each class, from an output; the output may be symbolic."""
        found = head.activate(output)
        if head.units == 1:
            return ops.concat(1 - found, found, axis=1)
        if head.out == "logistic" and self.kind == "multiclass":
            return found / ops.sum(found, axis=1, keepdims=True)  # one-vs-rest
        return found

    def on_host(self) -> Self:
        """A copy with the classes in NumPy."""
        return replace(self, classes=on_host(self.classes))

    def _named(self, codes: Any) -> Any:
        names = on_host(self.classes)
        if names.dtype.kind not in "iufb":
            return names[on_host(codes)]
        return library(codes).xp.take(moved(self.classes, codes), codes, axis=0)

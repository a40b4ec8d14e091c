"""Targets and sample weights: checked on entry, so that bad data never reach a step."""

from dataclasses import dataclass
from typing import Any

from xpnet.backends import Backend, dtype_name, is_float
from xpnet.data.conversion import cast, check_finite, check_rows, to_backend
from xpnet.data.refusals import one_column
from xpnet.errors import DataError, DTypeError, ShapeError
from xpnet.nn import Loss
from xpnet.typing import Shape

__all__ = ["TargetCheck"]


@dataclass(frozen=True)
class TargetCheck:
    """Checks targets and sample weights, and puts them on a backend.

    Attributes
    ----------
    loss : Loss
        The loss that takes the targets.
    output : tuple of int
        Shape of the network's output for one sample.
    dtype : str
        Type of the parameters.
    backend : Backend
        Where the arrays are put.
    where : str
        A prefix of the names in error messages.
    values : bool
        Whether to check the values too (labels in range); this waits for a GPU.
    finite : bool
        Whether to refuse NaN and infinity.
    """

    loss: Loss
    output: Shape
    dtype: str
    backend: Backend
    where: str = ""
    values: bool = True
    finite: bool = True

    def _array(self, name: str, data: Any, rows: int) -> Any:
        x = to_backend(name, data, self.backend)
        check_rows(name, x)
        if x.shape[0] != rows:
            raise DataError(
                f"{self.where}X has {rows} samples, but {name} has {x.shape[0]}: they must agree."
            )
        return x

    def target(self, y: Any, rows: int) -> Any:
        """The targets in the form that the loss takes."""
        name, loss, output = f"{self.where}y", self.loss, self.output
        t = self._array(name, y, rows)
        if dtype_name(t.dtype) == "bool":
            t = self.backend.asarray(t, "int64")
        integer = not is_float(dtype_name(t.dtype))
        if loss.target in ("classes", "binary") and not output:
            raise ShapeError(f"{loss.name} needs a network whose output has shape (n, classes).")
        if loss.target == "classes" and (integer or t.ndim == 1) and tuple(t.shape[1:]) != output:
            return self._labels(name, t, y)
        if loss.target == "any" and integer:
            return self.backend.asarray(t, "int64")
        shape = loss.target_shape(output)
        if t.ndim == 1 and shape == (1,):
            t = self.backend.xp.reshape(t, (-1, 1))
        if tuple(t.shape[1:]) != shape and loss.target != "any":
            short = f" or {(rows,)}" if shape == (1,) else ""
            raise ShapeError(
                f"{loss.name} expects {name} of shape {(rows, *shape)}{short} for this network, "
                f"got {tuple(t.shape)}."
            )
        t = cast(t, self.backend, self.dtype)
        if self.finite and self.values:
            check_finite(name, t, self.backend)
        if self.values and loss.target in ("classes", "binary", "counts"):
            self._range(name, t)
        return t

    def _labels(self, name: str, t: Any, y: Any) -> Any:
        """Class numbers, checked to be 0 .. classes - 1."""
        classes = self.output[-1]
        if t.ndim != 1:
            raise ShapeError(
                f"labels ({name}) must have shape (samples,), or (samples, {classes}) for the "
                f"probability of each class; got {tuple(t.shape)}. For one column use "
                f"{one_column(name, y)}."
            )
        if is_float(dtype_name(t.dtype)):
            raise self._not_whole(name, t)
        labels = self.backend.asarray(t, "int64")
        if self.values and not self.backend.within(labels, classes):
            low, high = int(self.backend.xp.min(t)), int(self.backend.xp.max(t))
            raise DataError(
                f"labels ({name}) must be integers from 0 to {classes - 1}, since the network "
                f"has {classes} output{'s' if classes > 1 else ''}, got values from {low} to "
                f"{high}. {self._remedy(low, high)}"
            )
        return labels

    def _not_whole(self, name: str, t: Any) -> DataError | DTypeError:
        """The error for labels in an array of floats."""
        xp, wanted = self.backend.xp, f"integers from 0 to {self.output[-1] - 1}"
        missing = int(xp.sum(xp.astype(xp.isnan(t), xp.int64)))
        if missing:
            return DataError(
                f"labels ({name}) must be {wanted}, but {missing} of {t.shape[0]} are missing "
                "(NaN): remove these rows from X and y."
            )
        whole = bool(xp.all(t == xp.round(t)))
        way = f"convert them with {name}.astype('int64'), or use" if whole else "use"
        return DTypeError(
            f"labels ({name}) must be {wanted}, got dtype {t.dtype}"
            f"{'' if whole else ' with fractions'}: {way} loss='mean_squared_error' for regression."
        )

    def allows(self, t: Any) -> bool:
        """Whether the values are allowed, in targets like others that were accepted unchanged.

        False also where more would have to be looked at.
        """
        if not is_float(dtype_name(t.dtype)):
            labels = self.loss.target == "classes"
            return self.backend.within(t, self.output[-1]) if labels else self.loss.target == "any"
        plain = self.loss.target not in ("classes", "binary", "counts")
        return plain and (not self.finite or self.backend.finite(t))

    def _remedy(self, low: int, high: int) -> str:
        """What to do about labels that do not fit the outputs."""
        classes = self.output[-1]
        if classes == 1:
            return (
                "With one output use loss='binary_cross_entropy_with_logits' for 0 and 1, or "
                "loss='mean_squared_error' for values; or give the network one output per class."
            )
        if low >= 1 and high - low < classes:
            return f"Count the classes from 0: y - {low}."
        if low < 0:
            return "Number the classes with numpy.unique(y, return_inverse=True)[1]."
        return f"Give the last layer {high + 1} units, or number the classes without gaps."

    def _range(self, name: str, t: Any) -> None:
        """Counts are at least 0; targets of a classification loss are probabilities."""
        xp, loss = self.backend.xp, self.loss
        low, high = float(xp.min(t)), float(xp.max(t))
        if loss.target == "counts":
            if low < 0:
                raise DataError(f"{loss.name} expects {name} of at least 0, got {low:g}.")
            return
        if low < 0 or high > 1:
            raise DataError(
                f"{loss.name} expects {name} from 0 to 1, got from {low:g} to {high:g}."
            )
        if loss.hard and bool(xp.any((t > 0) & (t < 1))):
            raise DataError(f"{loss.name} expects {name} of 0 and 1, not probabilities between.")
        if loss.target == "classes":
            worst = float(xp.max(xp.abs(xp.sum(t, axis=-1) - 1)))
            if worst > 1e-3:
                raise DataError(
                    f"each row of {name} holds the probabilities of the classes and must add up "
                    f"to 1; one is off by {worst:g}."
                )

    def weights(self, w: Any, rows: int) -> Any:
        """Sample weights: None, or one number >= 0 per sample, not all 0."""
        if w is None:
            return None
        name, xp = f"{self.where}sample_weight", self.backend.xp
        w = to_backend(name, w, self.backend)
        w = cast(w, self.backend, self.dtype)
        if tuple(w.shape) != (rows,):
            raise DataError(f"{name} must have shape ({rows},), got {tuple(w.shape)}.")
        if self.values:
            check_finite(name, w, self.backend)
            if float(xp.min(w)) < 0:
                raise DataError(f"{name} must not be negative.")
            if float(xp.max(w)) == 0:
                raise DataError(f"{name} is 0 for every sample: nothing would be learned.")
        return w

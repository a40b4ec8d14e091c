"""How large gradients and updates are, layer by layer."""

from math import isnan, nan
from typing import Any

from xpnet.arguments import count
from xpnet.backends import Backend
from xpnet.errors import ArgumentError
from xpnet.training.callbacks.callback import Callback
from xpnet.training.callbacks.diagnosis import diagnose
from xpnet.training.callbacks.restoring import restore
from xpnet.training.context import FittedModel

__all__ = ["GradientMonitor"]

_COLUMNS = ("step", "epoch", "loss", "name", "gradient", "parameter", "update", "ratio", "inactive")


class GradientMonitor(Callback):
    """Record the norms of each parameter's gradient and update every few steps.

    They show dead ReLUs, vanishing and exploding gradients, and where a spike of the loss began.

    Parameters
    ----------
    every : int, default 10
        Steps 1, 1 + every, 1 + 2 every, ... are recorded, counted over the model's life. Each
        record waits for a GPU and copies the parameters; the steps in between cost nothing.

    Attributes
    ----------
    columns : tuple of str
        ``step`` and ``epoch``, counted from 1; ``loss``, of the step's batch before the update;
        ``name``, of the parameter; the Euclidean norms of its ``gradient``, of the ``parameter``
        before the update, and of the ``update``, the whole change that the step made; ``ratio``,
        update / parameter (NaN if the parameter is 0); ``inactive``, for a weight matrix the
        share of units (columns) whose gradient is exactly 0 (NaN for other parameters).
    rows : list of dict
        One row per record and trained parameter, ready for a data frame.

    Notes
    -----
    ``monitor["layers.0.weight"]`` is one parameter's history as a dict of columns, and
    ``print(monitor)`` shows the last record. A penalty on a layer's weights is part of its
    gradient, so its inactive units then have a nonzero gradient. Use each monitor for one model
    only; further fits add to it.

    Examples
    --------
    >>> import xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> monitor = xn.GradientMonitor(every=10)
    >>> model = xn.MLP([64, 32, 10], seed=0)
    >>> history = model.fit(X, y, epochs=3, batch_size=100, callbacks=[monitor])
    >>> monitor["layers.0.weight"]["step"][:3]
    [1, 11, 21]
    >>> monitor.explain()
    []
    """

    columns = _COLUMNS

    def __init__(self, every: int = 10) -> None:
        self._every = count("every", every)
        self._rows: list[dict[str, Any]] = []
        self._before: _Before | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self._rows)

    def on_fit_begin(self, model: FittedModel) -> None:
        if model.optimizer.whole_batch:
            raise ArgumentError("L-BFGS makes no single steps, so there is nothing to record.")
        self._before = None  # may be left by a fit that ended within a step

    def on_gradient(self, model: FittedModel, step: int) -> None:
        if (step - 1) % self._every == 0:
            self._before = _Before(model)

    def on_step_end(self, model: FittedModel, step: int) -> None:
        if self._before is None:
            return
        found, self._before = self._before.finish(model), None
        loss = float(model.batch_loss)
        for name, (gradient, parameter, update, inactive) in found.items():
            ratio = update / parameter if parameter else nan
            cells = step, model.epoch + 1, loss, name, gradient, parameter, update, ratio, inactive
            self._rows.append(dict(zip(_COLUMNS, cells, strict=True)))

    def get_state(self) -> dict[str, Any]:
        return {"_rows": self._rows}

    def set_state(self, model: FittedModel, state: dict[str, Any]) -> None:
        restore(self, model, state, {"_rows": list})

    def __getitem__(self, name: str) -> dict[str, list[Any]]:
        rows = [row for row in self._rows if row["name"] == name]
        if not rows:
            known = dict.fromkeys(row["name"] for row in self._rows)
            raise KeyError(f"{name!r}: the records have {', '.join(known) or 'no parameters yet'}")
        return {column: [row[column] for row in rows] for column in _COLUMNS if column != "name"}

    def explain(
        self,
        *,
        inactive: float = 0.5,
        vanishing: float = 1e-4,
        exploding: float = 1e3,
        fast: float = 0.1,
        slow: float = 1e-6,
    ) -> list[str]:
        """Sentences on what looks wrong, at most one per rule; an empty list if nothing does.

        These are rules of thumb: a reason to look, not a proof. All but `exploding` are about
        weight matrices, and must hold in each of the last three records.

        Parameters
        ----------
        inactive : float, default 0.5
            A larger share of the units has no gradient.
        vanishing : float, default 1e-4
            The norm of the first matrix's gradient is less than this times the last matrix's.
        exploding : float, default 1e3
            A gradient's norm was ever NaN, infinite, or more than this times the median of the
            earlier records, if there are at least three.
        fast, slow : float, defaults 0.1 and 1e-6
            The ratio of update to parameter is more than `fast`, or less than `slow`.
        """
        names = dict.fromkeys(row["name"] for row in self._rows)
        return diagnose(
            {name: self[name] for name in names},
            inactive=inactive,
            vanishing=vanishing,
            exploding=exploding,
            fast=fast,
            slow=slow,
        )

    def __str__(self) -> str:
        """The last record as a table."""
        if not self._rows:
            return "nothing recorded yet"
        last = self._rows[-1]
        shown = ("name", "gradient", "parameter", "update", "ratio", "inactive")
        lines = [list(shown)] + [
            [_show(row[column]) for column in shown]
            for row in self._rows
            if row["step"] == last["step"]
        ]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = [
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
            for line in lines
        ]
        title = f"step {last['step']}, epoch {last['epoch']}, loss {last['loss']:.4g}"
        return "\n".join([title, *table])

    def __repr__(self) -> str:
        return f"<GradientMonitor of {len({row['step'] for row in self._rows})} steps>"


def _show(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "-" if isnan(value) else f"{value:.3g}"


class _Before:
    """The values recorded between the backward pass and the update; all on the device."""

    def __init__(self, model: FittedModel) -> None:
        backend = _backend(model)
        parameters, gradients = model.parameters, model.gradients
        self._values = {name: backend.copy(parameters[name]) for name in gradients}
        self._found = {
            name: [_norm(backend, g), _norm(backend, parameters[name]), _inactive(backend, g)]
            for name, g in gradients.items()
        }

    def finish(self, model: FittedModel) -> dict[str, tuple[float, float, float, float]]:
        """By name: norms of gradient, parameter and update, and the inactive share."""
        backend, parameters = _backend(model), model.parameters
        cells = []
        for name, (gradient, parameter, inactive) in self._found.items():
            change = parameters[name] - self._values[name]
            cells += [gradient, parameter, _norm(backend, change), inactive]
        numbers = backend.to_numpy(backend.xp.stack(cells)).tolist()  # waits for a GPU
        rows = (tuple(numbers[i : i + 4]) for i in range(0, len(numbers), 4))
        return dict(zip(self._found, rows, strict=True))


def _backend(model: FittedModel) -> Backend:
    backend: Backend = model.engine.backend
    return backend


def _norm(backend: Backend, array: Any) -> Any:
    """Euclidean norm in double precision, so that squares neither vanish nor overflow."""
    exact = backend.xp.astype(array, backend.dtype("float64"))
    return backend.xp.sqrt(backend.xp.sum(exact * exact))


def _inactive(backend: Backend, gradient: Any) -> Any:
    """Share of a weight matrix's columns that are all 0."""
    double = backend.dtype("float64")
    if gradient.ndim < 2:
        return backend.xp.asarray(nan, dtype=double, device=backend.device)
    idle = backend.xp.all(gradient == 0, axis=-2)
    return backend.xp.mean(backend.xp.astype(idle, double))

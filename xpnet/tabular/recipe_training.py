"""Train the networks of a recipe, and keep each at its best epoch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import positive
from xpnet.model import Model
from xpnet.nn import Average, PrepareColumns
from xpnet.tabular.recipe import Recipe
from xpnet.training.advice import Remedies, remedies
from xpnet.training.callbacks import Callback, KeepBest
from xpnet.training.callbacks.callback import CallbackLike
from xpnet.training.context import FitContext, FittedModel
from xpnet.typing import ClassWeight

__all__ = ["Fit", "Rows"]

_TRIAL = 40  # batches at most, of the epochs that are timed
_SURE = 0.9  # share of the time limit that is planned
_PREDICTION = 0.5  # time of a prediction, in steps of training with as many rows, generously
_STRIDE = 16  # steps between two looks at the clock
_NONE = Remedies("", "", "")


@dataclass(frozen=True)
class Rows:
    """Prepared rows of a table: the network's inputs, targets as the loss takes them, weights."""

    X: NDArray[Any]
    y: NDArray[Any]
    weight: NDArray[Any] | None = None

    def at(self, index: NDArray[np.intp]) -> "Rows":
        """The rows at these positions."""
        return Rows(*(a[index] for a in self.given))

    @property
    def given(self) -> tuple[Any, ...]:
        """As `Model.fit` takes validation data."""
        return (self.X, self.y) if self.weight is None else (self.X, self.y, self.weight)


@dataclass(frozen=True)
class Fit:
    """Settings of a training besides the recipe.

    Attributes
    ----------
    recipe : Recipe
    inputs : PrepareColumns
        What prepares the network's inputs.
    classes : int
        0 for regression.
    members : int
        Networks whose predictions are averaged.
    seed : int
    backend : str or None
    threads : int or None
    verbose : bool
    callbacks : sequence of callback
    class_weight : "balanced" or dict, optional
        By the number of the class.
    time_limit : float, optional
        Seconds. The number of epochs becomes what fits.
    """

    recipe: Recipe
    inputs: PrepareColumns
    classes: int
    members: int = 1
    seed: int = 0
    backend: Any = None
    threads: int | None = None
    verbose: bool = False
    callbacks: Sequence[CallbackLike] = ()
    class_weight: ClassWeight | None = None
    time_limit: float | None = None

    def run(
        self, parts: Callable[[int], tuple[Rows, Rows | None]]
    ) -> tuple[Model, list[dict[str, float]]]:
        """Train the networks.

        Parameters
        ----------
        parts : callable
            ``parts(member)`` is the rows for training, and those on which the best epoch is chosen.

        Returns
        -------
        Model
            The network, or the average of the members.
        list of dict
            The history of all epochs. With several members, each row says which ``member``.
        """
        limit = None if self.time_limit is None else positive("time_limit", self.time_limit)
        end = None if limit is None else perf_counter() + limit
        models, history = [], []
        for member in range(self.members):
            left = None if end is None else (end - perf_counter()) / (self.members - member)
            model, found = _Member(self, member, left).trained(*parts(member))
            models.append(model)
            named = {"member": member + 1.0} if self.members > 1 else {}
            history += [{**named, **row} for row in found]
        return self._together(models), history

    def _together(self, models: Sequence[Model]) -> Model:
        """One model whose network averages these models' networks."""
        if len(models) == 1:
            return models[0]
        net = Average(*(m.config.net for m in models), logits=self.classes > 0)
        first = models[0]
        made = Model(
            net,
            first.config.loss,
            self.recipe.optimizer(),
            backend=first.backend,
            input_shape=first.network.features,
            seed=self.seed,
        ).build()
        made.load_state_dict(
            {
                f"branches.{i}.{name}": array
                for i, model in enumerate(models)
                for name, array in model.state_dict().items()
            }
        )
        return made


@dataclass(frozen=True)
class _Member:
    """The training of one network."""

    fit: Fit
    number: int
    seconds: float | None

    def trained(self, rows: Rows, held: Rows | None) -> tuple[Model, list[dict[str, float]]]:
        recipe, start = self.fit.recipe, perf_counter()
        if self.seconds is not None:
            recipe = replace(recipe, epochs=self._epochs(rows, held))
        model = self._model(recipe, rows)
        best = KeepBest("val_accuracy" if self.fit.classes else "val_loss", latest=True)
        watch = [] if self.seconds is None else [_Deadline(start + self.seconds)]
        callbacks = [*watch, *([] if held is None else [best]), *self.fit.callbacks]
        history = self._run(model, recipe, rows, held, callbacks, self.fit.verbose)
        if best.state is not None:
            best.restore(model)
        return model, [dict(row) for row in history]

    def _model(self, recipe: Recipe, rows: Rows) -> Model:
        fit = self.fit
        return Model(
            recipe.network(fit.inputs, fit.classes or 1),
            recipe.loss(fit.classes),
            recipe.optimizer(),
            metrics=None if fit.classes else (),
            backend=fit.backend,
            seed=fit.seed + self.number,
            input_shape=rows.X.shape[1],
            check_finite=False,
        ).build()

    def _run(
        self,
        model: Model,
        recipe: Recipe,
        rows: Rows,
        held: Rows | None,
        callbacks: Sequence[CallbackLike],
        verbose: bool = False,
    ) -> Any:
        fit = self.fit
        with remedies(_NONE):  # the schedule knows when to end
            return model.fit(
                rows.X,
                rows.y,
                epochs=recipe.epochs,
                batch_size=recipe.batch_rows(len(rows.X)),
                sample_weight=rows.weight,
                class_weight=fit.class_weight,
                validation_data=None if held is None else held.given,
                callbacks=callbacks,
                verbose=verbose,
                threads=fit.threads,
            )

    def _epochs(self, rows: Rows, held: Rows | None) -> int:
        """How many epochs fit into the time, from the time of some steps."""
        recipe, count = self.fit.recipe, len(rows.X)
        trial = min(count, _TRIAL * recipe.batch_rows(count))
        part = Rows(*(a[:trial] for a in rows.given))
        start, short = perf_counter(), replace(recipe, epochs=2)
        *_, last = self._run(self._model(short, part), short, part, None, [])
        epoch = last["seconds"] * count / trial
        if held is not None:
            epoch *= 1 + _PREDICTION * len(held.X) / count
        left = (self.seconds or 0) - (perf_counter() - start)
        return max(1, min(recipe.epochs, int(_SURE * left / epoch)))


class _Deadline(Callback):
    """Ends the training when the time is over."""

    def __init__(self, end: float) -> None:
        self._end = end

    def on_safe_point(self, model: FittedModel, context: FitContext) -> None:
        context.stopping = context.stopping or perf_counter() > self._end

    def stride(self) -> int:
        return _STRIDE

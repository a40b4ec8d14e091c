"""End trials of an Optuna study that promise little."""

from typing import Protocol

from xpnet.errors import ArgumentError
from xpnet.optional import require
from xpnet.training.callbacks.callback import Callback
from xpnet.training.callbacks.watched import Watched, usual_mode
from xpnet.training.context import FitContext, FittedModel

__all__ = ["OptunaPruning"]


class OptunaTrial(Protocol):
    """What is needed of an optuna.Trial; a FixedTrial has it, too."""

    @property
    def number(self) -> int: ...

    def report(self, value: float, step: int) -> None: ...

    def should_prune(self) -> bool: ...


class OptunaPruning(Callback):
    """Report a column to an Optuna trial each epoch, and prune the trial when Optuna advises it.

    When the trial's pruner asks for it, training stops after the epoch, every callback ends as
    after any fit (so `EarlyStopping` restores the best epoch and logs are closed), and then `fit`
    raises ``optuna.TrialPruned``, which a study expects. Needs the extra ``search``.

    Parameters
    ----------
    trial : optuna.Trial
        What Optuna passes to the objective.
    monitor : str, default "val_loss"
        A column of the history. The study's direction says what better means.

    Raises
    ------
    MissingDependencyError
        If Optuna is not installed.
    ArgumentError
        If `trial` is no trial, if its study has several objectives, which Optuna does not prune,
        or if the study maximizes a loss or minimizes an accuracy. Before the training, if there
        is no such column.
    optuna.TrialPruned
        By ``fit``, when the trial is pruned. Its message names the epoch and the value. If the
        fit fails, its own error is raised instead.

    Notes
    -----
    The step that Optuna gets is the epoch, counted from 1 over the model's life. An epoch that the
    trial has already reported is not reported again, as when a fit resumes from a checkpoint. So
    only the first of several fits in one trial, such as those of a cross-validation, is pruned.
    NaN is reported as it is; Optuna's pruners treat it as worse than any number.

    In a study with ``n_jobs``, trials run in threads of one process. Pass ``threads=1`` to ``fit``
    there, so that these trials do not share their cores with each other's threads.

    Sources: Akiba et al., "Optuna: a next-generation hyperparameter optimization framework", KDD
    2019; for the median rule Golovin et al., "Google Vizier", KDD 2017.

    Examples
    --------
    >>> import optuna, xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> def objective(trial):
    ...     units = trial.suggest_int("units", 8, 64, log=True)
    ...     model, pruning = xn.MLP([64, units, 10], seed=0), xn.OptunaPruning(trial)
    ...     settings = {"epochs": 4, "validation_data": (X_test, y_test), "verbose": False}
    ...     return model.fit(X, y, callbacks=[pruning], **settings)["val_loss"][-1]
    >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
    >>> pruner = optuna.pruners.MedianPruner(n_startup_trials=2)
    >>> study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0), pruner=pruner)
    >>> study.optimize(objective, n_trials=4)
    >>> {trial.state.name for trial in study.trials} <= {"COMPLETE", "PRUNED"}
    True
    """

    def __init__(self, trial: OptunaTrial, monitor: str = "val_loss") -> None:
        self._optuna = require("optuna", "search", "the OptunaPruning callback")
        if not all(callable(getattr(trial, name, None)) for name in ("report", "should_prune")):
            raise ArgumentError(
                "trial must be the optuna.Trial that Optuna passes to the objective; got "
                f"{trial!r}."
            )
        self._trial, self._study = trial, getattr(trial, "study", None)  # a FixedTrial has none
        self._watched = Watched(monitor, self._mode(monitor))
        self._reported: set[int] = set()
        self._advised: str | None = None  # by the pruner, with the last epoch and its value
        self._due: str | None = None  # the same, once no callback can fail any more

    def _mode(self, monitor: str) -> str:
        """What better means in the study."""
        if self._study is None:
            return "min"  # nothing is pruned
        if len(self._study.directions) != 1:
            raise ArgumentError(
                "Optuna does not prune trials of a study with several objectives: leave "
                "OptunaPruning out."
            )
        mode = self._study.direction.name.lower()[:3]
        usual = usual_mode(monitor) if isinstance(monitor, str) else None
        if usual is not None and usual != mode:
            words = {"min": "minimize", "max": "maximize"}
            raise ArgumentError(
                f"the study's direction is to {words[mode]}, but a better {monitor!r} is "
                f"{'larger' if usual == 'max' else 'smaller'}: create the study with "
                f"direction='{words[usual]}', or monitor another column."
            )
        return str(mode)

    def check(self, columns: tuple[str, ...]) -> None:
        self._watched.check(columns)

    def on_fit_begin(self, model: FittedModel) -> None:
        self._advised = self._due = None
        if self._study is not None:
            trial = self._study.get_trials(deepcopy=False)[self._trial.number]
            self._reported = set(trial.intermediate_values)

    def on_epoch_end(self, model: FittedModel, epoch: int, logs: dict[str, float]) -> bool:
        value = self._watched.value(logs)
        if epoch in self._reported:
            return False
        self._reported.add(epoch)
        self._trial.report(value, epoch)
        if self._trial.should_prune():
            self._advised = f"after epoch {epoch}, with {self._watched.column} {value:.6g}"
        return self._advised is not None

    def on_safe_point(self, model: FittedModel, context: FitContext) -> None:
        self._due = self._advised

    def stride(self) -> int:
        return 0

    def on_fit_end(self, model: FittedModel) -> None:
        due, self._advised, self._due = self._due, None, None
        if due is not None:
            raise self._optuna.TrialPruned(f"pruned {due}")

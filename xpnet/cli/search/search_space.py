"""The settings that `xpnet search` tries, for each way of training.

A plain network (``mlp``): the ranges of Gorishniy et al., "Revisiting deep learning models for
tabular data", NeurIPS 2021, in powers of two and with smaller learning rates left out, which early
stopping would end before they arrive. The presets: the ranges of RealMLP's own search (Holzmüller
et al., "Better by default", NeurIPS 2024), and its sizes of a batch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from xpnet.cli.defaults import Defaults
from xpnet.tabular.recipe import Recipe

__all__ = ["SEARCHED", "Space", "shown", "words"]

SEARCHED = ("hidden", "learning_rate", "dropout", "weight_decay", "batch_size")
"""The options of `xpnet train` that are searched, unless they are given."""

_UNITS = (16, 32, 64, 128, 256, 512)
_DEEPEST = 4
_BATCHES = (32, 64, 128, 256, 512)
_FEWEST_STEPS = 4  # in an epoch, if the table has enough rows
_SHAPES = ("256 256 256", "64 64 64 64 64", "512")  # of RealMLP's search


@dataclass(frozen=True)
class Space:
    """The settings of a search, and how a trial chooses them.

    Attributes
    ----------
    preset : str
    classes : int
        0 for regression.
    rows : int
        For training.
    usual : Defaults
        Settings of a plain network that are not searched for this data set.
    given : frozenset of str
        Names of settings that the user has chosen.
    """

    preset: str
    classes: int
    rows: int
    usual: Defaults
    given: frozenset[str]

    @property
    def batches(self) -> tuple[int, ...]:
        """The sizes of a batch."""
        return tuple(b for b in _BATCHES if b * _FEWEST_STEPS <= self.rows) or _BATCHES[:1]

    def first(self) -> dict[str, Any]:
        """The parameters of the first trial: the defaults of `xpnet train`, so nothing is lost."""
        if self.preset == "mlp":
            usual = self.usual
            found: dict[str, Any] = {"layers": len(usual.hidden), "units": usual.hidden[0]}
            found |= {"learning_rate": usual.learning_rate, "dropout": 0.0, "weight_decay": 1e-6}
            size = usual.batch_size
        else:
            recipe = Recipe.of("realmlp", self.classes, self.rows)
            found = {"hidden": " ".join(map(str, recipe.hidden)), "dropout": recipe.dropout}
            found |= {"learning_rate": recipe.learning_rate, "weight_decay": recipe.weight_decay}
            size = recipe.batch_size
        found["batch_size"] = max((b for b in self.batches if b <= size), default=self.batches[0])
        return {name: value for name, value in found.items() if self._free(name)}

    def settings(self, trial: Any) -> dict[str, Any]:
        """What an Optuna trial suggests for each option that is not given."""
        found = self._plain(trial) if self.preset == "mlp" else self._by_recipe(trial)
        if self._free("batch_size"):
            found["batch_size"] = trial.suggest_categorical("batch_size", self.batches)
        return {name: found[name] for name in SEARCHED if name in found}

    def _free(self, name: str) -> bool:
        option = "hidden" if name in ("layers", "units") else name
        return option not in self.given

    def _plain(self, trial: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._free("hidden"):
            layers = trial.suggest_int("layers", 1, _DEEPEST)
            found["hidden"] = [trial.suggest_categorical("units", _UNITS)] * layers
        if self._free("learning_rate"):
            found["learning_rate"] = _short(trial.suggest_float, "learning_rate", 1e-4, 1e-2)
        if self._free("dropout"):
            found["dropout"] = round(trial.suggest_float("dropout", 0.0, 0.5, step=0.05), 2)
        if self._free("weight_decay"):
            found["weight_decay"] = _short(trial.suggest_float, "weight_decay", 1e-6, 1e-1)
        return found

    def _by_recipe(self, trial: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._free("hidden"):
            shape = trial.suggest_categorical("hidden", _SHAPES)
            found["hidden"] = [int(units) for units in shape.split()]
        if self._free("learning_rate"):
            found["learning_rate"] = _short(trial.suggest_float, "learning_rate", 0.02, 0.3)
        if self._free("dropout"):
            found["dropout"] = trial.suggest_categorical("dropout", (0.0, 0.15, 0.3))
        if self._free("weight_decay"):
            found["weight_decay"] = trial.suggest_categorical("weight_decay", (0.0, 0.02))
        return found


def _short(suggest: Any, name: str, low: float, high: float) -> float:
    """A number on a logarithmic scale with three digits, as a command shows it."""
    return float(f"{suggest(name, low, high, log=True):.3g}")


def words(settings: Mapping[str, Any]) -> list[str]:
    """Settings as options of `xpnet train`."""
    return [
        word
        for name, value in settings.items()
        for word in (f"--{name.replace('_', '-')}", *map(str, _listed(value)))
    ]


def shown(settings: Mapping[str, Any]) -> str:
    """Settings as one line."""
    return ", ".join(
        f"{name.replace('_', ' ')} {' '.join(map(str, _listed(value)))}"
        for name, value in settings.items()
    )


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else [value]

"""A network by the recipe of a preset, which chooses its settings itself."""

import argparse
from collections.abc import Sequence
from typing import Any, TextIO

from xpnet.cli.source import Part, Source
from xpnet.cli.training import Training
from xpnet.errors import ArgumentError
from xpnet.tabular.recipe import Recipe
from xpnet.tabular.recipe_training import Fit
from xpnet.tabular.recipe_training import Rows as Samples
from xpnet.tabular.table_model import TableModel
from xpnet.training.callbacks import Callback

__all__ = ["PresetTraining"]

# What the recipe decides, with the value of an option that is not given.
_DECIDED = {
    "--activation": None,
    "--optimizer": None,
    "--early-stopping": None,
    "--checkpoint": None,
    "--resume": False,
    "--distributed": False,
    "--dtype": "float32",
}
_SETTINGS = ("hidden", "learning_rate", "dropout", "weight_decay", "batch_size", "epochs")


class PresetTraining(Training):
    """The presets ``realmlp`` and ``fast``."""

    scaling = "robust"

    def __init__(self, arguments: argparse.Namespace, source: Source, out: TextIO) -> None:
        given = {name: getattr(arguments, name) for name in _SETTINGS}
        if given["hidden"] is not None:
            given["hidden"] = tuple(given["hidden"])
        classes = source.target.classes
        self._classes = 0 if classes is None else len(classes)
        self._recipe = Recipe.of(arguments.preset, self._classes, source.rows["train"], **given)
        for name in (*_SETTINGS, "activation"):
            setattr(arguments, name, getattr(self._recipe, name))
        arguments.optimizer = "adamw"
        super().__init__(arguments, source, out)

    @staticmethod
    def check(arguments: argparse.Namespace) -> None:
        for option, default in _DECIDED.items():
            if getattr(arguments, option.strip("-").replace("-", "_")) != default:
                raise ArgumentError(
                    f"{option} works only with --preset mlp: {arguments.preset} chooses it."
                )

    def summary(self) -> str:
        recipe = self._recipe
        return (
            f"preset {self.arguments.preset}: hidden {' '.join(map(str, recipe.hidden))}, "
            f"{recipe.epochs} epochs, batch size {recipe.batch_size},\n"
            f"learning rate {recipe.learning_rate:g}, dropout {recipe.dropout:g}, weight decay "
            f"{recipe.weight_decay:g}, seed {self.arguments.seed}"
        )

    def run(self, watchers: Sequence[Callback] | None = None) -> tuple[TableModel, str]:
        arguments = self.arguments
        fit = Fit(
            self._recipe,
            self.prepared.layer,
            self._classes,
            seed=arguments.seed,
            backend=arguments.backend,
            threads=arguments.threads,
            callbacks=self.shown() if watchers is None else watchers,
            class_weight=arguments.class_weight,
        )
        parts = self._samples("train"), self._samples("held")
        network, history = fit.run(lambda member: parts)
        model = TableModel(self.source.schema, self.prepared, network)
        model.history = history
        return model, "; the best epoch on the validation rows is kept"

    def _samples(self, part: Part) -> Samples:
        inputs = self.source.inputs(self.prepared, part, "float32")
        targets: Any = self.source.targets(part, "float32")
        return Samples(inputs, targets)

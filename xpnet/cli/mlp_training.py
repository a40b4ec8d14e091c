"""A network of dense layers, trained as the options of `xpnet train` say."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from xpnet.cli.defaults import LEARNING_RATE_SGD, MOST_EPOCHS
from xpnet.cli.resume import check_resumed, kept_of
from xpnet.cli.source import Source
from xpnet.cli.training import Training
from xpnet.errors import ArgumentError
from xpnet.mlp import dense_net
from xpnet.model import Model
from xpnet.nn import EmbedColumns, Sequential, activation
from xpnet.optim import Optimizer, get_optimizer
from xpnet.saving.checkpoint import Checkpoint
from xpnet.saving.snapshots import checkpoints
from xpnet.tabular.table_model import TableModel
from xpnet.training.advice import Remedies, remedies
from xpnet.training.callbacks import Callback, EarlyStopping

__all__ = ["MlpTraining"]

_EMBEDDED = 8  # numbers for each value of a category with many values
_REMEDIES = Remedies(
    falling="train longer, with --epochs or --early-stopping", columns="", target=""
)


class MlpTraining(Training):
    """The preset ``mlp``."""

    scaling = "standard"

    def __init__(self, arguments: argparse.Namespace, source: Source, out: TextIO) -> None:
        _fill_in(arguments, source)
        super().__init__(arguments, source, out)
        self._model = self._built()
        if arguments.resume:
            check_resumed(arguments.checkpoint, self.kept())

    @staticmethod
    def check(arguments: argparse.Namespace) -> None:
        activation(arguments.activation or "relu")
        _optimizer(arguments)
        folder = arguments.checkpoint
        if arguments.resume and folder is None:
            raise ArgumentError("--resume needs --checkpoint FOLDER to resume from.")
        if folder is not None and not arguments.resume and checkpoints(Path(folder)):
            raise ArgumentError(
                f"--checkpoint {folder}: the folder holds checkpoints. Add --resume to continue "
                "from the newest, or name another folder."
            )

    def kept(self) -> dict[str, Any]:
        return kept_of(self.source.schema, self.prepared)

    def summary(self) -> str:
        arguments, backend = self.arguments, self._model.engine.backend.name
        return (
            f"{self._model.summary()}\n"
            f"{arguments.optimizer}, learning rate {arguments.learning_rate:g}, batch size "
            f"{arguments.batch_size}, seed {arguments.seed}; backend {backend}"
        )

    def run(self, watchers: Sequence[Callback] | None = None) -> tuple[TableModel, str]:
        arguments, source, dtype = self.arguments, self.source, self._model.dtype
        stop = None
        if arguments.early_stopping is not None:
            stop = EarlyStopping(patience=arguments.early_stopping)
        samples = {
            part: (source.inputs(self.prepared, part, dtype), source.targets(part, dtype))
            for part in ("train", "held")
        }
        with remedies(_REMEDIES):
            history = self._model.fit(
                *samples["train"],
                epochs=arguments.epochs,
                batch_size=arguments.batch_size,
                class_weight=arguments.class_weight,
                validation_data=samples["held"],
                callbacks=self._callbacks(stop, watchers),
                resume_from=arguments.checkpoint if arguments.resume else None,
                threads=arguments.threads,
                distributed=arguments.distributed,
                verbose=False,
            )
        model = TableModel(source.schema, self.prepared, self._model)
        model.history = list(history)
        best = None if stop is None else stop.best_epoch
        kept = f"; epoch {best} was the best on the validation rows and is kept" if best else ""
        return model, kept

    def _callbacks(
        self, stop: EarlyStopping | None, watchers: Sequence[Callback] | None
    ) -> list[Callback]:
        shown = self.shown(at_most=stop is not None) if watchers is None else watchers
        callbacks = list(shown)
        if stop is not None:
            callbacks.append(stop)
        if self.arguments.checkpoint is not None:
            callbacks.append(Checkpoint(self.arguments.checkpoint))
        return callbacks

    def _built(self) -> Model:
        arguments, layer, outputs = self.arguments, self.prepared.layer, self.source.outputs
        units = [*arguments.hidden, outputs]
        net = dense_net(units, arguments.activation, arguments.dropout or 0.0)
        return Model(
            Sequential(EmbedColumns(layer.many, _EMBEDDED), net) if layer.many else net,
            loss="mean_squared_error" if outputs == 1 else "softmax_cross_entropy",
            optimizer=_optimizer(arguments),
            backend=arguments.backend,
            dtype=arguments.dtype,
            seed=arguments.seed,
            input_shape=layer.plain + len(layer.many),
        ).build()


def _fill_in(arguments: argparse.Namespace, source: Source) -> None:
    """Set the options that were not given to the data set's defaults."""
    defaults: dict[str, Any] = {**vars(source.defaults), "activation": "relu"}
    if arguments.optimizer == "sgd":
        defaults["learning_rate"] = LEARNING_RATE_SGD
    if arguments.early_stopping is not None:
        defaults["epochs"] = MOST_EPOCHS
    for name, value in defaults.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)


def _optimizer(arguments: argparse.Namespace) -> Optimizer:
    decay = arguments.weight_decay
    if arguments.optimizer is None:
        arguments.optimizer = "adam" if decay is None else "adamw"
    options = {} if decay is None else {"weight_decay": decay}
    return get_optimizer(arguments.optimizer, arguments.learning_rate, **options)

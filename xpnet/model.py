"""`Model`: a network with a loss and an optimizer, ready to be trained and used."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Self
from warnings import warn

from xpnet.arguments import count
from xpnet.backends import Backend
from xpnet.data.class_weight import with_class_weight
from xpnet.engine.batch_graph import BatchSpec
from xpnet.engine.config import ModelConfig, check_names, check_sample_shape
from xpnet.engine.engine import Engine
from xpnet.engine.entry import (
    accept,
    accept_inputs,
    accept_validation,
    backend_for,
    engine_for,
)
from xpnet.engine.network import Network
from xpnet.engine.on_device import on_device
from xpnet.engine.prediction import predict
from xpnet.engine.programs import PlannedProgram
from xpnet.engine.summary import summary
from xpnet.errors import ArgumentError, GraphError
from xpnet.graph import Plan
from xpnet.nn import LayerLike
from xpnet.optim import Optimizer, get_optimizer
from xpnet.saving.fit_state import resumed
from xpnet.saving.model_file import save_model
from xpnet.saving.pickling import get_state, restored
from xpnet.saving.snapshots import read_snapshot
from xpnet.training.eager import single_step
from xpnet.training.evaluation import columns, evaluate
from xpnet.training.fit import FitSettings, make_loop
from xpnet.training.history import History
from xpnet.typing import Array, Shape

__all__ = ["Model"]

_OWN = ("_config", "_engine", "_in_fit")  # made again from what a pickle holds


class Model:
    """A network, a loss and an optimiser.

    Parameters
    ----------
    net : callable
        A layer such as `Sequential`, or any function of one symbolic value made of layers and
        ops.
    loss : str, Loss or callable, default "softmax_cross_entropy"
        A name, such as ``"softmax_cross_entropy"`` (labels 0 .. k-1, one-hot or soft labels),
        ``"binary_cross_entropy_with_logits"`` or ``"mse"``; what a function of `xpnet.losses`
        returns, such as ``xpnet.losses.huber(delta=2)``; or a function ``f(output, target)`` of
        symbolic values that returns one value a sample, or one number.
    optimizer : str or Optimizer, default "adam"
    metrics : sequence of str, Loss or callable, optional
        ``"accuracy"``, ``"top_5_accuracy"``, ``"r2"``, names of losses, or functions like a loss.
        By default accuracy for the classification losses.
    backend : None, {"numpy", "cupy", "auto"} or namespace
        Where to compute. None follows the arrays that are given first.
    dtype : {"float32", "float64"}
    seed : int, default 0
        Initial weights and shuffles; the same seed gives the same bits on every backend.
    input_shape : int or tuple of int, optional
        Shape of one sample, if the model is to be built before it sees data.
    check_finite : bool, default True
        Whether data with NaN or infinity are refused.
    frozen : sequence of str, optional
        Dotted names of layers or parameters that keep their values; see `freeze`.
    precision : {"float32", "tf32", "bfloat16", "float16"}, default "float32"
        How the operands of matrix products are rounded on a GPU with tensor cores; sums,
        parameters and everything else stay float32. ``"float32"`` does not round. ``"float16"``
        multiplies the loss by a scale, and a step whose gradients overflow changes nothing. All
        but ``"float32"`` need ``backend="cupy"`` and nvmath-python, which the extras bring.

    Raises
    ------
    UnknownNameError, ArgumentError, DTypeError, BackendUnavailableError
        For settings that cannot be used.

    Examples
    --------
    >>> import xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> model = xn.Model(xn.Sequential(xn.Dense(64), xn.ReLU(), xn.Dense(10)))
    >>> history = model.fit(X, y, epochs=30)
    >>> model.evaluate(X_test, y_test)["accuracy"] > 0.9
    True

    Attributes
    ----------
    preprocessing : dict or None
        What was saved with the model about its data; see `save`.
    """

    chunk = 1024  # samples at a time where no batch size is given: few enough to stay in cache

    def __init__(
        self,
        net: LayerLike,
        loss: Any = "softmax_cross_entropy",
        optimizer: str | Optimizer = "adam",
        *,
        metrics: Sequence[Any] | None = None,
        backend: Any = None,
        dtype: Any = "float32",
        seed: int = 0,
        input_shape: int | Shape | None = None,
        check_finite: bool = True,
        frozen: Sequence[str] = (),
        precision: str = "float32",
    ) -> None:
        self._config = ModelConfig.of(
            net,
            loss,
            optimizer,
            metrics=metrics,
            backend=backend,
            dtype=dtype,
            seed=seed,
            input_shape=input_shape,
            check_finite=check_finite,
            frozen=frozen,
            precision=precision,
        )
        self._engine: Engine | None = None
        self._in_fit = False
        self.preprocessing: dict[str, Any] | None = None

    @classmethod
    def _of(
        cls, config: ModelConfig, engine: Engine | None, preprocessing: dict[str, Any] | None
    ) -> Self:
        """A model that was asked to be this, and is at work already."""
        model = object.__new__(cls)
        model._config, model._engine, model._in_fit = config, engine, False
        model.preprocessing = preprocessing
        return model

    # --- what it is ---------------------------------------------------------------------------

    @property
    def config(self) -> ModelConfig:
        """What the model was asked to be."""
        return self._config

    @property
    def built(self) -> bool:
        """Whether the parameters exist."""
        return self._engine is not None

    @property
    def backend(self) -> Backend | None:
        """Where the model computes; None while it is open."""
        return self._config.backend if self._engine is None else self._engine.backend

    @property
    def dtype(self) -> str:
        """Type of the parameters: ``"float32"`` or ``"float64"``."""
        return self._config.dtype

    @property
    def precision(self) -> str:
        """How the operands of matrix products are rounded."""
        return self._config.precision

    @property
    def seed(self) -> int:
        """The seed that the model was made with."""
        return self._config.seed

    @property
    def frozen(self) -> tuple[str, ...]:
        """Names of the layers and parameters that are not trained."""
        return self._config.frozen

    @property
    def epoch(self) -> int:
        """Epochs trained so far, by which schedules and shuffles go; may be assigned."""
        return 0 if self._engine is None else self._engine.state.epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self.engine.state.epoch = count("epoch", value, 0)

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; one that is assigned starts with empty state."""
        return self._config.optimizer

    @optimizer.setter
    def optimizer(self, value: str | Optimizer) -> None:
        optimizer = get_optimizer(value)
        if optimizer.whole_batch:
            self._refuse_while_fitting("L-BFGS cannot take over")
        self._exchange(optimizer)

    @on_device
    def _exchange(self, optimizer: Optimizer) -> None:
        if self._engine is not None:
            self._engine.set_optimizer(optimizer)
        self._config = replace(self._config, optimizer=optimizer)

    # --- building -----------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The network at work, with all that training changes; built if the shape is known."""
        if self._engine is None:
            self.build()
        assert self._engine is not None
        return self._engine

    @property
    def network(self) -> Network:
        """What is known of the network: its graph, shapes and parameters' names."""
        return self.engine.network

    @on_device
    def build(self, input_shape: int | Shape | None = None) -> Self:
        """Create the parameters for samples of this shape; data do so by themselves.

        Raises
        ------
        ArgumentError
            If the shape is not known.
        ShapeError
            If it is not the shape that the model was made or built for.
        """
        config, engine = self._config, self._engine
        known = config.input_shape if engine is None else engine.network.features
        shape = check_sample_shape(input_shape) or known
        if shape is None:
            raise ArgumentError(
                "the shape of one sample is not known yet: train first, or call "
                "model.build((n_features,))."
            )
        self._engine = engine_for(config, engine, backend_for(config, engine), shape)
        return self

    @contextmanager
    def _fitting(self, engine: Engine) -> Iterator[None]:
        """A fit: the engine becomes the model's, and what would pull it away is refused."""
        self._refuse_while_fitting("a second fit cannot begin")
        self._engine, self._in_fit = engine, True
        try:
            yield
        finally:
            self._in_fit = False

    def _refuse_while_fitting(self, what: str) -> None:
        if self._in_fit:
            raise ArgumentError(
                f"{what} while a fit of this model runs: return True from the callback, so that "
                "the fit ends, and do it then."
            )

    # --- training -----------------------------------------------------------------------------

    @on_device
    def fit(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 10,
        batch_size: int = 128,
        sample_weight: Any = None,
        class_weight: Any = None,
        validation_data: tuple[Any, ...] | None = None,
        callbacks: Sequence[Any] | None = None,
        verbose: Any = "auto",
        shuffle: bool | Callable[[int], Any] = True,
        resume_from: Any = None,
        accumulate: int = 1,
        steps_per_execution: int | None = None,
        steps_per_graph: int | None = None,
    ) -> History:
        """Train on the data for some epochs; a second call goes on from the first.

        Parameters
        ----------
        X : array of shape (n, ...)
            Samples.
        y : array of shape (n,) or (n, k)
            Targets, as the loss takes them.
        epochs, batch_size : int, defaults 10 and 128
            At least 1. The last batch may be smaller; a larger batch size takes all samples.
        sample_weight : array of shape (n,), optional
            Numbers >= 0. Each batch's loss is the mean weighted by them.
        class_weight : "balanced", dict or sequence of float, optional
            A factor of each class for the weights of its samples; classes that a dict leaves out
            have 1, ``"balanced"`` is n / (classes count). Validation is not weighted by it.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after every epoch.
        callbacks : sequence of Callback or function, optional
        verbose : bool or "auto"
            A progress bar; ``"auto"`` shows it on a terminal.
        shuffle : bool or callable, default True
            Whether each epoch takes the samples in a new order. A function is called with the
            number of samples at the beginning of each epoch, and returns their order: an array
            with every row's number once.
        resume_from : path, optional
            A checkpoint that `Checkpoint` wrote, or a folder of them, of which the newest counts.
            The fit that it is of goes on, up to `epochs` counted from its own beginning, with the
            same bits as if it had never stopped; give it the same data and settings. A folder
            without any begins anew.
        accumulate : int, default 1
            Batches of a step: their gradients are added up, so that a step is that of one batch of
            ``accumulate * batch_size`` samples, in the memory of one of `batch_size`. Batch
            normalization still sees single batches.
        steps_per_execution : int, optional
            On a GPU: how many steps are launched at once, as one CUDA graph; 0 for none, which
            launches every operation by itself. By default many if they are small. The results
            have the same bits. Where steps cannot be captured (a callback looks at every one, the
            data do not fit on the device, nvmath-python is missing, ...) they are launched one
            operation after the other, and the logger ``xpnet`` says why.

        Returns
        -------
        History
            A fit that SIGINT (Ctrl-C) or SIGTERM interrupts returns what it has, after the step
            that it is making; `History.interrupted` names the signal. A second one stops at once.

        Raises
        ------
        DataError, ShapeError, DTypeError, ArgumentError
            Before anything changes, for data or settings that cannot be used.
        DivergedError
            If the loss becomes NaN or infinite; the last good parameters are put back.
        DeviceMemoryError
            If the GPU has no room; see the message for what to change.
        """
        if steps_per_graph is not None:
            steps_per_execution = _renamed(steps_per_graph)
        settings = FitSettings.of(
            epochs=epochs,
            batch_size=batch_size,
            accumulate=accumulate,
            steps_per_execution=steps_per_execution,
            shuffle=shuffle,
            callbacks=callbacks,
            verbose=verbose,
        )
        engine, data = accept(self._config, self._engine, X, y, sample_weight)
        network = engine.network
        data = with_class_weight(network.loss, network.output_shape, data, class_weight)
        validation = accept_validation(self._config, engine, validation_data)
        snapshot = None if resume_from is None else read_snapshot(resume_from)
        settings.callbacks.check(
            (*columns(network, validation is not None), *settings.columns(engine))
        )
        loop = make_loop(self, engine, data, validation, self.chunk, settings)
        resume = None if snapshot is None else resumed(engine, loop.context, snapshot)
        with self._fitting(engine):
            return loop.run(snapshot, resume)

    @on_device
    def train_on_batch(self, X: Any, y: Any, sample_weight: Any = None) -> Array:
        """Make one step on one batch (not with `LBFGS`, which needs all samples at once).

        Schedules follow `epoch`, which only `fit` advances; a loop of one's own may assign it.

        Returns
        -------
        0-d array
            The batch's loss before the step, in the model's library. On a GPU it is not waited
            for, and therefore values (NaN, labels out of range) are not checked there.

        Raises
        ------
        DivergedError
            If the loss is NaN or infinite; the step is then not made. Not on a GPU.
        """
        engine, data = accept(self._config, self._engine, X, y, sample_weight, wait=False)
        if self.optimizer.whole_batch:
            raise ArgumentError(
                "L-BFGS needs all samples at once: use model.fit, or another optimizer for steps "
                "on single batches."
            )
        self._engine = engine
        return single_step(engine, data)

    # --- using --------------------------------------------------------------------------------

    @on_device
    def predict(self, X: Any, batch_size: int | None = None) -> Array:
        """The network's output for each sample.

        Parameters
        ----------
        X : array of shape (n, ...)
        batch_size : int, optional
            Samples at a time; by default at most 1024.

        Returns
        -------
        array of shape (n, ...)
            In the library of `X`. For a classifier these are logits: the class is their argmax.
        """
        known = None if self._engine is None else self._engine.programs.cached
        if known is not None and batch_size is None and known.takes(X):
            return known(X)
        size = self.chunk if batch_size is None else count("batch_size", batch_size)
        self._engine, data = accept_inputs(self._config, self._engine, X)
        return predict(self._engine, data, size, X, self._config.check_finite)

    @on_device
    def evaluate(
        self, X: Any, y: Any, *, sample_weight: Any = None, batch_size: int | None = None
    ) -> dict[str, float]:
        """Loss and metrics of the data, each averaged over the samples."""
        size = self.chunk if batch_size is None else count("batch_size", batch_size)
        self._engine, data = accept(self._config, self._engine, X, y, sample_weight)
        return evaluate(self._engine, data, size)

    @on_device
    def plan(self, X: Any, y: Any, sample_weight: Any = None) -> Plan:
        """The plan of one training step on a batch like this one; print it to read it.

        Raises
        ------
        GraphError
            If the backend has no functions with ``out=``, so that its steps are interpreted.
        """
        engine, data = accept(self._config, self._engine, X, y, sample_weight)
        program = engine.programs.get(BatchSpec.of("train", data.rows, data))
        if not isinstance(program, PlannedProgram):
            raise GraphError(
                f"steps on {engine.backend.name} are interpreted, so there is no plan; "
                "NumPy and CuPy have plans."
            )
        self._engine = engine
        return program.plan

    def summary(self) -> str:
        """The layers with their output shapes and numbers of parameters, as a table."""
        return summary(self.engine)

    # --- state --------------------------------------------------------------------------------

    @property
    def parameters(self) -> Mapping[str, Array]:
        """Each parameter by its dotted name.

        On NumPy and CuPy these are live views: ``model.parameters[name][...] = array`` changes the
        model. On other libraries they are the values of the moment. To set all, use
        `load_state_dict`.
        """
        return MappingProxyType(self.engine.views(self.engine.state.params))

    @property
    def gradients(self) -> Mapping[str, Array]:
        """The gradient of each trained parameter by its dotted name, of the last batch.

        Read them in `Callback.on_gradient`: the update overwrites them.
        """
        return MappingProxyType(self.engine.views(self.engine.state.gradient))

    @property
    @on_device
    def batch_loss(self) -> Array:
        """The loss of the last training batch before its step, a 0-d array; None before the first.

        Reading its value waits for a GPU.
        """
        engine = self._engine
        if engine is None or engine.state.results is None:
            return None
        return engine.backend.copy(engine.state.results[0, ...])

    @on_device
    def state_dict(self) -> dict[str, Array]:
        """Copies of the parameters by name, in the model's library."""
        backend = self.engine.backend
        return {name: backend.copy(view) for name, view in self.parameters.items()}

    @on_device
    def load_state_dict(self, state: Mapping[str, Any], only: Sequence[str] | None = None) -> None:
        """Set the parameters from arrays by name; the optimiser starts again.

        Parameters
        ----------
        state : mapping of str to array
            What `state_dict` returned, of this model or of one with the same layers.
        only : sequence of str, optional
            Names of layers (``"layers.0"``) or parameters: these alone are taken from `state`,
            the others stay. So a new head is put on trained layers.

        Raises
        ------
        ShapeError, DTypeError, DataError
            If names, shapes or types do not fit, or there are NaN or infinite numbers; the model
            is then unchanged.
        """
        if not isinstance(state, Mapping):
            raise ArgumentError(
                "load_state_dict expects a dict of arrays by name, as state_dict() returns it; got "
                f"{type(state).__name__}."
            )
        self.engine.load(state, None if only is None else check_names(only))

    @on_device
    def save(
        self,
        path: Any,
        *,
        optimizer_state: bool = False,
        preprocessing: dict[str, Any] | None = None,
    ) -> None:
        """Write the model into one safetensors file, from which `xpnet.load` makes it again.

        The file holds the parameters by their dotted names, and as JSON the network, the loss, the
        optimizer and the settings; ``docs/format.md`` describes it. It is written beside its place
        and then renamed, so that the old file or the new one is there whatever happens.

        Parameters
        ----------
        path : str or path
            A file that is there already is replaced.
        optimizer_state : bool, default False
            Whether the optimizer's vectors are kept too, so that training goes on from the file
            with the same bits; with Adam they are twice as large as the parameters.
        preprocessing : dict, optional
            What is to be done to data before the model sees them (means, scales, names of
            classes): text, finite numbers, lists and dicts. It comes back as
            ``model.preprocessing``, which is also the default.

        Raises
        ------
        ArgumentError
            If the shape of a sample is not known yet, or the model has a part that is not
            registered; see `xpnet.register`.
        DataError
            If a parameter is NaN or infinite.
        FormatError
            If the file cannot be written; what was there before is as it was.
        """
        kept = self.preprocessing if preprocessing is None else preprocessing
        save_model(self._config, self.engine, path, optimizer_state, kept)

    def freeze(self, *names: str) -> None:
        """Let these layers or parameters keep their values from now on.

        A frozen `BatchNorm` normalises by its running statistics, which then stay. The optimiser
        starts again, since its vectors cover the trained parameters alone.

        Parameters
        ----------
        *names : str
            Dotted names, such as ``"layers.0"`` or ``"layers.0.weight"``.

        Raises
        ------
        ArgumentError
            If none is named, there is no such layer or parameter (found when the model is built),
            or a fit runs.
        GraphError
            If nothing would be left to train.
        """
        if not names:
            raise ArgumentError(
                "freeze expects the names of layers or parameters, such as "
                "model.freeze('layers.0'); model.summary() shows those of the layers."
            )
        self._set_frozen((*self.frozen, *(n for n in check_names(names) if n not in self.frozen)))

    def unfreeze(self, *names: str) -> None:
        """Train these layers or parameters again, all of them if none is named.

        Raises
        ------
        ArgumentError
            If a name is not among `frozen`.
        """
        for name in check_names(names):
            if name not in self.frozen:
                raise ArgumentError(
                    f"{name!r} is not frozen; frozen: {', '.join(self.frozen) or 'nothing'}."
                )
        self._set_frozen(tuple(n for n in self.frozen if names and n not in names))

    @on_device
    def _set_frozen(self, names: tuple[str, ...]) -> None:
        self._refuse_while_fitting("layers cannot be frozen or unfrozen")
        config = replace(self._config, frozen=names)
        if self._engine is not None:
            self._engine = self._engine.retraced(Network.of(config, self.network.features))
        self._config = config

    @on_device
    def averaged(self) -> Self:
        """An independent model with the running average of the parameters.

        The optimizer keeps it when it is made with ``average_decay``, such as
        ``xpnet.Adam(average_decay=0.99)``; this model goes on unchanged. State, such as running
        means, is that of the moment.

        Raises
        ------
        ArgumentError
            If the optimizer keeps no average.
        """
        average, twin = self.engine.update.average(), deepcopy(self)
        engine = twin.engine
        rest = engine.state.params[engine.network.table.trainable :]
        engine.state.set_params(engine.backend, engine.backend.xp.concat([average, rest]))
        return twin

    @on_device
    def __deepcopy__(self, memo: Any) -> Self:
        """An independent model with the same parameters and optimizer state."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        optimizer = copy(self.optimizer)
        twin._config, twin._in_fit = replace(self._config, optimizer=optimizer), False
        if self._engine is not None:
            twin._engine = self._engine.copy(optimizer)
        return twin

    @on_device
    def __getstate__(self) -> dict[str, Any]:
        """Settings, parameters and the optimizer's state, on the host."""
        others = {name: value for name, value in vars(self).items() if name not in _OWN}
        return get_state(self._config, self._engine, others)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state["others"])
        self._config, self._engine = restored(state)
        self._in_fit = False

    def __repr__(self) -> str:
        config = self._config
        where = self.backend.name if self.backend else "backend open"
        if config.precision != "float32":
            where += f", precision={config.precision!r}"
        made = f"{config.net!r}, loss={config.loss.name!r}, {self.optimizer!r}"
        return f"{type(self).__name__}({made}, {where})"

    # --- names of the version before ----------------------------------------------------------

    @property
    def updater(self) -> Any:
        """Deprecated: see `engine`, whose ``state`` has ``slots`` and ``updates``."""
        warn(
            "model.updater goes with the next version: model.engine.state has the optimizer's "
            "vectors (slots) and its number of steps (updates).",
            DeprecationWarning,
            stacklevel=2,
        )
        return _Updater(self.engine)


class _Updater:
    """What `Model.updater` was."""

    def __init__(self, engine: Engine) -> None:
        self.slots, self.step = engine.state.slots, engine.state.updates
        self.average = engine.update.average


def _renamed(steps_per_graph: int) -> int:
    warn(
        "steps_per_graph is now steps_per_execution; the old name goes with the next version.",
        DeprecationWarning,
        stacklevel=4,
    )
    return count("steps_per_execution", steps_per_graph, 0)

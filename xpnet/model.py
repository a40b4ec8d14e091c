"""`Model`: a network with a loss and an optimizer, ready for training and use."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal, Self

from xpnet.arguments import count
from xpnet.backends import Backend, BackendLike
from xpnet.data.arrays import Data
from xpnet.data.batch_stream import BatchStream
from xpnet.data.block_order import Blocks
from xpnet.data.class_weight import with_class_weight
from xpnet.engine.batch_graph import BatchSpec
from xpnet.engine.batch_sizes import counted
from xpnet.engine.config import ModelConfig, check_names, check_sample_shape
from xpnet.engine.engine import Engine
from xpnet.engine.entry import (
    accept,
    accept_inputs,
    accept_validation,
    backend_for,
    engine_for,
)
from xpnet.engine.function import NetworkFunction
from xpnet.engine.network import Network
from xpnet.engine.on_device import on_device
from xpnet.engine.prediction import predict
from xpnet.engine.stream_batches import StreamData
from xpnet.engine.summary import summary
from xpnet.errors import ArgumentError, GraphError, in_brief
from xpnet.graph import Plan
from xpnet.locks import OUTER, reentrant
from xpnet.nn import LayerLike, LossLike, MetricLike
from xpnet.optim import Optimizer, OptimizerLike, get_optimizer
from xpnet.parallel.distributed import DistributedLike
from xpnet.parallel.member import member
from xpnet.saving.fit_state import resumed
from xpnet.saving.fit_together import check_shards, described, first_data
from xpnet.saving.model_file import save_model
from xpnet.saving.pickling import get_state, restored
from xpnet.saving.snapshots import Snapshot, read_snapshot
from xpnet.training.advice import advise
from xpnet.training.callbacks.callback import CallbackLike
from xpnet.training.evaluation import evaluate
from xpnet.training.fit import FitSettings, make_loop
from xpnet.training.history import History
from xpnet.training.interrupts import passed_on
from xpnet.training.loop import FitLoop, Resume
from xpnet.training.single_step import SingleStep
from xpnet.typing import (
    Array,
    ArrayLike,
    ClassWeight,
    DTypeLike,
    DTypeName,
    FilePath,
    Precision,
    Shape,
    ValidationData,
)
from xpnet.warn import warn_user

__all__ = ["Model"]

_ADOPTING = reentrant(OUTER)  # for all models, so that copies and pickles hold none
_OWN = ("_config", "_engine", "_in_fit")  # made again from what a pickle holds


class Model:
    """A network, a loss and an optimizer.

    Parameters
    ----------
    net : callable
        A layer such as `Sequential`, or any function of one symbolic value that is composed of
        layers and ops.
    loss : str, Loss or callable, default "softmax_cross_entropy"
        A name, such as ``"softmax_cross_entropy"`` (labels 0 .. k-1, one-hot or soft labels),
        ``"binary_cross_entropy_with_logits"`` or ``"mse"``; what a function of `xpnet.losses`
        returns, such as ``xpnet.losses.huber(delta=2)``; or a function ``f(output, target)`` of
        symbolic values that returns one value per sample, or one number.
    optimizer : str or Optimizer, default "adam"
    metrics : sequence of str, Loss or callable, optional
        ``"accuracy"``, ``"top_5_accuracy"``, ``"r2"``, names of losses, or functions like a loss.
        By default accuracy for the classification losses.
    backend : None, {"numpy", "cupy", "torch", "jax", "auto"} or namespace
        Where to compute; a device may follow after a colon: ``"cupy:1"``, ``"torch:mps"``,
        ``"jax:gpu:0"``. None follows the first arrays that the model receives: their library and
        their device.
    dtype : {"float32", "float64"}
    seed : int, default 0
        Initial weights and shuffles; the same seed gives the same bits on every backend.
    input_shape : int or tuple of int, optional
        Shape of one sample; needed to build the model before it receives data.
    check_finite : bool, default True
        Whether to refuse data with NaN or infinity.
    frozen : sequence of str, optional
        Dotted names of layers or parameters that keep their values; see `freeze`.
    precision : {"float32", "tf32", "bfloat16", "float16"}, default "float32"
        How the operands of matrix products are rounded on a GPU with tensor cores; sums,
        parameters and everything else stay float32. ``"float32"`` does not round. ``"float16"``
        multiplies the loss by a scale, and a step whose gradients overflow changes nothing. All
        others need ``backend="cupy"`` and nvmath-python, which the GPU extras install.

    Attributes
    ----------
    preprocessing : dict or None
        How to prepare data for the model, as saved with it; see `save`.

    Raises
    ------
    UnknownNameError, ArgumentError, DTypeError, BackendUnavailableError
        For settings that cannot be used.

    Examples
    --------
    >>> import xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> net = xn.Sequential(xn.Dense(64), xn.ReLU(), xn.Dense(10))
    >>> model = xn.Model(net, optimizer=xn.Adam(0.005))
    >>> history = model.fit(X, y, epochs=30)
    >>> model.evaluate(X_test, y_test)["accuracy"] > 0.9
    True
    """

    chunk = 1024  # samples at a time where no batch size is given: few enough to stay in cache

    def __init__(
        self,
        net: LayerLike,
        loss: LossLike = "softmax_cross_entropy",
        optimizer: OptimizerLike = "adam",
        *,
        metrics: Sequence[MetricLike] | None = None,
        backend: BackendLike | None = None,
        dtype: DTypeLike = "float32",
        seed: int = 0,
        input_shape: int | Shape | None = None,
        check_finite: bool = True,
        frozen: Sequence[str] = (),
        precision: Precision = "float32",
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
        self._in_fit: FitLoop | None = None
        self.preprocessing: dict[str, Any] | None = None

    @classmethod
    def _of(
        cls, config: ModelConfig, engine: Engine | None, preprocessing: dict[str, Any] | None
    ) -> Self:
        """A model from its parts."""
        model = object.__new__(cls)
        model._config, model._engine, model._in_fit = config, engine, None
        model.preprocessing = preprocessing
        return model

    # --- what it is ---------------------------------------------------------------------------

    @property
    def config(self) -> ModelConfig:
        """The settings that the model was made with."""
        return self._config

    @property
    def built(self) -> bool:
        """Whether the parameters exist."""
        return self._engine is not None

    @property
    def backend(self) -> Backend | None:
        """Where the model computes; None until this is decided."""
        return self._config.backend if self._engine is None else self._engine.backend

    @property
    def dtype(self) -> DTypeName:
        """Type of the parameters: ``"float32"`` or ``"float64"``."""
        return self._config.dtype

    @property
    def precision(self) -> Precision:
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
        """Number of epochs trained so far, which schedules and shuffles depend on; assignable."""
        return 0 if self._engine is None else self._engine.state.epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self.engine.state.epoch = count("epoch", value, 0)

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; a newly assigned one starts with empty state."""
        return self._config.optimizer

    @optimizer.setter
    def optimizer(self, value: OptimizerLike) -> None:
        optimizer = get_optimizer(value)
        if optimizer.whole_batch:
            self._refuse_while_fitting("L-BFGS cannot take over")
        self._exchange(optimizer)

    @on_device
    def _exchange(self, optimizer: Optimizer) -> None:
        with _ADOPTING:
            if self._engine is not None:
                self._engine.set_optimizer(optimizer)
            self._config = replace(self._config, optimizer=optimizer)

    # --- building -----------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The network on its device and its training state; built first if the shape is known."""
        if self._engine is None:
            self.build()
        assert self._engine is not None
        return self._engine

    @property
    def network(self) -> Network:
        """The traced network: its graph, its shapes and the names of its parameters."""
        return self.engine.network

    @on_device
    def build(self, input_shape: int | Shape | None = None) -> Self:
        """Create the parameters for samples of this shape; the first data do so too.

        Raises
        ------
        ArgumentError
            If the shape is not known.
        ShapeError
            If the model was made or built for another shape.
        """
        config, engine = self._config, self._engine
        known = config.input_shape if engine is None else engine.network.features
        shape = check_sample_shape(input_shape) or known
        if shape is None:
            raise ArgumentError(
                "the shape of one sample is not known yet: train first, or call "
                "model.build((n_features,))."
            )
        self._adopt(engine_for(config, engine, backend_for(config, engine), shape))
        return self

    @on_device
    def initialize(self, X: ArrayLike) -> Self:
        """Set the initial values that depend on data, those of `init.unit_variance` and the like.

        The network is run once for at most 4,096 random rows of the samples, layer by layer, as in
        the first training step. `fit` and `train_on_batch` do so with their first data, so this is
        needed only to choose other data, or to look at the values. It does nothing if no initial
        values wait for data. The same seed gives the same values on every backend.

        Parameters
        ----------
        X : array of shape (n, ...)
            Samples.

        Raises
        ------
        DataError, ShapeError, DTypeError
            If data cannot be used; raised before anything changes.
        """
        self._refuse_while_fitting("initial values cannot be set")
        engine, data = accept_inputs(self._config, self._engine, X)
        self._adopt(engine).initialize(data)
        return self

    def _adopt(self, engine: Engine) -> Engine:
        """The model's engine: this one, unless another thread gave it one since data were accepted.

        Raises `ArgumentError` if those data do not fit the model as it is now.
        """
        with _ADOPTING:
            own, config = self._engine, self._config
            if own is None and engine.made_for(config):
                own = self._engine = engine
        if own is None or not own.like(engine):
            raise ArgumentError("another thread built or changed this model meanwhile: call again.")
        return own

    def _begin(self, loop: FitLoop, data: Data) -> None:
        """Adopt the engine of a fit to these data; refuse what would replace it until the end."""
        with _ADOPTING:
            self._refuse_while_fitting("a second fit cannot begin")
            if self._adopt(loop.engine) is not loop.engine:
                raise ArgumentError("another thread built this model meanwhile: call fit again.")
            self._in_fit = loop
        loop.engine.initialize(data)

    def _refuse_while_fitting(self, what: str) -> None:
        if self._in_fit is not None and self._in_fit.alive:
            raise ArgumentError(
                f"{what} while a fit of this model runs: return True from the callback to end the "
                "fit, and do it afterwards."
            )

    # --- training -----------------------------------------------------------------------------

    @on_device
    def fit(
        self,
        X: ArrayLike | BatchStream,
        y: ArrayLike | None = None,
        *,
        epochs: int = 10,
        batch_size: int = 128,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
        validation_data: ValidationData | BatchStream | None = None,
        callbacks: Sequence[CallbackLike] | None = None,
        verbose: bool | Literal["auto"] = "auto",
        shuffle: bool | Blocks | Callable[[int], ArrayLike] = True,
        resume_from: FilePath | Snapshot | None = None,
        accumulate: int = 1,
        steps_per_execution: int | None = None,
        threads: int | None = None,
        distributed: DistributedLike = False,
        steps_per_graph: int | None = None,
    ) -> History:
        """Train on the data for some epochs; a second call continues from the first.

        Parameters
        ----------
        X : array of shape (n, ...), sparse matrix of SciPy, Source or BatchStream
            Samples. Sparse ones stay sparse; the network must then begin with a `Dense` layer, and
            compute with NumPy. A source, which `xpnet.data.open` makes, is read a part at a time.
            So are arrays of h5py, zarr and dask, and memory maps of another type than the model's,
            from 32 MB on. What `xpnet.data.batches` returns takes the place of `X` and `y`.
        y : array of shape (n,) or (n, k), or Source
            Targets, as the loss takes them.
        epochs, batch_size : int, defaults 10 and 128
            At least 1. The last batch may be smaller. A batch size larger than n takes all samples.
        sample_weight : array of shape (n,), optional
            Numbers >= 0. Each batch's loss is the mean weighted by them.
        class_weight : "balanced", dict or sequence of float, optional
            A factor for the weights of each class's samples. Classes that a dict omits have the
            factor 1; ``"balanced"`` is n / (classes * samples of the class). It does not affect
            validation.
        validation_data : (X, y), (X, y, sample_weight) or BatchStream, optional
            Loss and metrics are measured on these data after every epoch.
        callbacks : sequence of Callback or function, optional
        verbose : bool or "auto"
            A progress bar; ``"auto"`` shows it on a terminal.
        shuffle : bool, Blocks or callable, default True
            Whether each epoch takes the samples in a new order. `xpnet.data.Blocks` mixes rows
            within parts of the data, which can be read at once. Data that are not in memory are
            shuffled in blocks of a suitable size, which the logger ``xpnet`` names. A function
            receives the number of samples at the beginning of each epoch and returns their order,
            an array that contains every row's number once.
        resume_from : path, optional
            A file that `Checkpoint` wrote, or a folder of them, from which the newest is taken.
            The interrupted fit continues, up to `epochs` counted from its own beginning, with the
            same bits as if it had never stopped. The data and the settings must be the same. If
            the folder has no checkpoint, training starts from the beginning.
        accumulate : int, default 1
            Number of batches in a step. Their gradients are summed before the update, so a step
            equals a step on one batch of ``accumulate * batch_size`` samples, to rounding and
            with weights and penalties, but needs the memory of `batch_size` samples. There are
            three exceptions: `BatchNorm` normalizes each small batch by itself, dropout and noise
            are drawn anew for each, and a custom loss that returns one number is averaged by the
            number of rows.
        steps_per_execution : int, optional
            On a CPU with the extra ``fast``: the most steps that the compiled program runs in one
            call from Python. By default, as many as fit into about 5 ms; 1 runs each step by
            itself. With JAX: the most steps in one call of the compiled loop, by default as many
            as fit into about 0.5 s on a CPU, and 256 elsewhere. With CuPy on a GPU: the number of
            steps that are launched together as one CUDA graph; 0 launches every operation by
            itself. By default, 32 if the steps are small, else 1. The results have the same bits.
            If steps cannot be combined like this (a callback reads every step, the data do not fit
            on the device, nvmath-python is missing, ...), each step runs by itself, and a value
            above 1 is an error. On a GPU every operation is then launched by itself, and the
            logger ``xpnet`` says why.
        threads : int, optional
            With the extra ``fast``, the most threads that share a step, from 1 to 64. The default
            is ``XPNET_NUM_THREADS``, or else the number of cores that this process may use, or
            fewer if NumPy's BLAS is limited to fewer threads. Threads share a step only if each
            gets at least 16 rows and about 100 us of work. The same number gives the same bits.
            Without ``fast``, and on a GPU, it changes nothing.
        distributed : bool or Distributed, default False
            Whether the processes that MPI has started train this model together, and how; see
            `Distributed`. Every process calls `fit` with the same settings, and `batch_size` is
            that of all of them together. With one process, it changes nothing. The extra ``mpi``
            is needed.

        Returns
        -------
        History
            One row for each epoch. SIGINT (Ctrl-C) ends the fit after the current step;
            `History.interrupted` then names it. SIGTERM ends the fit in the same way, with its
            checkpoint, and then has its usual effect: the process ends. A second signal stops at
            once. A handler of your own, and a fit in another thread, are left alone.

        Raises
        ------
        DataError, ShapeError, DTypeError, ArgumentError
            If data or settings cannot be used; raised before anything changes. Of data that are
            not in memory, the first rows are checked before; bad rows that come later end the fit,
            and the message names them.
        DivergedError
            If the loss becomes NaN or infinite; the last good parameters are restored.
        DeviceMemoryError
            If the GPU has too little memory; the message says what to change.
        DistributedError
            If another process cannot use its data or settings. After training has begun, an error
            of one process alone ends all processes.

        Warns
        -----
        TrainingWarning
            After a model's first fit, if the loss was still clearly falling at its end, or if
            columns of `X` or the values of a regression target are far from the scale of 1. The
            message names the remedy. A fit of fewer than 3 epochs, and one that continues
            another, says nothing.
        """
        if steps_per_graph is not None:
            steps_per_execution = _renamed(steps_per_graph)
        with member(distributed) as own:
            settings = FitSettings.of(
                epochs=epochs,
                batch_size=batch_size,
                accumulate=accumulate,
                steps_per_execution=steps_per_execution,
                threads=threads,
                shuffle=shuffle,
                callbacks=callbacks,
                verbose=verbose,
                member=own,
            )
            given = X, y, sample_weight, class_weight
            loop, data, start = self._made_loop(given, validation_data, settings, resume_from)
            with passed_on():
                try:
                    self._begin(loop, data)
                    history = loop.run(*start)
                finally:  # no function is called, so no signal comes in between
                    if self._in_fit is loop:
                        self._in_fit = None
            advise(loop.context, data)
            return history

    def _made_loop(
        self,
        given: tuple[Any, Any, ArrayLike | None, ClassWeight | None],
        validation_data: ValidationData | BatchStream | None,
        settings: FitSettings,
        resume_from: FilePath | Snapshot | None,
    ) -> tuple[FitLoop, Data, tuple[Snapshot | None, Resume | None]]:
        """The loop of a fit, its data, and what it resumes; all that is given is checked."""
        own = settings.member
        engine, data = _accepted(self._config, self._engine, *given)
        validation = accept_validation(self._config, engine, validation_data)
        snapshot = None
        if resume_from is not None and (own is None or own.agreement.leads):
            snapshot = read_snapshot(resume_from)
        if own is not None:
            check_shards(own, given[3])
            resumes = resume_from is not None
            own.agree({"resume_from is given": resumes, **settings.described()})
            snapshot = own.exchange(snapshot)[0] if resumes else None
        loop = make_loop(self, engine, data, validation, self.chunk, settings, snapshot)
        resume = None if snapshot is None else resumed(engine, loop.context, snapshot)
        if own is not None:
            own.agree(described(engine, loop.context))
            data = first_data(own, engine, data)
            own.begin()
        return loop, data, (snapshot, resume)

    @on_device
    def train_on_batch(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Array:
        """Make one step on one batch (not with `LBFGS`, which needs all samples at once).

        Schedules follow `epoch`, which only `fit` advances; your own loop may assign it.

        Returns
        -------
        0-d array
            The batch's loss before the step, in the model's library. On a GPU the call does not
            wait for it, so values (NaN, labels out of range) are not checked there.

        Raises
        ------
        DivergedError
            If the loss is NaN or infinite; the step is not made then. Not raised on a GPU.
        """
        known = None if self._engine is None else self._engine.programs.cached_step
        if known is not None and sample_weight is None and known.takes(X, y):
            return known(X, y)
        engine, data = accept(self._config, self._engine, X, y, sample_weight, wait=False)
        _refuse_stored("train_on_batch", data)
        if self.optimizer.whole_batch:
            raise ArgumentError(
                "L-BFGS needs all samples at once: use model.fit, or another optimizer for steps "
                "on single batches."
            )
        given = (X, y) if sample_weight is None else ()
        step = SingleStep(self._config, engine, data, given)  # compiled, or nothing changes
        if self._adopt(engine) is not engine:
            step = SingleStep(self._config, self.engine, data, given)
        self.engine.initialize(data)
        state = self.engine.state
        state.sizes = counted(state.sizes, [data.rows])
        if step.quick:
            self.engine.programs.cached_step = step
        return step(*data.arrays)

    # --- using --------------------------------------------------------------------------------

    @on_device
    def predict(self, X: ArrayLike | BatchStream, batch_size: int | None = None) -> Array:
        """The network's output for each sample.

        Parameters
        ----------
        X : array of shape (n, ...), Source or BatchStream
        batch_size : int, optional
            Samples at a time; by default at most 1024.

        Returns
        -------
        array of shape (n, ...)
            In the library of `X`, or NumPy's if that is not in memory. For a classifier these are
            logits: the class is their argmax.
        """
        known = None if self._engine is None else self._engine.programs.cached_prediction
        if known is not None and batch_size is None and known.takes(X):
            return known(X)
        size = self.chunk if batch_size is None else count("batch_size", batch_size)
        engine, data = accept_inputs(self._config, self._engine, X)
        return predict(self._adopt(engine), data, size, X, self._config.check_finite)

    @on_device
    def evaluate(
        self,
        X: ArrayLike | BatchStream,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        batch_size: int | None = None,
    ) -> dict[str, float]:
        """Loss and metrics of the data, each averaged over the samples; `X` and `y` as in `fit`.

        A `TrainingWarning` says how many outputs are not finite, if they make the loss NaN.
        """
        size = self.chunk if batch_size is None else count("batch_size", batch_size)
        engine, data = accept(self._config, self._engine, X, y, sample_weight)
        return evaluate(self._adopt(engine), data, size)

    @on_device
    def plan(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Plan:
        """The plan of one training step on a batch like this one; print it to read it.

        Raises
        ------
        GraphError
            If the backend has no functions with ``out=``, so that its steps are interpreted.
        """
        engine, data = accept(self._config, self._engine, X, y, sample_weight)
        _refuse_stored("plan", data)
        program = engine.programs.get(BatchSpec.of("train", data.rows, data))
        plan: Plan | None = getattr(program, "plan", None)
        if plan is None:
            how = "compiled as one function" if engine.backend.traced else "interpreted"
            raise GraphError(
                f"steps on {engine.backend.name} are {how}, so there is no plan; "
                "NumPy and CuPy have plans."
            )
        self._adopt(engine)
        return plan

    def function(self) -> NetworkFunction:
        """The network as a plain function ``f(parameters, x)`` for a library's own transformations.

        It computes predictions by the ops' definitions, in the library of `x`, which may be traced:
        ``jax.grad``, ``jax.vmap`` and ``jax.jit`` accept the function, and PyTorch's autograd
        differentiates it. Layers behave as in predictions. `x` has one row per sample, or is one
        sample. Keep the function to keep what was traced for it.

        Returns
        -------
        callable
            ``f(parameters, x)``, with `parameters` as in `state_dict`. It raises `ShapeError` if
            names or shapes are not the network's.

        Examples
        --------
        >>> import numpy as np, xpnet as xn
        >>> model = xn.MLP([2, 3, 1]).build()
        >>> f, x = model.function(), np.ones((4, 2), "float32")
        >>> bool(np.allclose(f(model.state_dict(), x), model.predict(x)))
        True

        With JAX: ``jax.grad(lambda p: jax.numpy.mean((f(p, x) - y) ** 2))(model.state_dict())``.
        """
        return NetworkFunction(self.network)

    def summary(self) -> str:
        """A table of the layers, their output shapes and their numbers of parameters."""
        return summary(self.engine)

    # --- state --------------------------------------------------------------------------------

    @property
    def parameters(self) -> Mapping[str, Array]:
        """Each parameter by its dotted name.

        On NumPy, CuPy and PyTorch these are live views: ``model.parameters[name][...] = array``
        changes the model. In other libraries they are the current values. To set all, use
        `load_state_dict`. While another thread trains the model, a view changes as you read it:
        use `state_dict`, which copies between two steps.
        """
        return MappingProxyType(self.engine.parameters())

    @property
    def gradients(self) -> Mapping[str, Array]:
        """The gradient of each trained parameter by its dotted name, of the last batch.

        Read them in `Callback.on_gradient`: the update overwrites them.
        """
        return MappingProxyType(self.engine.gradients())

    @property
    @on_device
    def batch_loss(self) -> Array:
        """The loss of the last training batch before its step, a 0-d array; None before the first.

        Reading its value waits for a GPU.
        """
        engine = self._engine
        if engine is None or engine.state.results is None:
            return None
        return engine.backend.element(engine.state.results, 0)

    @on_device
    def state_dict(self) -> dict[str, Array]:
        """Copies of the parameters by name, in the model's library."""
        engine = self.engine
        with engine.programs.lock:  # between two steps
            return {n: engine.backend.copy(view) for n, view in engine.parameters().items()}

    @on_device
    def load_state_dict(
        self, state: Mapping[str, ArrayLike], only: Sequence[str] | None = None
    ) -> None:
        """Set the parameters from arrays by name; the optimizer starts again.

        Parameters
        ----------
        state : mapping of str to array
            What `state_dict` returned, of this model or of one with the same layers.
        only : sequence of str, optional
            Names of layers (``"layers.0"``) or parameters. Only these are taken from `state`; the
            others stay. This puts a new head on trained layers.

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
        path: FilePath,
        *,
        optimizer_state: bool = False,
        preprocessing: dict[str, Any] | None = None,
    ) -> None:
        """Write the model to one safetensors file, from which `xpnet.load` rebuilds it.

        The file holds the parameters by their dotted names, and as JSON the network, the loss, the
        optimizer and the settings; ``docs/format.md`` describes it. It is written under another
        name and then renamed, so whatever happens, the old file or the new one is there.

        Parameters
        ----------
        path : str or path
            An existing file is replaced.
        optimizer_state : bool, default False
            Whether to save the optimizer's vectors too, so that training continues from the file
            with the same bits; with Adam they are twice as large as the parameters.
        preprocessing : dict, optional
            How to prepare data for the model (means, scales, names of classes): strings, finite
            numbers, lists and dicts. After loading it is ``model.preprocessing``, which is also
            the default.

        Raises
        ------
        ArgumentError
            If the shape of a sample is not known yet, or the model has a part that is not
            registered; see `xpnet.register`.
        DataError
            If a parameter is NaN or infinite.
        FormatError
            If the file cannot be written; an existing file is then unchanged.
        """
        kept = self.preprocessing if preprocessing is None else preprocessing
        save_model(self._config, self.engine, path, optimizer_state, kept)

    def freeze(self, *names: str) -> None:
        """Stop training these layers or parameters: they keep their values.

        A frozen `BatchNorm` normalizes by its running statistics, which then stay the same. The
        optimizer starts again, because its vectors cover only the trained parameters.

        Parameters
        ----------
        *names : str
            Dotted names, such as ``"layers.0"`` or ``"layers.0.weight"``.

        Raises
        ------
        ArgumentError
            If no name is given, there is no such layer or parameter (found when the model is
            built), or a fit runs.
        GraphError
            If nothing is left to train.
        """
        if not names:
            raise ArgumentError(
                "freeze expects the names of layers or parameters, such as "
                "model.freeze('layers.0'); model.summary() shows those of the layers."
            )
        self._set_frozen((*self.frozen, *(n for n in check_names(names) if n not in self.frozen)))

    def unfreeze(self, *names: str) -> None:
        """Train these layers or parameters again; without names, all that are frozen.

        Raises
        ------
        ArgumentError
            If a name is not among `frozen`.
        """
        for name in check_names(names):
            if name not in self.frozen:
                raise ArgumentError(
                    f"{in_brief(name)} is not frozen; frozen: "
                    f"{', '.join(self.frozen) or 'nothing'}."
                )
        self._set_frozen(tuple(n for n in self.frozen if names and n not in names))

    @on_device
    def _set_frozen(self, names: tuple[str, ...]) -> None:
        with _ADOPTING:
            self._refuse_while_fitting("layers cannot be frozen or unfrozen")
            config = replace(self._config, frozen=names)
            if self._engine is not None:
                self._engine = self._engine.retraced(Network.of(config, self.network.features))
            self._config = config

    @on_device
    def averaged(self) -> Self:
        """An independent model with the running average of the parameters.

        The optimizer keeps it when it is made with ``average_decay``, such as
        ``xpnet.Adam(average_decay=0.99)``; this model does not change. State, such as running
        means, has its current values.

        Raises
        ------
        ArgumentError
            If the optimizer keeps no average.
        """
        with self.engine.programs.lock:
            average, twin = self.engine.update.average(), deepcopy(self)
        engine = twin.engine
        rest = engine.state.params[engine.network.table.trainable :]
        engine.state.set_params(engine.backend, engine.backend.xp.concat([average, rest]))
        return twin

    @on_device
    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """An independent model with the same parameters and optimizer state."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        optimizer = copy(self.optimizer)
        twin._config, twin._in_fit = replace(self._config, optimizer=optimizer), None
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
        self._in_fit = None

    def __repr__(self) -> str:
        config = self._config
        where = self.backend.name if self.backend else "backend open"
        if config.precision != "float32":
            where += f", precision={config.precision!r}"
        made = f"{config.net!r}, loss={config.loss.name!r}, {self.optimizer!r}"
        return f"{type(self).__name__}({made}, {where})"

    # --- deprecated names ---------------------------------------------------------------------

    @property
    def updater(self) -> Any:
        """Deprecated: use ``engine.state``, which has ``slots`` and ``updates``."""
        warn_user(
            "model.updater is now model.engine.state, which has the optimizer's vectors (slots) "
            "and its number of steps (updates); the next version removes the old name.",
            DeprecationWarning,
        )
        return _Updater(self.engine)


class _Updater:
    """The former `Model.updater`."""

    def __init__(self, engine: Engine) -> None:
        self.slots, self.step = engine.state.slots, engine.state.updates
        self.average = engine.update.average


def _accepted(
    config: ModelConfig,
    engine: Engine | None,
    X: ArrayLike | BatchStream,
    y: ArrayLike | None,
    sample_weight: ArrayLike | None,
    class_weight: ClassWeight | None,
) -> tuple[Engine, Data]:
    """The data of a fit, weighted, and the engine that takes them."""
    own, data = accept(config, engine, X, y, sample_weight)
    network = own.network
    if class_weight is not None and isinstance(X, BatchStream):
        raise ArgumentError(
            "class_weight needs all targets at once: return weights with the batches instead, "
            "(X, y, weight)."
        )
    return own, with_class_weight(network.loss, network.output_shape, data, class_weight)


def _refuse_stored(what: str, data: Data) -> None:
    if data.stored or isinstance(data, StreamData):
        raise ArgumentError(f"{what} expects one batch in memory, such as source[0:128].")


def _renamed(steps_per_graph: int) -> int:
    warn_user(
        "steps_per_graph is now steps_per_execution; the next version removes the old name.",
        DeprecationWarning,
    )
    return count("steps_per_execution", steps_per_graph, 0)

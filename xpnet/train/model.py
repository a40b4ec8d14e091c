"""`Model`: a network with a loss and an optimiser, ready to be trained and used."""

from collections.abc import Mapping, Sequence
from typing import Any

from xpnet.arguments import count
from xpnet.backends import Backend, resolve
from xpnet.backends.base import check_float
from xpnet.errors import ArgumentError, DataError, GraphError, ShapeError
from xpnet.graph import Plan
from xpnet.nn import LayerLike, get_loss, get_metric
from xpnet.optim import Optimizer, get_optimizer
from xpnet.train.callbacks import Callbacks
from xpnet.train.data import check_features, check_target, check_weights, result_like
from xpnet.train.history import History
from xpnet.train.loop import Data, measure, run_epochs
from xpnet.train.network import Network, PlannedProgram, Spec
from xpnet.train.summary import summary
from xpnet.train.updater import Updater
from xpnet.typing import Shape

__all__ = ["Model"]


def _sample_shape(shape: Any) -> Shape | None:
    """One sample's shape from a number of features, a shape or None."""
    if shape is None:
        return None
    lengths = shape if isinstance(shape, tuple | list) else (shape,)
    return tuple(count("input_shape", n) for n in lengths)


class Model:
    """A network, a loss and an optimiser.

    Parameters
    ----------
    net : callable
        A layer such as `Sequential`, or any function of one symbolic value made of layers and
        ops.
    loss : str or callable, default "softmax_cross_entropy"
        ``"softmax_cross_entropy"`` (labels 0 .. k-1, one-hot or soft labels),
        ``"binary_cross_entropy_with_logits"``, ``"mean_squared_error"``, or a function
        ``f(output, target)`` of symbolic values that returns one value a sample, or one number.
    optimizer : str or Optimizer, default "adam"
    metrics : sequence of str or callable, optional
        ``"accuracy"``, ``"mean_squared_error"`` or functions like a loss. By default accuracy
        for the classification losses.
    backend : None, {"numpy", "cupy", "auto"} or namespace
        Where to compute. None follows the arrays that are given first.
    dtype : {"float32", "float64"}
    seed : int, default 0
        Initial weights and shuffles; the same seed gives the same bits on every backend.
    input_shape : int or tuple of int, optional
        Shape of one sample, if the model is to be built before it sees data.
    check_finite : bool, default True
        Whether data with NaN or infinity are refused.

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
    """

    chunk = 4096  # samples at a time where no batch size is given

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
    ) -> None:
        if isinstance(net, type) or not callable(net):
            raise ArgumentError(f"net must be a layer or a function, got {net!r}.")
        self.net, self.loss, self.optimizer = net, get_loss(loss), get_optimizer(optimizer)
        wanted = self.loss.metrics if metrics is None else metrics
        self.metrics = dict(get_metric(m, self.loss) for m in wanted)
        self.dtype, self.check_finite = check_float(dtype), check_finite
        self.seed = count("seed", seed, 0, 2**32)
        self.epoch = 0
        self._wanted_backend = None if backend is None else resolve(backend)
        self._network: Network | None = None
        self._good: tuple[str, Any] | None = None
        self._input_shape = _sample_shape(input_shape)

    # --- building -----------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the parameters exist."""
        return self._network is not None

    def build(self, input_shape: int | Shape | None = None) -> "Model":
        """Create the parameters for samples of this shape; data do so by themselves."""
        shape = _sample_shape(input_shape) or self._input_shape
        if shape is None:
            raise ArgumentError(
                "the shape of one sample is not known yet: train first, or call "
                "model.build((n_features,))."
            )
        self._ensure(resolve(self._wanted_backend), shape)
        return self

    def _ensure(self, backend: Backend, features: Shape) -> Network:
        """The network for samples of this shape, built if it is not there yet."""
        if self._network is None:
            if self._input_shape not in (None, features):
                raise ShapeError(
                    f"the model was made for samples of shape {self._input_shape}, got {features}."
                )
            network = Network(
                self.net, self.loss, self.metrics, backend, self.dtype, self.seed, features
            )
            if not network.table.specs:
                raise GraphError("the network has no parameters, so there is nothing to train.")
            self.updater = Updater(network, self.optimizer)
            self._network = network
        return self._network

    @property
    def network(self) -> Network:
        """The built network; raises `ArgumentError` before that."""
        if self._network is None:
            self.build()
        assert self._network is not None
        return self._network

    @property
    def backend(self) -> Backend | None:
        """Where the model computes; None while it is open."""
        return self._wanted_backend if self._network is None else self._network.backend

    # --- data at the door ---------------------------------------------------------------------

    def _backend_for(self, *arrays: Any) -> Backend:
        found = resolve(self._wanted_backend, *arrays)
        if self._network is None or found.name == self._network.backend.name:
            return found
        if all(a is None or isinstance(a, list | tuple) for a in arrays):
            return self._network.backend
        raise DataError(
            f"this model's parameters live in {self._network.backend.name}, the data in "
            f"{found.name}: convert the data, or make the model with "
            f"backend={self._network.backend.name!r} to have it done."
        )

    def _features(self, X: Any, *others: Any) -> Any:
        """X, checked, with the network built for it."""
        backend = self._backend_for(X, *others)
        known = self._network.features if self._network else self._input_shape
        x = check_features(X, backend, self.dtype, known, self.check_finite)
        self._ensure(backend, tuple(x.shape[1:]))
        return x

    def _data(self, X: Any, y: Any, w: Any = None, values: bool = True) -> Data:
        """Inputs, targets and weights, checked."""
        x = self._features(X, y, w)
        network, rows = self.network, x.shape[0]
        t = check_target(
            y,
            rows,
            network.output_shape[1:],
            self.loss,
            network.backend,
            self.dtype,
            self.check_finite and values,
            values,
        )
        return Data(x, t, check_weights(w, rows, network.backend, self.dtype, values))

    # --- training and use ---------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 10,
        batch_size: int = 128,
        sample_weight: Any = None,
        validation_data: tuple[Any, ...] | None = None,
        callbacks: Sequence[Any] | None = None,
        verbose: Any = "auto",
        shuffle: bool = True,
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
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after every epoch.
        callbacks : sequence of Callback or function, optional
        verbose : bool or "auto"
            A progress bar; ``"auto"`` shows it on a terminal.
        shuffle : bool, default True
            Whether each epoch takes the samples in a new order.

        Returns
        -------
        History

        Raises
        ------
        DataError, ShapeError, DTypeError, ArgumentError
            Before anything changes, for data or settings that cannot be used.
        DivergedError
            If the loss becomes NaN or infinite; the last good parameters are put back.
        """
        count("epochs", epochs)
        count("batch_size", batch_size)
        listeners = Callbacks(callbacks)
        data = self._data(X, y, sample_weight)
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
                raise ArgumentError("validation_data must be (X, y) or (X, y, sample_weight).")
            validation = self._data(*validation_data)
        return run_epochs(
            self,
            data,
            epochs=epochs,
            batch_size=batch_size,
            validation=validation,
            callbacks=listeners,
            verbose=verbose,
            shuffle=shuffle,
        )

    def train_on_batch(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Make one step on one batch.

        Returns
        -------
        0-d array
            The batch's loss before the step, in the model's library. On a GPU it is not waited
            for, and therefore values (NaN, labels out of range) are not checked there.
        """
        known = self.backend
        data = self._data(X, y, sample_weight, known is None or known.synchronous)
        network = self.network
        program = network.program(data.spec("train", data.rows))
        with network.backend.quiet():
            program.load(data.arrays, slice(None))
            program.run()
            loss = network.backend.copy(program.results[0:1])
            self.updater.apply(self.optimizer.learning_rate(self.epoch))
        return network.backend.xp.reshape(loss, ())

    def predict(self, X: Any, batch_size: int | None = None) -> Any:
        """The network's output for each sample.

        Parameters
        ----------
        X : array of shape (n, ...)
        batch_size : int, optional
            Samples at a time; by default at most 4096.

        Returns
        -------
        array of shape (n, ...)
            In the library of `X`. For a classifier these are logits: the class is their argmax.
        """
        x = self._features(X)
        network, rows = self.network, x.shape[0]
        size = self.chunk if batch_size is None else count("batch_size", batch_size)
        parts = []
        for start in range(0, rows, size):
            part = slice(start, min(start + size, rows))
            program = network.program(Spec("predict", part.stop - part.start))
            program.load([x], part)
            with network.backend.quiet():
                program.run()
            parts.append(network.backend.copy(program.output()))
        result = parts[0] if len(parts) == 1 else network.backend.xp.concat(parts)
        return result_like(result, network.backend, X)

    def evaluate(
        self, X: Any, y: Any, *, sample_weight: Any = None, batch_size: int | None = None
    ) -> dict[str, float]:
        """Loss and metrics of the data, each averaged over the samples."""
        data = self._data(X, y, sample_weight)
        size = self.chunk if batch_size is None else count("batch_size", batch_size)
        return measure(self.network, data, size)

    # --- state --------------------------------------------------------------------------------

    @property
    def parameters(self) -> dict[str, Any]:
        """Each parameter by its dotted name, as a live view: writing to it changes the model."""
        network = self.network
        return network.table.views(network.backend.xp, network.params)

    def state_dict(self) -> dict[str, Any]:
        """Copies of the parameters by name, in the model's library."""
        return {name: self.network.backend.copy(view) for name, view in self.parameters.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the parameters from arrays by name; the optimiser starts again.

        Raises
        ------
        ShapeError
            If names or shapes do not fit; the model is then unchanged.
        """
        network = self.network
        network.load({name: state[name] for name in state})
        self.updater.reset()

    def plan(self, X: Any, y: Any, sample_weight: Any = None) -> Plan:
        """The plan of one training step on a batch like this one; print it to read it.

        Raises
        ------
        GraphError
            If the backend has no functions with ``out=``, so that its steps are interpreted.
        """
        data = self._data(X, y, sample_weight)
        program = self.network.program(data.spec("train", data.rows))
        if not isinstance(program, PlannedProgram):
            raise GraphError(
                f"steps on {self.network.backend.name} are interpreted, so there is no plan; "
                "NumPy and CuPy have plans."
            )
        return program.plan

    def summary(self) -> str:
        """The layers with their output shapes and numbers of parameters, as a table."""
        return summary(self.network)

    def keep_good(self, params: Any) -> None:
        """Remember parameters whose loss was finite."""
        self._good = (f"the start of epoch {self.epoch + 1}", params)

    def restore_good(self) -> str:
        """Put back the parameters remembered last; says from when they are."""
        self.updater.reset()
        if self._good is None:
            return "before the first step"
        when, params = self._good
        self.network.set_params(params)
        return when

    def __repr__(self) -> str:
        where = self.backend.name if self.backend else "backend open"
        return f"Model({self.net!r}, loss={self.loss.name!r}, {self.optimizer!r}, {where})"

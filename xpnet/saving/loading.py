"""`load`: a model from its file."""

from typing import Any

from xpnet.arguments import count
from xpnet.backends import get, resolve
from xpnet.backends.precision import kept_precision
from xpnet.errors import BackendUnavailableError, DeviceMemoryError, FormatError, XpnetError
from xpnet.model import Model
from xpnet.saving.model_file import check_arrays, read_model, settings_of_model

__all__ = ["load"]


def load(path: Any, backend: Any = None) -> Model:
    """The model that `Model.save` wrote.

    Nothing in the file is run: layers, losses and functions are looked up by name among xpnet's
    own and those that `register` named. Nothing is made that the file is not large enough for. So
    a file from a stranger does no harm, though its predictions may be anything.

    Parameters
    ----------
    path : str or path
    backend : None, {"numpy", "cupy", "auto"} or namespace
        Where the model is to compute, wherever it was trained; None for ``XPNET_BACKEND``, or else
        NumPy. A precision other than float32 is kept on CuPy alone.

    Returns
    -------
    Model
        With the parameters bit for bit. The optimiser starts again unless its state was saved.
        ``model.preprocessing`` is what was saved beside it.

    Raises
    ------
    FormatError
        If there is no such file, it is cut short, damaged or of another program or version, its
        tensors are not those of its network, or it needs a layer or function that is not
        registered.
    BackendUnavailableError, UnknownNameError
        If the backend cannot be had.

    Examples
    --------
    >>> import os, tempfile, xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> model = xn.MLP([64, 32, 10])
    >>> history = model.fit(X, y, epochs=1)
    >>> path = os.path.join(tempfile.mkdtemp(), "digits.safetensors")
    >>> model.save(path)
    >>> bool((xn.load(path).predict(X_test) == model.predict(X_test)).all())
    True
    """
    if backend is not None:
        get(backend)
    arrays, data = read_model(path)
    try:
        with resolve(backend).work():
            return _made(arrays, data, backend)
    except (BackendUnavailableError, DeviceMemoryError):
        raise
    except XpnetError as error:
        raise FormatError(f"{path} cannot be loaded: {error}") from error
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # what a file describes may fail in any way when it is called
        raise FormatError(
            f"{path} cannot be loaded: its network cannot be built "
            f"({type(error).__name__}: {error})."
        ) from error


def _made(arrays: dict[str, Any], data: dict[str, Any], backend: Any) -> Model:
    settings = settings_of_model(data["model"])
    settings["precision"] = kept_precision(resolve(backend), settings["precision"])
    model = Model(**settings, backend=backend)
    setup = model._setup
    if setup.input_shape is None:
        raise FormatError("it does not say which shape a sample has.")
    params, slots = check_arrays(model, setup.input_shape, arrays)
    chosen = setup.backend_for()
    start = {name: chosen.asarray(array, setup.dtype) for name, array in params.items()}
    trainer = model._settle(setup.network_for(chosen, setup.input_shape, start))
    if slots.keys() != (trainer.updater.slots.keys() if data["updates"] is not None else set()):
        raise FormatError(
            f"it has the optimizer's vectors {sorted(slots)}, which are not those of "
            f"{model.optimizer!r}."
        )
    if data["updates"] is not None:
        state = {n: chosen.copy(chosen.asarray(a, setup.dtype)) for n, a in slots.items()}
        trainer.updater.put(state, _count("updates", data))
    trainer.epoch, trainer.step = _count("epoch", data), _count("step", data)
    model.preprocessing = data["preprocessing"]
    return model


def _count(name: str, data: dict[str, Any]) -> int:
    return count(name, data[name], 0, 2**62)

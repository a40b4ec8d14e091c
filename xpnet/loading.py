"""`load`: a model from its file."""

from xpnet.backends import BackendLike, get, resolve
from xpnet.errors import BackendUnavailableError, DeviceMemoryError, FormatError, XpnetError
from xpnet.model import Model
from xpnet.saving.model_file import made, read_model
from xpnet.typing import FilePath

__all__ = ["load"]


def load(path: FilePath, backend: BackendLike | None = None) -> Model:
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
        With the parameters bit for bit. The optimizer starts again unless its state was saved.
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
            config, engine = made(arrays, data, backend)
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
    return Model._of(config, engine, data["preprocessing"])

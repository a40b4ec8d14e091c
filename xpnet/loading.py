"""`load`: a model from its file."""

from xpnet.backends import BackendLike, get, resolve
from xpnet.errors import BackendUnavailableError, DeviceMemoryError, FormatError, XpnetError
from xpnet.model import Model
from xpnet.saving.model_file import TablePart, made, read_model, table_part_of
from xpnet.tabular.old_files import old_table_model
from xpnet.tabular.table_file import read_table_part
from xpnet.tabular.table_model import TableModel
from xpnet.typing import FilePath

__all__ = ["load"]


def load(path: FilePath, backend: BackendLike | None = None) -> Model | TableModel:
    """Load a model that `Model.save`, `TableModel.save` or ``xpnet train`` wrote.

    Nothing in the file is executed: layers, losses and functions are looked up by name among
    xpnet's own and the registered ones. No array is created that the file is too small for. So an
    untrusted file does no harm, although its predictions may be wrong.

    Parameters
    ----------
    path : str or path
    backend : None, {"numpy", "cupy", "auto"} or namespace
        Where the model computes, regardless of where it was trained; None means ``XPNET_BACKEND``,
        or else NumPy. Only CuPy keeps a precision other than float32.

    Returns
    -------
    Model or TableModel
        With the same parameters, bit for bit. The optimizer starts anew unless its state was
        saved. The file decides which one it is: it is a `TableModel`, which predicts tables, if
        the file says which columns the model reads, as files of ``xpnet train`` and
        `TableModel.save` do. Any other file gives a `Model`, which predicts arrays, and whose
        ``preprocessing`` is what `Model.save` was given. To tell them apart, also for type
        checkers: ``isinstance(model, xpnet.tabular.TableModel)``.

    Raises
    ------
    FormatError
        If the file does not exist, is truncated, damaged or from another program or version, has
        tensors that do not match its network, or needs a layer or function that is not
        registered.
    BackendUnavailableError, UnknownNameError
        If the backend cannot be used.

    Examples
    --------
    >>> import os, tempfile, xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> model = xn.MLP([64, 32, 10])
    >>> history = model.fit(X, y, epochs=1)
    >>> path = os.path.join(tempfile.mkdtemp(), "digits.safetensors")
    >>> model.save(path)
    >>> again = xn.load(path)
    >>> bool((again.predict(X_test) == model.predict(X_test)).all())
    True
    >>> isinstance(again, xn.tabular.TableModel)
    False
    """
    if backend is not None:
        get(backend)
    arrays, data = read_model(path)
    try:
        part = table_part_of(arrays, data)
        with resolve(backend).work():
            config, engine = made(arrays, data, backend)
        return _complete(Model._of(config, engine, data["preprocessing"]), part)
    except (BackendUnavailableError, DeviceMemoryError):
        raise
    except XpnetError as error:
        raise FormatError(f"{path} cannot be loaded: {error}") from error
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # building a file's network may fail in any way
        raise FormatError(
            f"{path} cannot be loaded: its network cannot be built "
            f"({type(error).__name__}: {error})."
        ) from error


def _complete(model: Model, part: TablePart | None) -> Model | TableModel:
    """The model, with the columns that it reads if the file has them."""
    if part is None:
        return old_table_model(model) or model
    schema, prepared, history = read_table_part(part)
    read = TableModel(schema, prepared, model)
    read.history = history
    return read

"""Where a search is kept: a journal file that processes share, or the memory of this one."""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from xpnet.errors import ArgumentError, FormatError
from xpnet.optional import require

__all__ = ["file_of", "open_study", "sampler"]

_STUDY = "xpnet search"
_SCHEME = "journal:"
_STARTUP = 5  # trials, and epochs of each, before one is pruned
_FEWEST = 3  # trials that have got as far, to compare with


def file_of(storage: str | None) -> str | None:
    """The file of ``--storage journal:FILE``, checked without being changed; None without one.

    Raises
    ------
    ArgumentError
        If the storage is not named so, or the file is not a journal of Optuna.
    """
    if storage is None:
        return None
    path = storage.removeprefix(_SCHEME)
    if not storage.startswith(_SCHEME) or not path:
        raise ArgumentError(
            f"--storage must be journal:FILE, such as journal:search.log; got {storage!r}."
        )
    try:
        if os.path.exists(path):
            _check_journal(path)
        elif not Path(path).absolute().parent.is_dir():
            raise ArgumentError(f"--storage {storage}: the folder of {path} does not exist.")
    except OSError as error:
        raise ArgumentError(f"--storage {storage}: {path} cannot be read: {error}.") from error
    return path


def _check_journal(path: str) -> None:
    """Raise unless a file is empty, or its first line is an entry of a journal."""
    with open(path, "rb") as file:
        line = file.readline(1 << 16)
    try:
        good = not line or "op_code" in json.loads(line)
    except (ValueError, TypeError):
        good = False
    if not good:
        raise ArgumentError(
            f"--storage journal:{path}: this file is not a journal of Optuna, and is not changed. "
            "Name another file, which is created."
        )


def open_study(path: str | None, maximize: bool) -> Any:
    """The study in a file, or in memory for None; created if it does not exist.

    Raises
    ------
    MissingDependencyError
        If Optuna is not installed.
    ArgumentError
        If the file cannot be written.
    FormatError
        If the file is damaged.
    """
    optuna = require("optuna", "search", "xpnet search")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            storage=None if path is None else _journal(optuna.storages, path),
            pruner=optuna.pruners.MedianPruner(_STARTUP, _STARTUP, n_min_trials=_FEWEST),
            study_name=_STUDY,
            direction="maximize" if maximize else "minimize",
            load_if_exists=True,
        )
    except OSError as error:
        raise ArgumentError(f"--storage journal:{path} cannot be used: {error}.") from error
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise FormatError(
            f"{path} is damaged: Optuna cannot read it ({error}). Begin a search in another file."
        ) from error
    return study


def _journal(storages: Any, path: str) -> Any:
    # Both locks work on NFS. Windows allows symbolic links only to some users.
    lock = storages.journal.JournalFileOpenLock(path) if sys.platform == "win32" else None
    return storages.JournalStorage(storages.journal.JournalFileBackend(path, lock_obj=lock))


def sampler(seed: int) -> Any:
    """Optuna's estimator of promising settings, which takes account of trials that are running."""
    samplers = require("optuna.samplers", "search", "xpnet search")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in Optuna 4 the setting is marked as experimental
        return samplers.TPESampler(seed=seed, constant_liar=True)

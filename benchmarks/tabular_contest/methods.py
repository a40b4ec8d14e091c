"""The methods, each at its defaults, with the data frames that its users give to it.

A method is a function of the training data, the seed and the number of threads. It returns an
estimator that is not fitted. Its libraries are imported before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tabular_contest.tables import Data


@dataclass(frozen=True)
class Method:
    """An estimator, the distribution whose version is noted, and its name in the tables."""

    make: Callable[[Data, int, int], Any]
    distribution: str
    title: str


def encoded(data: Data, model: Any, *, scale: bool = True) -> Any:
    """A pipeline for models that take only numbers: one-hot categories, standardized numbers."""
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    texts = data.X.select_dtypes(include="category").columns
    numbers = data.X.columns.difference(texts, sort=False)
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    prepared = make_column_transformer(
        (StandardScaler() if scale else "passthrough", list(numbers)), (encode, list(texts))
    )
    return make_pipeline(prepared, model)


def boosting(data: Data, seed: int, threads: int) -> Any:
    from sklearn import ensemble

    return _of(ensemble, "HistGradientBoosting{}", data)(random_state=seed)


def lightgbm(data: Data, seed: int, threads: int) -> Any:
    import lightgbm

    return _of(lightgbm, "LGBM{}", data)(random_state=seed, n_jobs=threads, verbose=-1)


def xgboost(data: Data, seed: int, threads: int) -> Any:
    import xgboost

    made = _of(xgboost, "XGB{}", data)
    return made(random_state=seed, n_jobs=threads, enable_categorical=True)


def sklearn_mlp(data: Data, seed: int, threads: int) -> Any:
    from sklearn import neural_network

    return encoded(data, _of(neural_network, "MLP{}", data)(random_state=seed))


def realmlp(data: Data, seed: int, threads: int) -> Any:
    return _pytabkit("RealMLP_TD_{}", data, seed, threads)


def tabm(data: Data, seed: int, threads: int) -> Any:
    return _pytabkit("TabM_D_{}", data, seed, threads)


def xpnet_raw(data: Data, seed: int, threads: int) -> Any:
    return encoded(data, _xpnet("MLP{}", data, seed), scale=False)


def xpnet_mlp(data: Data, seed: int, threads: int, **settings: Any) -> Any:
    scaled = {} if data.classes else {"scale_target": True}
    return encoded(data, _xpnet("MLP{}", data, seed, **scaled, **settings))


def xpnet_stop(data: Data, seed: int, threads: int) -> Any:
    return xpnet_mlp(data, seed, threads, early_stopping=True)


def xpnet_tabular(data: Data, seed: int, threads: int) -> Any:
    return _xpnet("Tabular{}", data, seed, preset="realmlp")


def xpnet_fast(data: Data, seed: int, threads: int, members: int = 1) -> Any:
    return _xpnet("Tabular{}", data, seed, preset="fast", n_ens=members)


def xpnet_fast_4(data: Data, seed: int, threads: int) -> Any:
    return xpnet_fast(data, seed, threads, members=4)


def _xpnet(name: str, data: Data, seed: int, **settings: Any) -> Any:
    import xpnet

    return _of(xpnet, name, data)(random_state=seed, **settings)


def _pytabkit(name: str, data: Data, seed: int, threads: int) -> Any:
    import pytabkit
    import pytorch_lightning  # noqa: F401  (or the first fit imports it)

    return _of(pytabkit, name, data)(random_state=seed, n_threads=threads, device="cpu")


def _of(module: Any, name: str, data: Data) -> Any:
    return getattr(module, name.format("Classifier" if data.classes else "Regressor"))


METHODS = {
    "hist-gb": Method(boosting, "scikit-learn", "scikit-learn HistGradientBoosting"),
    "lightgbm": Method(lightgbm, "lightgbm", "LightGBM"),
    "xgboost": Method(xgboost, "xgboost-cpu", "XGBoost"),
    "sklearn-mlp": Method(sklearn_mlp, "scikit-learn", "scikit-learn MLP, standardized"),
    "realmlp-td": Method(realmlp, "pytabkit", "pytabkit RealMLP-TD"),
    "tabm-d": Method(tabm, "pytabkit", "pytabkit TabM-D"),
    "xpnet-raw": Method(xpnet_raw, "xpnet", "xpnet MLP, nothing scaled"),
    "xpnet-mlp": Method(xpnet_mlp, "xpnet", "xpnet MLP, standardized"),
    "xpnet-stop": Method(xpnet_stop, "xpnet", "xpnet MLP, standardized, early stopping"),
    "xpnet-tabular": Method(xpnet_tabular, "xpnet", "xpnet Tabular, realmlp"),
    "xpnet-fast": Method(xpnet_fast, "xpnet", "xpnet Tabular, fast"),
    "xpnet-fast-4": Method(xpnet_fast_4, "xpnet", "xpnet Tabular, fast, n_ens=4"),
}

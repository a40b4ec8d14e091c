"""Multilayer perceptrons written once against the Python Array API.

The same network runs on NumPy and, with ``backend="cupy"``, on an NVIDIA GPU.
"""

from typing import TYPE_CHECKING

from xpnet.version import __version__ as __version__

if TYPE_CHECKING:
    from xpnet import backends as backends
    from xpnet import data as data
    from xpnet import datasets as datasets
    from xpnet import errors as errors
    from xpnet import exchange as exchange
    from xpnet import graph as graph
    from xpnet import nn as nn
    from xpnet import ops as ops
    from xpnet import optim as optim
    from xpnet import plot as plot
    from xpnet import tabular as tabular
    from xpnet import testing as testing
    from xpnet import typing as typing
    from xpnet.estimators import MLPClassifier as MLPClassifier
    from xpnet.estimators import MLPRegressor as MLPRegressor
    from xpnet.estimators import TabularClassifier as TabularClassifier
    from xpnet.estimators import TabularRegressor as TabularRegressor
    from xpnet.graph import value_and_grad as value_and_grad
    from xpnet.loading import load as load
    from xpnet.mlp import MLP as MLP
    from xpnet.model import Model as Model
    from xpnet.nn import ELU as ELU
    from xpnet.nn import GELU as GELU
    from xpnet.nn import L1 as L1
    from xpnet.nn import L2 as L2
    from xpnet.nn import SELU as SELU
    from xpnet.nn import Add as Add
    from xpnet.nn import Average as Average
    from xpnet.nn import BatchNorm as BatchNorm
    from xpnet.nn import Concat as Concat
    from xpnet.nn import Dense as Dense
    from xpnet.nn import Dropout as Dropout
    from xpnet.nn import EmbedColumns as EmbedColumns
    from xpnet.nn import Embedding as Embedding
    from xpnet.nn import Flatten as Flatten
    from xpnet.nn import GaussianNoise as GaussianNoise
    from xpnet.nn import HardSigmoid as HardSigmoid
    from xpnet.nn import HardTanh as HardTanh
    from xpnet.nn import Identity as Identity
    from xpnet.nn import Layer as Layer
    from xpnet.nn import LayerNorm as LayerNorm
    from xpnet.nn import LeakyReLU as LeakyReLU
    from xpnet.nn import LearnedScale as LearnedScale
    from xpnet.nn import Linear as Linear
    from xpnet.nn import LogSigmoid as LogSigmoid
    from xpnet.nn import LogSoftmax as LogSoftmax
    from xpnet.nn import MaxNorm as MaxNorm
    from xpnet.nn import Maxout as Maxout
    from xpnet.nn import Mish as Mish
    from xpnet.nn import Multiply as Multiply
    from xpnet.nn import ParametricActivation as ParametricActivation
    from xpnet.nn import PeriodicEmbedding as PeriodicEmbedding
    from xpnet.nn import PReLU as PReLU
    from xpnet.nn import PrepareColumns as PrepareColumns
    from xpnet.nn import ReLU as ReLU
    from xpnet.nn import Residual as Residual
    from xpnet.nn import Sequential as Sequential
    from xpnet.nn import Sigmoid as Sigmoid
    from xpnet.nn import SiLU as SiLU
    from xpnet.nn import Softmax as Softmax
    from xpnet.nn import Softplus as Softplus
    from xpnet.nn import Softsign as Softsign
    from xpnet.nn import Standardize as Standardize
    from xpnet.nn import Step as Step
    from xpnet.nn import Tanh as Tanh
    from xpnet.nn import UnitNorm as UnitNorm
    from xpnet.nn import init as init
    from xpnet.nn import losses as losses
    from xpnet.optim import LBFGS as LBFGS
    from xpnet.optim import SGD as SGD
    from xpnet.optim import Adadelta as Adadelta
    from xpnet.optim import Adagrad as Adagrad
    from xpnet.optim import Adam as Adam
    from xpnet.optim import AdamW as AdamW
    from xpnet.optim import CosineDecay as CosineDecay
    from xpnet.optim import CosineRestarts as CosineRestarts
    from xpnet.optim import CosLog as CosLog
    from xpnet.optim import ExponentialDecay as ExponentialDecay
    from xpnet.optim import FlatCosine as FlatCosine
    from xpnet.optim import InverseScaling as InverseScaling
    from xpnet.optim import InverseTimeDecay as InverseTimeDecay
    from xpnet.optim import Lion as Lion
    from xpnet.optim import Nadam as Nadam
    from xpnet.optim import OneCycle as OneCycle
    from xpnet.optim import PolynomialDecay as PolynomialDecay
    from xpnet.optim import RAdam as RAdam
    from xpnet.optim import RMSprop as RMSprop
    from xpnet.optim import StepDecay as StepDecay
    from xpnet.optim import Warmup as Warmup
    from xpnet.parallel.distributed import Distributed as Distributed
    from xpnet.saving.checkpoint import Checkpoint as Checkpoint
    from xpnet.saving.registry import register as register
    from xpnet.training.callbacks import Callback as Callback
    from xpnet.training.callbacks import CSVLog as CSVLog
    from xpnet.training.callbacks import EarlyStopping as EarlyStopping
    from xpnet.training.callbacks import GradientMonitor as GradientMonitor
    from xpnet.training.callbacks import JSONLinesLog as JSONLinesLog
    from xpnet.training.callbacks import KeepBest as KeepBest
    from xpnet.training.callbacks import OptunaPruning as OptunaPruning
    from xpnet.training.callbacks import ReduceOnPlateau as ReduceOnPlateau
    from xpnet.training.callbacks import TensorBoard as TensorBoard
    from xpnet.training.context import FitContext as FitContext
    from xpnet.training.history import History as History

__all__ = [
    "ELU",
    "GELU",
    "L1",
    "L2",
    "LBFGS",
    "MLP",
    "SELU",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Add",
    "Average",
    "BatchNorm",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "Concat",
    "CosLog",
    "CosineDecay",
    "CosineRestarts",
    "Dense",
    "Distributed",
    "Dropout",
    "EarlyStopping",
    "EmbedColumns",
    "Embedding",
    "ExponentialDecay",
    "FitContext",
    "FlatCosine",
    "Flatten",
    "GaussianNoise",
    "GradientMonitor",
    "HardSigmoid",
    "HardTanh",
    "History",
    "Identity",
    "InverseScaling",
    "InverseTimeDecay",
    "JSONLinesLog",
    "KeepBest",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LearnedScale",
    "Linear",
    "Lion",
    "LogSigmoid",
    "LogSoftmax",
    "MaxNorm",
    "Maxout",
    "Mish",
    "Model",
    "Multiply",
    "Nadam",
    "OneCycle",
    "OptunaPruning",
    "PReLU",
    "ParametricActivation",
    "PeriodicEmbedding",
    "PolynomialDecay",
    "PrepareColumns",
    "RAdam",
    "RMSprop",
    "ReLU",
    "ReduceOnPlateau",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Standardize",
    "Step",
    "StepDecay",
    "Tanh",
    "TensorBoard",
    "UnitNorm",
    "Warmup",
    "backends",
    "data",
    "datasets",
    "errors",
    "exchange",
    "init",
    "load",
    "losses",
    "ops",
    "plot",
    "register",
    "tabular",
    "testing",
    "value_and_grad",
]


# The module of each name: `import xpnet` loads none of these modules; the first use of a name
# loads its module.
_NAMES = {
    "xpnet.estimators": "MLPClassifier MLPRegressor TabularClassifier TabularRegressor",
    "xpnet.graph": "value_and_grad",
    "xpnet.loading": "load",
    "xpnet.mlp": "MLP",
    "xpnet.model": "Model",
    "xpnet.nn": """
        Add Average BatchNorm Concat Dense Dropout ELU EmbedColumns Embedding Flatten
        GaussianNoise GELU HardSigmoid HardTanh Identity L1 L2 Layer LayerNorm LeakyReLU
        LearnedScale Linear LogSigmoid LogSoftmax MaxNorm Maxout Mish Multiply
        ParametricActivation PeriodicEmbedding PReLU PrepareColumns ReLU Residual SELU
        Sequential Sigmoid SiLU Softmax Softplus Softsign Standardize Step Tanh UnitNorm init
        losses
    """,
    "xpnet.optim": """
        Adadelta Adagrad Adam AdamW CosLog CosineDecay CosineRestarts ExponentialDecay FlatCosine
        InverseScaling InverseTimeDecay LBFGS Lion Nadam OneCycle PolynomialDecay RAdam RMSprop
        SGD StepDecay Warmup
    """,
    "xpnet.parallel.distributed": "Distributed",
    "xpnet.saving.checkpoint": "Checkpoint",
    "xpnet.saving.registry": "register",
    "xpnet.training.callbacks": """
        CSVLog Callback EarlyStopping GradientMonitor JSONLinesLog KeepBest
        OptunaPruning ReduceOnPlateau TensorBoard
    """,
    "xpnet.training.context": "FitContext",
    "xpnet.training.history": "History",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}
_ROOMS = (
    "backends data datasets errors exchange graph nn ops optim plot tabular testing typing".split()
)

if not TYPE_CHECKING:  # with __getattr__, a type checker would accept every name

    def __getattr__(name: str) -> object:
        """Import the object of this name on first use."""
        from importlib import import_module

        if name in _ROOMS:
            return import_module(f"xpnet.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module 'xpnet' has no attribute {name!r}")
        found = getattr(import_module(_HOMES[name]), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    # The estimators are not in `__all__`: a star import must not need scikit-learn.
    return [*__all__, *_NAMES["xpnet.estimators"].split(), "__version__"]

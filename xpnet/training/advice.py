"""What a fit says at its end: the loss was still falling, or the data are badly scaled."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, median

from xpnet import ops
from xpnet.data.arrays import Data
from xpnet.data.scales import column_doubt, target_doubt
from xpnet.errors import TrainingWarning
from xpnet.graph import Graph
from xpnet.training.context import FitContext
from xpnet.training.history import History
from xpnet.warn import warn_user

__all__ = ["Remedies", "advise", "remedies", "still_falling"]

_FEW = 3  # epochs: a shorter fit is one of several, or a trial
_LEAST = 8  # epochs that show a trend
# The last quarter of the epochs must be lower than the quarter before it by these shares of the
# last loss and of the whole fall, which many epochs show, or by _STEADY's, as in a fit that has
# hardly begun; and by so many standard errors of the noise. Of 462 fits of eleven data sets, 246
# would have lost more than a tenth of their validation loss in more epochs; the rule finds three
# quarters of them by the validation loss, and one fit that would have gained nothing.
_CLEAR = {"val_loss": (0.05, 0.01), "loss": (0.1, 0.02)}
_STEADY = (0.01, 0.15)
_NOISES = 4.0
_SAME_SCALE = (ops.reshape, ops.identity)


@dataclass(frozen=True)
class Remedies:
    """What to do, in the words of whoever called the fit; "" for nothing to say."""

    falling: str
    columns: str
    target: str


_OF_A_MODEL = Remedies(
    falling="train for more epochs",
    columns="begin the network with xpnet.Standardize.of(X)",
    target="train on (y - y.mean()) / y.std(), or use xpnet.TabularRegressor, which does",
)
_OF_SPARSE = "scale them without moving their zeros, such as with scikit-learn's MaxAbsScaler"
_REMEDIES: ContextVar[Remedies] = ContextVar("remedies", default=_OF_A_MODEL)


@contextmanager
def remedies(words: Remedies) -> Iterator[None]:
    """Let fits give this advice in place of `Model.fit`'s own."""
    before = _REMEDIES.set(words)
    try:
        yield
    finally:
        _REMEDIES.reset(before)


def advise(context: FitContext, data: Data) -> None:
    """Warn once, after a model's first fit of some epochs, if something is clearly wrong.

    A fit that continues another says nothing: whoever calls it watches the training.
    """
    if context.epochs.start or len(context.epochs) < _FEW or context.interrupts.received:
        return
    if not context.leads:
        return
    words, falling = _REMEDIES.get(), None
    if not context.stopping:
        falling = still_falling(context.history)
    doubts = (
        (falling, words.falling),
        (_columns(context, data), _OF_SPARSE if data.sparse else words.columns),
        (_target(context, data), words.target),
    )
    found = [f"{doubt}: {remedy}." for doubt, remedy in doubts if doubt and remedy]
    if found:
        warn_user(" ".join(text[0].upper() + text[1:] for text in found), TrainingWarning)


def still_falling(history: History) -> str | None:
    """Say that the loss was still clearly falling in the last epochs; None if it was not.

    The validation loss counts if there is one. The last quarter of the epochs is compared with the
    quarter before it, and the difference with the noise from epoch to epoch.
    """
    if len(history) < _LEAST:
        return None
    name = "val_loss" if "val_loss" in history.columns else "loss"
    losses: list[float] = history[name]
    size = len(losses) // 4
    last, before = losses[-size:], losses[-2 * size : -size]
    low, high = median(last), median(before)
    drop, fall = high - low, losses[0] - low
    clear = any(
        drop > of_loss * abs(low) and drop > of_fall * fall
        for of_loss, of_fall in (_CLEAR[name], _STEADY)
    )
    noise = _noise(losses[-max(5, 2 * size) :]) * sqrt(2 / size)
    if not clear or drop < _NOISES * noise or min(last) > min(losses):
        return None
    kind = "validation" if name == "val_loss" else "training"
    return (
        f"the fit ended while the {kind} loss was still falling (from {high:.4g} to {low:.4g} in "
        f"the last {2 * size} of {len(losses)} epochs)"
    )


def _noise(losses: Sequence[float]) -> float:
    """The standard deviation of noise from epoch to epoch, whatever the trend.

    From second differences, which have sqrt(6) times the standard deviation of the noise.
    """
    triples = zip(losses, losses[1:], losses[2:], strict=False)
    return fmean(abs(a - 2 * b + c) for a, b, c in triples) / (0.8 * sqrt(6))


def _columns(context: FitContext, data: Data) -> str | None:
    """What is wrong with the inputs' scales, if they go straight into products with weights."""
    graph = context.engine.network.graph
    return column_doubt(data.x, data.backend) if _multiplied(graph) else None


def _multiplied(graph: Graph) -> bool:
    """Whether the network multiplies its inputs with weights before it does anything else."""
    same = {*graph.inputs}
    for node in graph.nodes:
        if node.record in _SAME_SCALE and node.inputs[0] in same:
            same.add(node.output)
        elif node.record in (ops.affine, ops.matmul) and node.inputs[0] in same:
            return True
    return False


def _target(context: FitContext, data: Data) -> str | None:
    """What is wrong with the scale of targets that outputs are compared with.

    L-BFGS finds the scale of its steps itself.
    """
    engine = context.engine
    if engine.network.loss.target != "real" or engine.optimizer.whole_batch:
        return None
    return target_doubt(data.y, data.backend)

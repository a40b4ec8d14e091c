"""What compiled steps would gain: said once, after a long fit without them."""

from logging import getLogger

from xpnet.engine.engine import Engine

__all__ = ["gain", "hint"]

_LONG = 5.0  # seconds
# Floating-point operations of a step up to which compiled steps were so many times as fast, with
# one thread. From the table in docs/performance.md: three products a weight, one line a network.
_GAINS = ((5e6, 3.1), (2e8, 1.26), (2e9, 1.28))
_LARGE = 1.06
_said: list[str] = []  # the extras that were named


def gain(engine: Engine, batch_size: int) -> float:
    """How many times as fast compiled steps were, for networks and batches of about this size."""
    flops = 6 * engine.network.table.trainable * batch_size
    return next((times for most, times in _GAINS if flops <= most), _LARGE)


def hint(engine: Engine, batch_size: int, seconds: float) -> None:
    """Log, once in a process, what a fit that took so long would have gained."""
    extra = engine.backend.faster_with
    if extra is not None and seconds > _LONG and not _said:
        _said.append(extra)
        getLogger("xpnet").warning(
            "training took %.0f s without compiled steps, which are about %.1f times as fast for a "
            "network of this size (docs/performance.md). Install them with: "
            "pip install 'xpnet[%s]'",
            seconds,
            gain(engine, batch_size),
            extra,
        )

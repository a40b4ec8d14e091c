"""The loss scale's rules in CUDA: one launch each, which returns at once in a good step.

With CuPy's functions, each rule would be several launches, and would copy even if the step did not
overflow.
"""

from typing import Any

from xpnet.kernels.cuda.elements import LOOP, launch_of
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.loss_scale import (
    COPY_IF_OVERFLOW,
    LARGEST,
    NEXT_SCALE,
    PATIENCE,
    SMALLEST,
    UNSCALE,
)

__all__ = ["SOURCE"]

SOURCE = r"""
// scale: the scale, good steps since it changed, whether this step overflowed, steps skipped.
extern "C" __global__ void unscale(float *gradient, float *scale, long long n) {
    float divisor = scale[0];
    LOOP {
        float g = gradient[i] / divisor;
        gradient[i] = g;
        if (!(g - g == 0.0f)) scale[2] = 1.0f;
    }
}

extern "C" __global__ void copy_if_overflow(
    float *to, const float *from, const float *scale, long long n) {
    if (scale[2] == 0.0f) return;
    LOOP to[i] = from[i];
}

extern "C" __global__ void next_scale(float *scale) {
    if (scale[2] != 0.0f) {
        scale[0] = scale[0] > SMALLEST ? scale[0] / 2.0f : SMALLEST;
        scale[1] = 0.0f;
        scale[3] += 1.0f;
    } else if ((scale[1] += 1.0f) == PATIENCE) {
        scale[0] = scale[0] < LARGEST ? scale[0] * 2.0f : LARGEST;
        scale[1] = 0.0f;
    }
    scale[2] = 0.0f;
}
"""
for _name, _text in {
    "LOOP": LOOP,
    "PATIENCE": f"{PATIENCE:.1f}f",
    "SMALLEST": f"{SMALLEST!r}f",
    "LARGEST": f"{LARGEST!r}f",
}.items():
    SOURCE = SOURCE.replace(_name, _text)


def _record(k: Recorder, name: str, n: int, *args: Any) -> None:
    backend: Any = k.backend
    k(*launch_of(backend.cupy, SOURCE, name, n, *args))


@kernel(UNSCALE, family="cuda")
def unscale(k: Recorder, gradient: Any, scale: Any) -> None:
    _record(k, "unscale", gradient.size, gradient, scale, gradient.size)


@kernel(COPY_IF_OVERFLOW, family="cuda")
def copy_if_overflow(k: Recorder, to: Any, source: Any, scale: Any) -> None:
    _record(k, "copy_if_overflow", to.size, to, source, scale, to.size)


@kernel(NEXT_SCALE, family="cuda")
def next_scale(k: Recorder, scale: Any) -> None:
    _record(k, "next_scale", 1, scale)

"""Rules for operators of ONNX that add, subtract, multiply, divide and bound each unit."""

from math import inf
from typing import Any

import numpy as np

from xpnet import nn
from xpnet.exchange.onnx_step import Found, Rule, Step

__all__ = ["SCALING"]

_MOST = 1024  # units whose factors may have any sign: they make a square matrix


def _scale(step: Step, found: Found, factor: Any, shift: Any) -> None:
    """Append y = factor x + shift; fold it into a Dense layer directly before, if there is one."""
    units = found.shape[-1]
    full = (np.broadcast_to(np.asarray(n, "float64"), (units,)) for n in (factor, shift))
    a, b = full
    last = found.layers[-1] if found.layers else None
    one = np.all(a == a[0]) and not b.any()
    if one and a[0] == 1:
        return
    if type(last) is nn.Dense and not (one and np.size(factor) == 1):
        _fold(found, a, b)
    elif one:
        found.add(nn.Linear(float(a[0])))
    elif np.all(a > 0):
        found.standardize(-b / a, 1 / a)
    elif units <= _MOST:
        found.dense(np.diag(a), b)
    else:
        raise step.refuse(f"has factors that are not greater than 0, for more than {_MOST:,} units")


def _fold(found: Found, a: Any, b: Any) -> None:
    """Put a factor and a shift of each unit into the last layer, which is dense."""
    at, layer = f"layers.{len(found.layers) - 1}", found.layers[-1]
    weight, bias = found.state[f"{at}.weight"], found.state.get(f"{at}.bias", 0)
    found.state[f"{at}.weight"] = (weight * a).astype(found.dtype)
    if layer.bias or b.any():
        found.layers[-1] = nn.Dense(layer.units)
        found.state[f"{at}.bias"] = (bias * a + b).astype(found.dtype)


def _operand(step: Step, found: Found) -> Any:
    """The constant operand: one number for each unit, or one for all."""
    at = 1 if step.inputs[0] is None else 0
    if np.ndim(step.inputs[at]) > found.ndim:
        raise step.refuse("has a constant with more dimensions than its other input")
    return step.vector(at, found.shape[-1]).astype("float64")


def _add(step: Step, found: Found) -> None:
    last = found.layers[-1] if found.layers else None
    c = _operand(step, found)
    if type(last) is nn.Dense and not last.bias:  # the bias of a product, in its own type
        at = len(found.layers) - 1
        found.layers[at] = nn.Dense(last.units)
        found.state[f"layers.{at}.bias"] = np.broadcast_to(c, (last.units,)).astype(found.dtype)
    else:
        _scale(step, found, 1.0, c)


def _subtract(step: Step, found: Found) -> None:
    c = _operand(step, found)
    _scale(step, found, *((1.0, -c) if step.inputs[0] is None else (-1.0, c)))


def _multiply(step: Step, found: Found) -> None:
    _scale(step, found, _operand(step, found), 0.0)


def _divide(step: Step, found: Found) -> None:
    if step.inputs[0] is not None:
        raise step.refuse("divides a constant by a value, which no layer of xpnet does")
    c = _operand(step, found)
    if np.any(c == 0):
        raise step.refuse("divides by 0")
    dense = bool(found.layers) and type(found.layers[-1]) is nn.Dense
    if np.all(c > 0) and c.size > 1 and not dense:
        found.standardize(0.0, c)
    else:
        _scale(step, found, 1 / c, 0.0)


def _scaler(step: Step, found: Found) -> None:
    """(x - offset) scale, as scikit-learn's scalers are written."""
    units = found.shape[-1]
    offset, scale = (
        np.asarray(step.attributes.get(n, d)) for n, d in (("offset", 0), ("scale", 1))
    )
    if offset.size not in (1, units) or scale.size not in (1, units):
        raise step.refuse(f"needs one offset and one scale, or {units} of them")
    if np.all(scale > 0):
        found.standardize(offset, 1 / scale.astype("float64"))
    else:
        _scale(step, found, scale, -offset * scale)


def _clip(step: Step, found: Found) -> None:
    given = [*step.inputs[1:], None, None][:2]  # attributes before operator set 11
    names = ("min", "max")
    low, high = (
        step.attributes.get(name, default) if end is None else np.asarray(end).item()
        for end, name, default in zip(given, names, (-inf, inf), strict=True)
    )
    _bound(step, found, float(low), float(high))


def _bound(step: Step, found: Found, low: float, high: float) -> None:
    """Append y = min(max(x, low), high)."""
    if low > high:
        raise step.refuse(f"has a minimum of {low} above its maximum of {high}")
    if (low, high) == (-1, 1):
        found.add(nn.HardTanh())
    elif np.isfinite([low, high]).all():
        middle, half = (low + high) / 2, (high - low) / 2
        if half == 0:
            raise step.refuse(f"makes every value {low}")
        found.standardize(middle, half)
        found.add(nn.HardTanh())
        found.standardize(-middle / half, 1 / half)
    elif low > -inf:
        _scale(step, found, 1.0, -low)
        found.add(nn.ReLU())
        _scale(step, found, 1.0, low)
    elif high < inf:
        _scale(step, found, -1.0, high)
        found.add(nn.ReLU())
        _scale(step, found, -1.0, high)


def _least(step: Step, found: Found) -> None:
    _bound(step, found, float(_number(step)), inf)


def _most(step: Step, found: Found) -> None:
    _bound(step, found, -inf, float(_number(step)))


def _number(step: Step) -> Any:
    others = [array for array in step.inputs if array is not None]
    if len(others) != 1 or others[0].size != 1:
        raise step.refuse("is supported only for a value and one number")
    return others[0].item()


def _hard_sigmoid(step: Step, found: Found) -> None:
    """max(0, min(1, alpha x + beta)), of which xpnet has alpha = 1 / 6 and beta = 1 / 2."""
    alpha, beta = (float(step.attributes.get(n, d)) for n, d in (("alpha", 0.2), ("beta", 0.5)))
    if alpha <= 0:
        raise step.refuse(f"has alpha={alpha!r}; it must be greater than 0")
    if not np.allclose([6 * alpha, beta], [1, 0.5], rtol=1e-6):
        _scale(step, found, 6 * alpha, 6 * (beta - 0.5))
    found.add(nn.HardSigmoid())


def _negate(step: Step, found: Found) -> None:
    _scale(step, found, -1.0, 0.0)


SCALING: dict[str, Rule] = {
    "Add": _add,
    "Clip": _clip,
    "Div": _divide,
    "HardSigmoid": _hard_sigmoid,
    "Max": _least,
    "Min": _most,
    "Mul": _multiply,
    "Neg": _negate,
    "Scaler": _scaler,
    "Sub": _subtract,
}

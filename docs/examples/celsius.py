"""Celsius to Fahrenheit: a line, learned by gradient descent.

From the primer. Seven temperatures are known in both units. The task is to find the rule between
them, f = 1.8 c + 32, from these numbers alone. The model is a line. Its error is the residual sum
of squares

    RSS(w, b) = sum_n (w c_n + b - f_n)**2        J = RSS / (2 N)

J is half the error per sample; the factor 1/2 cancels the 2 of the derivative. The gradient is

    dJ/dw = 1/N sum_n (w c_n + b - f_n) c_n       dJ/db = 1/N sum_n (w c_n + b - f_n)

and descent repeats w <- w - eta dJ/dw, b <- b - eta dJ/db with the learning rate eta. The script
does this in four ways: with these two lines in NumPy, with the gradient that xpnet derives from J,
and with models of one unit for both forms of the error. All take the same path; for RSS the
learning rate is 2 N times smaller. The path ends where the gradient is 0. There the normal
equations A^T A (w, b) = A^T f hold.
"""

import warnings
from time import perf_counter

import numpy as np
from support import options, table

import xpnet as xn
from xpnet.errors import TrainingWarning

C = np.array([-40.0, -10.0, 0.0, 8.0, 15.0, 22.0, 38.0])
F = np.array([-40.0, 14.0, 32.0, 46.4, 59.0, 71.6, 100.4])
LEARNING_RATE = 0.003  # for J, whose largest curvature is 560; descent diverges from 2 / 560 on


def half_mean(w, b):
    """J, for numbers or for symbolic values."""
    residual = C * w + b - F
    return xn.ops.sum(residual * residual) / (2 * len(C))


def descend(gradient, steps: int) -> np.ndarray:
    """The path of w and b from (0, 0), of shape (steps + 1, 2)."""
    path = [np.zeros(2)]
    for _ in range(steps):
        path.append(path[-1] - LEARNING_RATE * np.array(gradient(*path[-1])))
    return np.array(path)


def gradient_by_hand(w: float, b: float) -> tuple[float, float]:
    """The two partial derivatives of J."""
    residual = w * C + b - F
    return np.mean(residual * C), np.mean(residual)


def descend_by_xpnet(steps: int) -> np.ndarray:
    """The same path, with the gradient of J by general back-propagation."""
    vg = xn.value_and_grad(half_mean, wrt=(0, 1))
    return descend(lambda w, b: vg(w, b)[1], steps)


def one_unit(loss: str, learning_rate: float, steps: int) -> tuple[float, float]:
    """w and b of a network with a single linear unit; each step uses all samples."""
    unit = xn.Dense(1, kernel_init="zeros")
    model = xn.Model(unit, loss=loss, optimizer=xn.SGD(learning_rate), dtype="float64")
    X, y = C[:, None], F[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # the primer does not scale temperatures
        model.fit(X, y, epochs=steps, batch_size=len(C), shuffle=False, verbose=False)
    return float(model.parameters["weight"][0, 0]), float(model.parameters["bias"][0])


def normal_equations() -> np.ndarray:
    """The w and b at which the gradient is 0, in one step."""
    A = np.column_stack([C, np.ones_like(C)])
    return np.linalg.solve(A.T @ A, A.T @ F)


def draw(path: np.ndarray, folder) -> None:
    """Draw the line as it approaches the data, and the path down the surface of J."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(C, F, "ko", label="data", zorder=3)
    for step in (1, 300, 1000, len(path) - 1):
        w, b = path[step]
        left.plot(C, w * C + b, label=f"step {step}: {w:.2f} c + {b:.1f}")
    left.set(xlabel="degrees Celsius", ylabel="degrees Fahrenheit")
    left.legend()
    w, b = np.meshgrid(np.linspace(-0.3, 3.8, 200), np.linspace(-5, 45, 200))
    surface = np.mean((w[..., None] * C + b[..., None] - F) ** 2, axis=-1) / 2
    levels = np.geomspace(1, surface.max(), 14)
    right.contour(w, b, surface, levels=levels, cmap="cividis", linewidths=0.8)
    right.plot(*path.T, ".-", color="#d55e00", ms=2, lw=0.7, label="descent")
    right.plot(1.8, 32, "k*", ms=12, label="w = 1.8, b = 32")
    right.set(xlabel="w", ylabel="b", title="J: steep along w, nearly flat along b")
    right.legend(loc="upper right")
    figure.savefig(folder / "celsius.png", dpi=120)


def main() -> None:
    args = options(__doc__.splitlines()[0])
    steps, exact = (4000, 1e-3) if args.quick else (10000, 1e-6)
    begun = perf_counter()
    start = xn.value_and_grad(half_mean, wrt=(0, 1))(0.0, 0.0)
    print(f"J(0, 0) = {float(start[0]):.4f}, its gradient by xpnet", *map(float, start[1]))
    print("by hand", *map(float, gradient_by_hand(0.0, 0.0)))
    path, same = descend(gradient_by_hand, steps), descend_by_xpnet(steps)
    assert np.allclose(path, same, rtol=0, atol=1e-9), "the two gradients took different paths"
    found = {
        "gradient by hand": path[-1],
        "xn.value_and_grad": same[-1],
        "xn.Model, half_mean_squared_error": one_unit(
            "half_mean_squared_error", LEARNING_RATE, steps
        ),
        "xn.Model, rss": one_unit("rss", LEARNING_RATE / (2 * len(C)), steps),
        "normal equations": normal_equations(),
    }
    print(f"\nafter {steps} steps of descent ({perf_counter() - begun:.1f} s):")
    rows = [(name, f"{w:.9f}", f"{b:.9f}") for name, (w, b) in found.items()]
    print(table([("by", "w", "b"), *rows]))
    for name, values in found.items():
        assert np.allclose(values, (1.8, 32), rtol=0, atol=exact), f"{name} missed the rule"
        if name != "normal equations":
            assert np.allclose(values, path[-1], rtol=0, atol=1e-9), f"{name} took another path"
    print(f"all within {exact:g} of w = 1.8 and b = 32")
    if args.pictures:
        draw(path, args.pictures)


if __name__ == "__main__":
    main()

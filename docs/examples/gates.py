"""General back-propagation on a graph with forks, by hand and gate by gate.

From the slides. A function is a graph of gates. Each gate knows its inputs x and its output y. It
turns gy, the gradient of the loss with respect to y, into the gradient with respect to each input.
Three patterns are worth knowing:

    add         gy, gy                  it distributes: each input gets all of gy
    max         gy to the larger, 0     it routes: only the larger input gets a gradient
    multiply    gy x2, gy x1            it switches: each input gets gy times the other input

If several gates read a value, the graph forks there. The gradients that come back along the
branches are added in an accumulator. A penalty is a fork like any other. In

    J = mean_n cross_entropy(softmax(relu(X W + b) V + d), t)_n + L2/2 sum W**2 + L2/2 sum V**2

the product and the penalty both read W, and the same holds for V. The example first computes the
slides' f(x, y, z, w) = 2 (x y + max(z, w)) with numbers, then J. It compares the handwritten
gradients with `xn.value_and_grad` and with xpnet's graph itself, run forward and backward.
"""

import numpy as np
from support import options, table

import xpnet as xn
from xpnet.graph import gradients, interpret, trace

N, INPUTS, HIDDEN, CLASSES, L2 = 6, 4, 5, 3, 0.1
NAMES = ("W", "b", "V", "d")


def two_times(x, y, z, w):
    """The slides' function, of numbers or of symbolic values."""
    return 2 * (x * y + xn.ops.maximum(z, w))


def gate_by_gate(x: float, y: float, z: float, w: float) -> list[float]:
    """Print each gate's numbers, forward and backward; return the gradient of x, y, z and w."""
    p, m = x * y, max(z, w)
    s = p + m
    f = 2 * s
    gf = 1.0  # the gradient of the loss with respect to itself
    gs = 2 * gf  # multiply: the other input
    gp, gm = gs, gs  # add: distribute
    gz, gw = (gm, 0.0) if z > w else (0.0, gm)  # max: route
    gx, gy = gp * y, gp * x  # multiply: switch
    gates = [
        ("multiply", "p = x y", f"{p:g}", f"gx = gp y = {gx:g}, gy = gp x = {gy:g}"),
        ("max", "m = max(z, w)", f"{m:g}", f"gz = {gz:g}, gw = {gw:g}"),
        ("add", "s = p + m", f"{s:g}", f"gp = gs = {gp:g}, gm = gs = {gm:g}"),
        ("multiply", "f = 2 s", f"{f:g}", f"gs = 2 gf = {gs:g}"),
    ]
    print(f"f(x, y, z, w) = 2 (x y + max(z, w)) at x = {x:g}, y = {y:g}, z = {z:g}, w = {w:g}")
    print(table([("gate", "forward, read downwards", "value", "backward, read upwards"), *gates]))
    return [gx, gy, gz, gw]


def network(X, labels, W, b, V, d):
    """J, written with ops."""
    h = xn.ops.relu(xn.ops.affine(X, W, b))
    losses = xn.ops.softmax_cross_entropy(xn.ops.affine(h, V, d), labels)
    penalty = xn.ops.sum(W * W) + xn.ops.sum(V * V)
    return xn.ops.mean(losses) + L2 / 2 * penalty


def by_hand(X, labels, W, b, V, d) -> tuple[float, dict[str, np.ndarray]]:
    """J and its gradients in NumPy: forward through the gates, then backward in reverse order."""
    u = X @ W + b
    h = np.maximum(u, 0)
    v = h @ V + d
    e = np.exp(v - v.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(N), labels]).mean() + L2 / 2 * ((W**2).sum() + (V**2).sum())

    g = {name: np.zeros_like(value) for name, value in zip(NAMES, (W, b, V, d), strict=True)}
    g["W"] += L2 * W  # the penalty's branch of the forks at W and V
    g["V"] += L2 * V
    gv = (p - np.eye(CLASSES)[labels]) / N  # softmax and cross-entropy together: p - t
    g["V"] += h.T @ gv  # the product's branch: multiply switches, the sum over n adds
    g["d"] += gv.sum(axis=0)  # all N samples read d: a fork too
    gh = gv @ V.T
    gu = gh * (u > 0)  # relu is max(u, 0): it routes
    g["W"] += X.T @ gu
    g["b"] += gu.sum(axis=0)
    return loss, g


def by_graph(arrays: list[np.ndarray]):
    """J and its gradients from xpnet's graph: traced, differentiated, interpreted."""
    names = ("X", "labels", *NAMES)
    declared = [(n, a.shape, a.dtype.name) for n, a in zip(names, arrays, strict=True)]
    graph, loss = trace(network, declared)
    forward = len(graph.nodes)
    wanted = [loss, *gradients(graph, loss, graph.inputs[2:])]
    print(f"graph of {forward} nodes forward, {len(graph.nodes) - forward} backward; accumulators:")
    for node in graph.nodes[forward:]:
        if node.record.name == "add":
            print("  accumulator", node.output.name, "=", " + ".join(v.name for v in node.inputs))
    loss, *grads = interpret(graph, np, dict(zip(graph.inputs, arrays, strict=True)), wanted)
    return graph, loss, dict(zip(NAMES, grads, strict=True))


def model_of(X: np.ndarray, labels: np.ndarray) -> xn.Model:
    """The same network made of layers, with the penalty as a setting."""
    l2 = xn.L2(L2)
    net = xn.Sequential(
        xn.Dense(HIDDEN, "relu", kernel_penalty=l2), xn.Dense(CLASSES, kernel_penalty=l2)
    )
    return xn.Model(net, optimizer=xn.SGD(0.1), dtype="float64", input_shape=INPUTS)


def largest_difference(one, other) -> float:
    """The largest difference between two dicts of arrays."""
    return max(float(np.max(np.abs(one[n] - other[n]))) for n in one)


def first_example() -> None:
    """The slides' numbers, by hand and by xpnet."""
    at = (3.0, -4.0, 2.0, -1.0)
    hand = gate_by_gate(*at)
    value, found = xn.value_and_grad(two_times, wrt=(0, 1, 2, 3))(*at)
    print(f"xn.value_and_grad: f = {float(value):g}, gradient {[float(g) for g in found]}")
    assert hand == [-8, 6, 2, 0], "the slides have other numbers"
    assert [float(g) for g in (value, *found)] == [-20, *hand], "xpnet and the gates disagree"


def main() -> None:
    args = options(__doc__.splitlines()[0])
    first_example()
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(N, INPUTS)), rng.integers(0, CLASSES, N)
    shapes = ((INPUTS, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,))
    parameters = [rng.normal(size=shape) for shape in shapes]
    loss, hand = by_hand(X, labels, *parameters)
    print(f"\ntwo layers, softmax, cross-entropy and L2 forks: J = {loss:.12f}")

    vg = xn.value_and_grad(network, wrt=(2, 3, 4, 5))
    value, found = vg(X, labels, *parameters)
    auto = dict(zip(NAMES, found, strict=True))
    graph, graph_loss, by_nodes = by_graph([X, labels, *parameters])
    rows = []
    for name in NAMES:
        far = [f"{np.max(np.abs(hand[name] - g[name])):.1e}" for g in (auto, by_nodes)]
        rows.append((name, hand[name].shape, f"{np.linalg.norm(hand[name]):.6f}", *far))
    head = ("", "shape", "norm of the gradient", "by hand - value_and_grad", "by hand - graph")
    print(table([head, *rows]))
    worst = max(largest_difference(hand, auto), largest_difference(hand, by_nodes))
    worst = max(worst, abs(loss - float(value)), abs(loss - float(graph_loss)))
    print(f"largest difference {worst:.1e}")
    assert worst < 1e-12, "the hand-written backward pass and xpnet's differ"

    model = model_of(X, labels)
    print("\nThe plan of a training step of this network:")
    print(model.plan(X, labels))
    if args.pictures:
        small, _ = trace(two_times, [(n, (), "float64") for n in "xyzw"])
        xn.plot.graph(small, "ops").figure.savefig(args.pictures / "gates_small.png", dpi=120)
        drawn = xn.plot.graph(graph, "ops", backward=True)
        drawn.figure.savefig(args.pictures / "gates_network.png", dpi=100)


if __name__ == "__main__":
    main()

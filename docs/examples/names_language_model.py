"""A neural language model that writes first names, character by character.

From the slides. The probability of a name is the product of the probabilities of its characters,
each given the characters before it. The model sees the last three; "." marks the start and the end
of a name. Each character c has a learned vector C[c]. The three vectors, concatenated, are the
input of an ordinary network (Bengio, Ducharme, Vincent and Jauvin, "A neural probabilistic
language model", JMLR 3, 2003):

    x = (C[c1], C[c2], C[c3])    h = tanh(x W + b)    p(next character) = softmax(h V + d)

Its loss is the mean of -ln p of the characters that occur, in nats. Tables of counts do the same
without a network: the 1-gram model knows how often each character occurs, and the 4-gram model
knows how often it follows each group of three. With 27 characters and 180,000 samples that table is
hard to beat. But it has half a million cells, and knows little about rare contexts. The network
gives similar characters similar vectors: in the picture the vowels are close together.

Some names are in the file twice, for girls and for boys, so a name in the test part may also be in
the training part. The loss on the new names alone is printed too.
"""

from pathlib import Path

import numpy as np
from support import data_file, options, table

import xpnet as xn

LETTERS = ".abcdefghijklmnopqrstuvwxyz"  # the mark "." is number 0
CONTEXT = 3
SMOOTHINGS = (0.01, 0.03, 0.1, 0.3, 1.0)

Samples = tuple[np.ndarray, np.ndarray]


def split(names: list[str]) -> list[list[str]]:
    """80 % for training, 10 % for choosing settings (dev), 10 % for testing."""
    order = np.random.default_rng(0).permutation(len(names))
    cuts = [8 * len(names) // 10, 9 * len(names) // 10]
    return [[names[i] for i in part] for part in np.split(order, cuts)]


def samples(names: list[str]) -> Samples:
    """The numbers of the three characters before each character (n, 3), and its own (n,)."""
    windows = []
    for name in names:
        numbers = [LETTERS.index(c) for c in "." * CONTEXT + name + "."]
        windows += [numbers[i : i + CONTEXT + 1] for i in range(len(name) + 1)]
    found = np.array(windows)
    return found[:, :CONTEXT], found[:, CONTEXT]


def count_losses(parts: list[Samples], order: int) -> list[float]:
    """Each part's loss with counts from the first, smoothed for the lowest loss on the second."""
    first = CONTEXT + 1 - order  # the first character that this model sees

    def losses(smoothing: float) -> list[float]:
        counts = np.full((len(LETTERS),) * order, smoothing)
        X, y = parts[0]
        np.add.at(counts, (*X.T[first:], y), 1)
        log_p = np.log(counts / counts.sum(axis=-1, keepdims=True))
        return [float(-log_p[(*X.T[first:], y)].mean()) for X, y in parts]

    return min((losses(s) for s in SMOOTHINGS), key=lambda found: found[1])


def train(part: Samples, epochs: int, seed: int) -> xn.Model:
    """A network trained on this part."""
    net = xn.Sequential(
        # Initial vectors are small, so that their final size is learned.
        xn.Embedding(len(LETTERS), 24, table_init=xn.init.normal(0.1)),
        xn.Flatten(),
        xn.Dense(300, kernel_init=xn.init.normal(0.5)),
        xn.Tanh(),
        xn.Dense(len(LETTERS)),
    )
    optimizer = xn.AdamW(xn.CosineDecay(5e-3, epochs), weight_decay=0.01)
    model = xn.Model(net, optimizer=optimizer, input_shape=CONTEXT, seed=seed)
    model.fit(*part, epochs=epochs, batch_size=512, verbose=False)
    return model


def write(model: xn.Model, count: int, seed: int) -> list[str]:
    """Draw names from the model, all in parallel, one character at a time, until all have ended."""
    rng = np.random.default_rng(seed)
    context, written = np.zeros((count, CONTEXT), dtype=int), [""] * count
    while not all(w.endswith(".") for w in written):
        logits = model.predict(context)
        drawn = np.argmax(logits + rng.gumbel(size=logits.shape), axis=1)  # c with p(c)
        written = [
            w if w.endswith(".") else w + LETTERS[c] for w, c in zip(written, drawn, strict=True)
        ]
        context = np.column_stack([context[:, 1:], drawn])
    return [w.removesuffix(".") for w in written]


def draw(vectors: np.ndarray, file: Path) -> None:
    """Draw the characters' vectors in the plane of their first two principal components."""
    from matplotlib.figure import Figure

    centered = vectors - vectors.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centered, full_matrices=False)
    share = sizes**2 / np.sum(sizes**2)
    points = centered @ axes[:2].T
    figure = Figure(figsize=(5.8, 4.8), layout="constrained")
    ax = figure.add_subplot()
    ax.scatter(*points.T, s=0)  # sets the limits
    for letter, point in zip(LETTERS, points, strict=True):
        color = "#d55e00" if letter in "aeiouy" else "#0072b2"
        ax.text(*point, letter, color=color, fontsize=15, ha="center", va="center")
    ax.set(
        xlabel=f"first principal component ({share[0]:.0%} of the variance)",
        ylabel=f"second ({share[1]:.0%})",
        title="The vectors of the letters and the end mark",
    )
    ax.grid(alpha=0.3)
    figure.savefig(file, dpi=150)


def main() -> None:
    chosen = options(__doc__.splitlines()[0])
    seeds, epochs = ([0], 2) if chosen.quick else ([0, 1, 2], 25)
    names = split(data_file("names", "names.txt").read_text().split())
    parts = [samples(part) for part in names]
    known = set(names[0])
    parts.append(samples([name for name in names[2] if name not in known]))

    print("negative log-likelihood in nats per character")
    rows = [("model", "train", "dev", "test", "new names of test")]
    rows += [(f"{n}-gram counts", *count_losses(parts, n)) for n in range(1, CONTEXT + 2)]
    models = [train(parts[0], epochs, seed) for seed in seeds]
    losses = [[model.evaluate(*part)["loss"] for part in parts] for model in models]
    rows.append((f"network, mean of {len(seeds)}", *map(float, np.mean(losses, axis=0))))
    print(table(rows))
    print("parameters:", sum(p.size for p in models[0].parameters.values()))
    print("written:", " ".join(write(models[0], 20, seed=0)))
    if chosen.pictures:
        vectors = models[0].parameters["layers.0.weight"]
        draw(vectors, chosen.pictures / "names_vectors.png")


if __name__ == "__main__":
    main()

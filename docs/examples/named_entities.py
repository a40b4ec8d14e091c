"""Named-entity recognition: the words of a sentence that belong to a name, and its kind.

From the slides. Each word is classified from a window of the word and two words on each side. The
network sees three properties of the five words: the word in lower case, its shape (a number,
capitals, ...), and its last three letters. Each property is a number, which a table turns into a
learned vector. Words that occur only once in the training part are "unknown", so that the network
learns what that means. All vectors, concatenated, are the input of an ordinary network:

    x = (E[w-2], ..., E[w+2], S[..], F[..])    h = tanh(x W + b)    p(tag) = softmax(h V + d)

The tags are person, location, organization, miscellaneous, and O for words outside names. Five of
six words are O, so accuracy says little. The score is macro-F1: F1 = 2 P R / (P + R) is the
harmonic mean of a tag's precision and recall, and macro-F1 is its mean over the tags, counted
token by token.

There are two baselines: the most frequent tag, and each word's most frequent tag in the training
part (O for new words). A network that sees only words shows how much the shapes and endings
contribute.
"""

from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.metrics import classification_report, f1_score
from support import data_file, options, table

import xpnet as xn

TAGS = ["O", "I-LOC", "I-MISC", "I-ORG", "I-PER"]
SIDE = 2  # words on each side
WINDOW = 2 * SIDE + 1
OUTSIDE, UNKNOWN = 0, 1  # numbers for words outside the sentence, and for words not in the table

Sentence = list[tuple[str, str]]  # words with their tags


def documents(file: Path) -> list[list[Sentence]]:
    """The file's documents. A line is a word and its tag; an empty line ends a sentence."""
    found: list[list[Sentence]] = [[]]
    for block in file.read_text(encoding="utf-8").strip().split("\n\n"):
        if block.startswith("-DOCSTART-"):
            found.append([])  # a line that separates two documents
        else:
            found[-1].append([tuple(line.split(" ")) for line in block.splitlines()])
    return [document for document in found if document]


def split(found: list[list[Sentence]]) -> list[list[Sentence]]:
    """Sentences from 70 % of the documents for training, 15 % for development, 15 % for testing.

    The split keeps documents whole, since a document usually repeats the names in it.
    """
    order = np.random.default_rng(0).permutation(len(found))
    cuts = [70 * len(found) // 100, 85 * len(found) // 100]
    return [[s for i in part for s in found[i]] for part in np.split(order, cuts)]


def shape(word: str) -> str:
    """The shape of a word."""
    if any(c.isdigit() for c in word):
        return "number" if word.isdigit() else "with digits"
    if not any(c.isalpha() for c in word):
        return "mark"
    if word[0].isupper():
        return "Capital" if word[1:].islower() or len(word) == 1 else "CAPITALS"
    return "small"


PROPERTIES = {  # name: (function of the word, least number of occurrences, length of the vector)
    "word": (str.lower, 2, 50),
    "shape": (shape, 1, 8),
    "ending": (lambda word: word[-3:].lower(), 5, 16),
}


def numbering(sentences: list[Sentence], name: str) -> dict[str, int]:
    """Numbers for the values of a property that occur often enough."""
    function, least, _ = PROPERTIES[name]
    counts = Counter(function(word) for sentence in sentences for word, _ in sentence)
    kept = sorted(value for value, count in counts.items() if count >= least)
    return {value: number for number, value in enumerate(kept, start=UNKNOWN + 1)}


def samples(
    sentences: list[Sentence], numbers: dict[str, dict[str, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """For each word, the numbers of its window, property by property, and the number of its tag."""
    X, y = [], []
    for sentence in sentences:
        rows = []
        for name, known in numbers.items():
            function = PROPERTIES[name][0]
            inside = [known.get(function(word), UNKNOWN) for word, _ in sentence]
            rows.append([OUTSIDE] * SIDE + inside + [OUTSIDE] * SIDE)
        for i, (_, tag) in enumerate(sentence):
            X.append([number for row in rows for number in row[i : i + WINDOW]])
            y.append(TAGS.index(tag))
    return np.array(X), np.array(y)


class Windows(xn.Layer):
    """The vectors of all properties of the words in a window, concatenated: (n, units)."""

    def __init__(self, numbers: dict[str, dict[str, int]]) -> None:
        start = xn.init.normal(0.1)
        self.tables = [
            xn.Embedding(len(known) + 2, PROPERTIES[name][2], table_init=start)
            for name, known in numbers.items()
        ]

    def forward(self, x):
        """Each property has its own columns of x."""
        parts = [x[:, WINDOW * i : WINDOW * (i + 1)] for i in range(len(self.tables))]
        vectors = [table(part) for table, part in zip(self.tables, parts, strict=True)]
        return xn.Flatten()(xn.Concat()(*vectors))


def train(part, numbers: dict[str, dict[str, int]], epochs: int, seed: int) -> xn.Model:
    """A network trained on this part; dropout keeps it from memorizing the part."""
    net = xn.Sequential(
        Windows(numbers),
        xn.Dropout(0.5),
        xn.Dense(128),
        xn.Tanh(),
        xn.Dropout(0.5),
        xn.Dense(len(TAGS)),
    )
    optimizer = xn.AdamW(xn.CosineDecay(2e-3, epochs), weight_decay=0.1)
    model = xn.Model(net, optimizer=optimizer, seed=seed)
    model.fit(*part, epochs=epochs, batch_size=64, verbose=False)
    return model


def scores(true: np.ndarray, guessed: np.ndarray) -> list[float]:
    """Macro-F1 over all five tags, and over the four without O."""
    every = range(len(TAGS))
    return [
        float(f1_score(true, guessed, average="macro", labels=labels, zero_division=0.0))
        for labels in (every, every[1:])
    ]


def baselines(parts: list[list[Sentence]]) -> dict[str, list[np.ndarray]]:
    """Predictions without a network, as tag numbers for the second and the third part."""
    seen: dict[str, Counter[str]] = {}
    for sentence in parts[0]:
        for word, tag in sentence:
            seen.setdefault(word, Counter())[tag] += 1
    usual = sum(seen.values(), Counter()).most_common(1)[0][0]
    own = {word: tags.most_common(1)[0][0] for word, tags in seen.items()}
    words = [[word for sentence in part for word, _ in sentence] for part in parts[1:]]
    return {
        "most frequent tag": [np.full(len(w), TAGS.index(usual)) for w in words],
        "the word's own tag": [np.array([TAGS.index(own.get(x, usual)) for x in w]) for w in words],
    }


def main() -> None:
    chosen = options(__doc__.splitlines()[0])
    seeds, epochs = ([0], 4) if chosen.quick else ([0, 1, 2], 15)
    parts = split(documents(data_file("wikigold", "wikigold.conll.txt")))
    rows = [("token macro-F1", "dev, 5 tags", "dev, no O", "test, 5 tags", "test, no O")]
    numbers = {name: numbering(parts[0], name) for name in PROPERTIES}
    _, y_dev, y_test = truths = [samples(part, numbers)[1] for part in parts]
    for name, (dev, test) in baselines(parts).items():
        rows.append((name, *scores(y_dev, dev), *scores(y_test, test)))
    for kept in (["word"], ["word", "shape"], ["word", "shape", "ending"]):
        known = {name: numbers[name] for name in kept}
        inputs = [samples(part, known)[0] for part in parts]
        guesses = []
        for seed in seeds:
            model = train((inputs[0], truths[0]), known, epochs, seed)
            guesses.append([np.argmax(model.predict(X), axis=1) for X in inputs[1:]])
        found = [scores(y_dev, dev) + scores(y_test, test) for dev, test in guesses]
        rows.append((f"network: {' + '.join(kept)}", *map(float, np.mean(found, axis=0))))
    print(f"means of {len(seeds)} seed(s); {', '.join(str(len(y)) for y in truths)} words")
    print(table(rows))
    test = guesses[0][1]
    print("\nthe last network with seed 0, test part")
    print(classification_report(y_test, test, target_names=TAGS, digits=3))
    if chosen.pictures:
        ax = xn.plot.confusion_matrix(y_test, test, labels=TAGS)
        ax.set_title("WikiGold, words of the test part")
        ax.figure.savefig(chosen.pictures / "named_entities.png", dpi=150)


if __name__ == "__main__":
    main()

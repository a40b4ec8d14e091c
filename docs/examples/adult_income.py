"""A table with categories and gaps: who earns more than 50,000 dollars a year?

From practice. The rows of the census data "adult" have six numbers, eight categories, and question
marks for unknown values. You prepare nothing by hand: the model reads the table as it is, stores
how it prepared each column, and gives the same probabilities after saving and loading. Three models
are compared on the test rows of the data set:

- a plain network, `TableModel`, with the layers that you choose;
- `TabularClassifier`, whose defaults were tuned on many tables (RealMLP-TD, arXiv 2407.04491);
- scikit-learn's boosted trees.

Probabilities are *calibrated* if, of the rows with probability p, a share of p is positive. The
calibration error is the mean difference between the two, over bins of rows.
"""

import gzip
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from support import data_file, options, table

import xpnet as xn

NAMES = """age workclass fnlwgt education education-num marital-status occupation relationship race
    sex capital-gain capital-loss hours-per-week native-country income""".split()


def rows(name: str) -> pd.DataFrame:
    """The rows of a file, with missing cells where it has question marks."""
    with gzip.open(data_file("adult", name), "rt") as stream:
        found = pd.read_csv(
            stream,
            names=NAMES,
            skipinitialspace=True,
            na_values="?",
            comment="|",
        )
    return found.assign(income=found["income"].str.rstrip("."))


def calibration_error(positive: np.ndarray, p: np.ndarray, bins: int = 10) -> float:
    """The mean of |share of positives - mean probability| over bins, weighted by their rows."""
    place = np.minimum((p * bins).astype(int), bins - 1)
    parts = [place == i for i in np.unique(place)]
    return float(sum(abs(positive[at].mean() - p[at].mean()) * at.mean() for at in parts))


def scores(name: str, truth: pd.Series, p: np.ndarray) -> tuple[object, ...]:
    """A row of the table of results."""
    positive = (truth == ">50K").to_numpy()
    right = accuracy_score(positive, p > 0.5)
    loss, area = log_loss(positive, p), roc_auc_score(positive, p)
    return name, float(right), float(loss), float(area), calibration_error(positive, p)


def plain(train: pd.DataFrame, epochs: int) -> xn.tabular.TableModel:
    """Two hidden layers after the columns that the schema detected."""
    schema = xn.tabular.Schema.infer(train, target="income")
    for feature in schema.features:
        several = f", {len(feature.categories)} values" if feature.categories else ""
        print(f"  {feature.name}: {feature.kind}{several}")
    net = xn.Sequential(xn.Dense(64, "relu"), xn.Dropout(0.2), xn.Dense(64, "relu"), xn.Dense(2))
    rate = xn.CosineDecay(0.003, epochs)
    model = xn.tabular.TableModel.of(train, schema, net, optimizer=xn.Adam(rate), seed=0)
    model.fit(train, epochs=epochs, batch_size=128, verbose=False)
    return model


def trees(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Probabilities from boosted trees, whose columns need other types."""
    both = pd.concat([train, test]).drop(columns="income")
    text = both.select_dtypes(exclude="number").columns
    both = both.astype({**dict.fromkeys(both.columns.difference(text), "float64")})
    both[text] = both[text].astype(object).fillna("?").astype("category")
    model = HistGradientBoostingClassifier(random_state=0)
    model.fit(both[: len(train)], train["income"] == ">50K")
    return model.predict_proba(both[len(train) :])[:, 1]


def main() -> None:
    chosen = options(__doc__.splitlines()[0])
    train, test = rows("adult.data.gz"), rows("adult.test.gz")
    truth = test["income"]
    print(f"{len(train):,} rows to train, {len(test):,} to test; columns:")
    network = plain(train, 4 if chosen.quick else 20)
    results = [("model", "accuracy", "log loss", "ROC AUC", "calibration error")]
    results.append(scores("network", truth, network.predict_proba(test)[:, 1]))
    tuned = xn.TabularClassifier(
        random_state=0, preset="fast", max_epochs=2 if chosen.quick else None
    )
    tuned.fit(train.drop(columns="income"), train["income"])
    features = test.drop(columns="income")
    results.append(scores("TabularClassifier, fast", truth, tuned.predict_proba(features)[:, 1]))
    results.append(scores("boosted trees", truth, trees(train, test)))
    print(table(results))

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "adult.safetensors")
        network.save(file)
        again = xn.load(file)
        same = np.array_equal(again.predict_proba(test), network.predict_proba(test))
        print(f"the same probabilities after saving and loading: {same}")
    someone = {"age": 45, "education": "Masters", "education-num": 14, "hours-per-week": 50}
    unknown = dict.fromkeys(n for n in NAMES[:-1] if n not in someone)
    p = network.predict_proba([someone | unknown])[0, 1]
    print(f"45 years old, a master's degree, 50 hours a week, nothing else known: {p:.2f}")


if __name__ == "__main__":
    main()

"""One changed import: scikit-learn's MLPClassifier and ours in the same script.

``from sklearn.neural_network import MLPClassifier`` becomes ``from xpnet import MLPClassifier``.
The pipeline, the search over penalties and the scores stay the same. With the same
``random_state`` both draw the same weights and batches, so the loss curves are equal up to
rounding. The second part uses features that scikit-learn's lacks: dropout, a schedule, your own
validation data, and the weights of the best epoch.
"""

import warnings
from time import perf_counter
from typing import Any

import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support import options, table

import xpnet as xn


def searched(MLPClassifier: Any, data: Any, epochs: int) -> GridSearchCV:
    """A typical scikit-learn script: scale, search for the penalty, fit again."""
    X, y, *_ = data
    model = MLPClassifier(hidden_layer_sizes=(50,), max_iter=epochs, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model)
    return GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1e-1, 10.0]}, cv=3).fit(X, y)


def compare(data: Any, epochs: int) -> list[Any]:
    """Run both searches; print their scores and times; return the fitted networks."""
    rows, networks = [["import from", "alpha", "test accuracy", "last loss", "seconds"]], []
    for module in (sklearn.neural_network, xn):
        start = perf_counter()
        search = searched(module.MLPClassifier, data, epochs)
        seconds = perf_counter() - start
        network = search.best_estimator_[-1]
        networks.append(network)
        alpha, score = search.best_params_["mlpclassifier__alpha"], search.score(*data[2:])
        rows.append([module.__name__, alpha, score, network.loss_, f"{seconds:.1f}"])
    print(table(rows))
    return networks


def more(data: Any, epochs: int) -> None:
    """Dropout, a schedule, validation data, and the weights of the best epoch."""
    X, y, *test = data
    model = xn.MLPClassifier(
        hidden_layer_sizes=(50,),
        dropout=0.1,
        optimizer=xn.AdamW(xn.CosineDecay(0.005, epochs)),
        max_iter=epochs,
        restore_best=True,
        random_state=0,
    )
    model.fit(X[:1000], y[:1000], X_val=X[1000:], y_val=y[1000:])
    best, accuracy = max(model.validation_scores_), model.score(*test)
    print(f"best of {model.n_iter_} epochs: validation {best:.4f}, test {accuracy:.4f}")


def main() -> None:
    quick = options("scikit-learn's MLPClassifier and ours.").quick
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y, X_test, y_test = xn.datasets.digits()
    data = X.astype("float64"), y, X_test.astype("float64"), y_test
    epochs = 15 if quick else 100
    theirs, ours = compare(data, epochs)
    pairs = zip(theirs.loss_curve_, ours.loss_curve_, strict=True)
    print(f"\nlargest difference of the loss curves: {max(abs(a - b) for a, b in pairs):.1e}")
    more(data, epochs)


if __name__ == "__main__":
    main()

"""The part of a report about scores: how good the predictions are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.cli.page.markup import Html, element, figure, joined, scrolling, table
from xpnet.cli.page.pictures_of import histogram, points, shares
from xpnet.cli.page.skeleton import Section, section
from xpnet.cli.score_text import number_text, share_text
from xpnet.tabular.class_results import ClassResults
from xpnet.tabular.value_results import ValueResults

__all__ = ["class_scores_part", "tiles", "value_scores_part"]

_MOST_CLASSES = 20
_ACROSS, _ERRORS = "Predicted over true values", "Errors over predicted values"
_SPREAD = "Distribution of the errors"


def tiles(found: ClassResults | ValueResults) -> Html:
    """The most important scores, and what they compare with."""
    if isinstance(found, ValueResults):
        rows = [
            ("R²", share_text(found.r2), "1: perfect, 0: always the mean"),
            ("RMSE", number_text(found.rmse), f"always the mean: {number_text(found.deviation)}"),
            ("mean absolute error", number_text(found.mae), "in the target's units"),
        ]
    else:
        usual = found.classes[int(found.support.argmax())]
        rows = [
            (
                "accuracy",
                share_text(found.accuracy),
                f"always {usual}: {share_text(found.most_frequent)}",
            ),
            (
                "balanced accuracy",
                share_text(found.balanced_accuracy),
                "mean recall of the classes",
            ),
            ("log loss", share_text(found.log_loss), "0: perfect"),
            ("calibration error", share_text(found.calibration.error), "0: perfect"),
        ]
        if found.auc is not None:
            rows.insert(3, ("ROC AUC", share_text(found.auc), "0.5: chance"))
    cells = [
        element("div", element("dt", name), element("dd", value, element("small", why)))
        for name, value, why in rows
    ]
    return element("dl", *cells, class_="tiles")


def class_scores_part(found: ClassResults) -> Section:
    """Each class, what is confused with what, and whether probabilities can be believed."""
    order = np.argsort(-found.support, kind="stable")[:_MOST_CLASSES]
    order.sort()
    names = [str(found.classes[i]) for i in order]
    each = table(
        ("class", "precision", "recall", "F1", "rows"),
        [
            (names[j], *(share_text(float(c[i])) for c in _columns(found)), f"{found.support[i]:,}")
            for j, i in enumerate(order)
        ],
        numbers=range(1, 5),
    )
    left_out = len(found.classes) - len(order)
    more = (
        [element("p", f"… and {left_out:,} classes with fewer rows.", class_="soft")]
        if left_out
        else []
    )
    return section(
        "scores",
        "Scores",
        element(
            "div",
            element("div", element("h3", "Each class"), each, *more),
            element("div", element("h3", "Confusion matrix"), _confusion(found, order, names)),
            class_="beside",
        ),
        element("h3", "Calibration"),
        _calibration(found),
    )


def _columns(found: ClassResults) -> tuple[NDArray[np.float64], ...]:
    return found.precision, found.recall, found.f1


def _confusion(found: ClassResults, order: NDArray[Any], names: list[str]) -> Html:
    """Rows by true and predicted class; the darker, the larger the share of the true class."""
    head = [element("th", name, scope="col", class_="n") for name in names]
    rows = []
    for name, i in zip(names, order, strict=True):
        support = max(int(found.support[i]), 1)
        cells = [
            element(
                "td",
                f"{count:,}",
                style=f"background: rgba(var(--heat), {0.6 * count / support:.3f})",
            )
            for count in found.confusion[i, order].tolist()
        ]
        rows.append(element("tr", element("th", name, scope="row"), *cells))
    whole = element(
        "table",
        element("thead", element("tr", element("td"), *head)),
        element("tbody", *rows),
    )
    words = "Rows: the true class. Columns: the predicted class. Shades: shares of a true class."
    return joined(
        [element("p", words, class_="soft"), scrolling(whole, "Confusion matrix", "matrix")]
    )


def _calibration(found: ClassResults) -> Html:
    c = found.calibration
    full = np.flatnonzero(c.rows).tolist()
    about = "Share of right predictions by the probability of the predicted class: " + ", ".join(
        f"{c.right[i]:.2f} right at {c.said[i]:.2f}" for i in full
    )
    columns = (c.edges.tolist(), c.said.tolist(), c.right.tolist(), c.rows.tolist())
    rows = [
        (
            f"{c.edges[i]:.1f} to {c.edges[i + 1]:.1f}",
            share_text(float(c.said[i])),
            share_text(float(c.right[i])),
            f"{c.rows[i]:,}",
        )
        for i in full
    ]
    picture = figure(shares(*columns, about=about), "How often predictions are right")
    numbers = table(("probability", "mean", "right", "rows"), rows, numbers=range(1, 4))
    words = element(
        "p",
        "On the dashed line, predictions are right as often as their probabilities say. "
        "Bars: numbers of rows.",
        class_="soft",
    )
    return element("div", picture, element("div", words, numbers), class_="beside")


def value_scores_part(
    found: ValueResults, true: NDArray[np.float64], predicted: NDArray[np.float64], target: str
) -> Section:
    """The errors, and where they are."""
    errors = predicted - true
    quantiles = [number_text(error) for error in found.quantiles.tolist()]
    numbers = table(
        ("share of the rows", *(f"{share:.0%}" for share in found.SHARES)),
        [("error at most", *quantiles)],
        numbers=range(1, 6),
        caption=f"Errors (predicted - true) in the units of {target}",
    )
    pictures = [
        figure(picture, title)
        for title, picture in (
            (
                _ACROSS,
                points(true, predicted, about=_ACROSS, x_label="true value", diagonal=True),
            ),
            (_ERRORS, points(predicted, errors, about=_ERRORS, x_label="predicted value")),
            (
                _SPREAD,
                histogram(
                    errors,
                    about=f"{_SPREAD}; their median is {quantiles[2]}",
                    x_label="predicted - true",
                ),
            ),
        )
    ]
    return section("scores", "Scores", numbers, element("div", *pictures, class_="charts"))

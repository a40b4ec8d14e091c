"""Two tables as one: the scores of red and white wines, and what they depend on.

From practice. Each wine has eleven measurements, a color, and a score from 3 to 9 by tasters. The
score is treated as a number: an error of one point counts less than an error of three. The
*permutation importance* of a column is how much worse the predictions become when the column is
shuffled among the rows. *Partial dependence* is the mean prediction when a column has the same
value in all rows.
"""

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from support import data_file, options, table

import xpnet as xn


def wines() -> pd.DataFrame:
    """Both tables, with the color as a column."""
    tables = []
    for color in ("red", "white"):
        file = data_file("wine-quality", f"winequality-{color}.csv")
        tables.append(pd.read_csv(file, sep=";").assign(color=color))
    return pd.concat(tables, ignore_index=True)


def error(model: object, X: pd.DataFrame, y: pd.Series) -> float:
    """The root mean squared error, in points."""
    return float(np.sqrt(np.mean((model.predict(X) - y) ** 2)))


def main() -> None:
    chosen = options(__doc__.splitlines()[0])
    found = wines().drop_duplicates()
    X, y = found.drop(columns="quality"), found["quality"].astype(float)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
    model = xn.TabularRegressor(
        preset="fast" if chosen.quick else "realmlp",
        max_epochs=10 if chosen.quick else None,
        random_state=0,
    ).fit(X_train, y_train)
    trees = HistGradientBoostingRegressor(categorical_features=["color"], random_state=0)
    trees.fit(X_train.astype({"color": "category"}), y_train)
    rows: list[tuple[object, ...]] = [("model", "error in points")]
    always = float(np.sqrt(np.mean((y_train.mean() - y_test) ** 2)))
    rows.append(("mean of the training rows", always))
    rows.append(("boosted trees", error(trees, X_test.astype({"color": "category"}), y_test)))
    rows.append(("TabularRegressor", error(model, X_test, y_test)))
    print(table(rows))

    sample = X_test.assign(**{model.table_model_.target.name: y_test})
    found = xn.tabular.importance(model.table_model_, sample, score="rmse", repeats=3)
    print("the columns that matter most, by the error that shuffling them adds:")
    for name, mean, std in list(zip(found.names, found.mean, found.std, strict=True))[:4]:
        print(f"  {name:22} {mean:.3f} +- {std:.3f}")
    (alcohol,) = xn.tabular.dependence(model.table_model_, sample, ["alcohol"], points=5)
    print("mean score if all wines had this much alcohol:")
    for percent, score in zip(alcohol.values, alcohol.mean.ravel(), strict=True):
        print(f"  {percent:5.1f}%  {score:.2f}")


if __name__ == "__main__":
    main()

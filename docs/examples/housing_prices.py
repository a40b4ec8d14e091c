"""A table with a category and gaps: house prices in California.

From practice. ``housing.csv`` has eight numbers, a category (where the ocean is), and 207 empty
cells. `TabularRegressor` takes the data frame as it is. It fills gaps with the median and marks
them, and turns the category into columns. It scales numbers by their median and quartiles, and
expands them with learned waves. It standardizes prices, and predicts only prices within the range
of the training rows. ``n_ens=2`` averages two networks that start from different weights.

The errors are root mean squares in dollars on rows that no model has seen.
"""

import time

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from support import data_file, options, table

import xpnet as xn

OCEAN = ["ocean_proximity"]


def columns(last: object) -> object:
    """A model after the preparation that scikit-learn needs; a table model does this itself."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    kinds = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(make_column_transformer((kinds, OCEAN), remainder=numbers), last)


def main() -> None:
    chosen = options(__doc__.splitlines()[0])
    frame = pd.read_csv(data_file("california-housing", "housing.csv"))
    X, y = frame.drop(columns="median_house_value"), frame["median_house_value"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
    if chosen.quick:
        X_train, y_train = X_train[:4000], y_train[:4000]
    epochs = 8 if chosen.quick else None
    mlp = xn.MLPRegressor(scale_target=True, early_stopping=True, random_state=0)
    models = {
        "linear regression": columns(LinearRegression()),
        "MLPRegressor, targets scaled": columns(mlp),
        "boosted trees": columns(HistGradientBoostingRegressor(random_state=0)),
        "TabularRegressor, fast": xn.TabularRegressor(
            preset="fast", random_state=0, max_epochs=epochs
        ),
        "TabularRegressor, fast, two averaged": xn.TabularRegressor(
            preset="fast", random_state=0, max_epochs=epochs, n_ens=2
        ),
    }
    if not chosen.quick:
        models["TabularRegressor"] = xn.TabularRegressor(random_state=0)
    rows: list[tuple[object, ...]] = [("model", "error in dollars", "seconds to train")]
    for name, model in models.items():
        start = time.perf_counter()
        model.fit(X_train, y_train)
        seconds = time.perf_counter() - start
        error = float(np.sqrt(np.mean((model.predict(X_test) - y_test) ** 2)))
        rows.append((name, f"{error:,.0f}", f"{seconds:.1f}"))
    print(table(rows))

    tabular = models["TabularRegressor, fast"].table_model_
    print(f"columns: {', '.join(tabular.feature_names)}")
    print(f"predictions are clipped to {tabular.target.low:,.0f} .. {tabular.target.high:,.0f}")


if __name__ == "__main__":
    main()

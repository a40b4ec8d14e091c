"""Estimators with scikit-learn's interface on xpnet's engine (extra ``sklearn``).

`MLPClassifier` and `MLPRegressor` keep the names, meanings and defaults of scikit-learn's
parameters, and add parameters for features that scikit-learn lacks. `TabularClassifier` and
`TabularRegressor` take data frames as they are and need no tuning. `Model.fit` trains all of them.
"""

from xpnet.optional import require

require("sklearn.callback", "sklearn", "xpnet.MLPClassifier and xpnet.MLPRegressor")

from xpnet.estimators.classifier import MLPClassifier  # noqa: E402  (after the clear error)
from xpnet.estimators.regressor import MLPRegressor  # noqa: E402
from xpnet.estimators.tabular_classifier import TabularClassifier  # noqa: E402
from xpnet.estimators.tabular_regressor import TabularRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor"]

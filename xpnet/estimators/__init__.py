"""scikit-learn's multilayer perceptrons on xpnet's engine (extra ``sklearn``).

`MLPClassifier` and `MLPRegressor` keep the names, meanings and defaults of scikit-learn's
parameters, and add parameters for features that scikit-learn lacks. `Model.fit` trains them.
"""

from xpnet.optional import require

require("sklearn.callback", "sklearn", "xpnet.MLPClassifier and xpnet.MLPRegressor")

from xpnet.estimators.classifier import MLPClassifier  # noqa: E402  (after the clear error)
from xpnet.estimators.regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]

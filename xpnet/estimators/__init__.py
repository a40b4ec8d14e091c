"""scikit-learn's multilayer perceptrons on xpnet's engine (extra ``sklearn``).

`MLPClassifier` and `MLPRegressor` have scikit-learn's names, meanings and defaults, and parameters
for much that scikit-learn leaves to other libraries. `Model.fit` trains them.
"""

from xpnet.optional import require

require("sklearn.callback", "sklearn", "xpnet.MLPClassifier and xpnet.MLPRegressor")

from xpnet.estimators.classifier import MLPClassifier  # noqa: E402  (after the clear error)
from xpnet.estimators.regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]

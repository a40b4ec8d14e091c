"""scikit-learn's multilayer perceptrons on xpnet's engine (extra ``sklearn``).

`MLPClassifier` and `MLPRegressor` have scikit-learn's names, meanings and defaults, and further
parameters for what its users were told to look for elsewhere. They are thin: `Model.fit` trains.
"""

from xpnet.optional import require

require("sklearn.callback", "sklearn", "xpnet.MLPClassifier and xpnet.MLPRegressor")

from xpnet.estimators.classifier import MLPClassifier  # noqa: E402  (behind the clear error)
from xpnet.estimators.regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]

"""scikit-learn's checks of every estimator, its Array API checks among them, without exceptions.

Those with arrays of other libraries need the environment variable SCIPY_ARRAY_API, which
tests/conftest.py sets.
"""

import pytest

pytest.importorskip("sklearn", minversion="1.9")

from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils._test_common import instance_generator
from sklearn.utils.estimator_checks import parametrize_with_checks

import xpnet

# scikit-learn runs some checks of its own with other parameters; ours are treated alike.
SETTINGS = instance_generator.PER_ESTIMATOR_CHECK_PARAMS
SETTINGS[xpnet.MLPClassifier] = SETTINGS[MLPClassifier]
SETTINGS[xpnet.MLPRegressor] = SETTINGS[MLPRegressor]


@pytest.mark.filterwarnings("default")
@parametrize_with_checks([xpnet.MLPClassifier(max_iter=100), xpnet.MLPRegressor(max_iter=100)])
def test_check(estimator, check):
    check(estimator)


def test_scikit_learn_expects_no_failure_of_its_own_either():
    declared = instance_generator.PER_ESTIMATOR_XFAIL_CHECKS
    assert not {MLPClassifier, MLPRegressor} & set(declared)


@pytest.mark.parametrize("kind", [xpnet.MLPClassifier, xpnet.MLPRegressor])
def test_the_array_api_is_declared(kind):
    assert kind().__sklearn_tags__().array_api_support

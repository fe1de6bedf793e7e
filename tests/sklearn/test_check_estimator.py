"""scikit-learn's own checks of an estimator, all of them, each a test."""

import pytest

pytest.importorskip("sklearn", reason='needs pip install "secant[sklearn]"')

from sklearn.utils.estimator_checks import parametrize_with_checks

from secant.sklearn import MLPClassifier

# Checks train on noise, too, and are told that nothing was learned of it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@parametrize_with_checks([MLPClassifier()])
def test_scikit_learn_s_check(estimator, check):
    check(estimator)

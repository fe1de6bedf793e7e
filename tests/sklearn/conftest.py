"""The estimator, and real data that it learns in a moment."""

import pytest


@pytest.fixture(scope="session")
def classifier():
    """`secant.sklearn.MLPClassifier`, where scikit-learn is installed."""
    pytest.importorskip("sklearn", reason='needs pip install "secant[sklearn]"')
    from secant.sklearn import MLPClassifier

    return MLPClassifier


@pytest.fixture(scope="session")
def iris(classifier):
    """Scaled iris, with labels that are words."""
    from sklearn.datasets import load_iris

    data = load_iris()
    x = data.data - data.data.mean(axis=0)
    return x / x.std(axis=0), data.target_names[data.target]

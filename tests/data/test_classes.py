"""How many samples each class has, and what is said of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secant.data.labels import (
    MAX_IMBALANCE,
    balanced_accuracy,
    class_counts,
    class_warnings,
    recalls,
)


@given(st.lists(st.integers(0, 6)))
def test_every_sample_is_counted_once(labels):
    counts = class_counts(np.array(labels, int), 7)
    assert counts.tolist() == [labels.count(c) for c in range(7)]


def test_balanced_samples_need_no_word():
    assert (
        class_warnings(np.array([100, MAX_IMBALANCE * 100 - 1]), np.array([1, 5])) == ()
    )


def test_a_class_without_training_samples_is_reported():
    (said,) = class_warnings(np.array([5, 0, 5, 0]), np.array([1, 1, 1, 0]))
    assert said.startswith("there is no training sample of classes 1, 3, so")


def test_a_class_without_test_samples_is_reported():
    (said,) = class_warnings(np.array([5, 5]), np.array([1, 0]))
    assert said.startswith("there is no test sample of class 1, so the accuracy")
    assert class_warnings(test=np.array([3, 0])) == (said,)


def test_badly_unbalanced_classes_are_reported_with_their_counts():
    (said,) = class_warnings(
        np.array([MAX_IMBALANCE * 1000, 1000, 3000]), np.array([1, 1, 1])
    )
    assert said.startswith(
        "class 0 has 10,000 training samples and class 1 has 1,000: a network that "
        "never answers 1"
    )


def test_of_many_classes_a_few_are_named():
    train = np.zeros(1000, int)
    train[0] = 3
    (said,) = class_warnings(train)
    assert "of 999 classes (1, 2, 3, 4, 5, 6, …)" in said


@given(
    st.lists(
        st.integers(0, 30).flatmap(
            lambda total: st.tuples(st.integers(0, total), st.just(total))
        ),
        min_size=1,
    ).filter(lambda classes: any(total for _, total in classes))
)
def test_balanced_accuracy_is_the_mean_over_the_classes_that_there_are(classes):
    right, samples = np.array(classes).T
    shares = [r / n for r, n in classes if n]
    assert balanced_accuracy(right, samples) == pytest.approx(np.mean(shares))
    assert np.isnan(recalls(right, samples)).tolist() == [n == 0 for _, n in classes]


def test_balanced_accuracy_is_scikit_learn_s():
    metrics = pytest.importorskip("sklearn.metrics")
    draw = np.random.default_rng(0)
    t, guess = draw.integers(4, size=(2, 200))
    right, samples = class_counts(t[t == guess], 4), class_counts(t, 4)
    assert balanced_accuracy(right, samples) == pytest.approx(
        metrics.balanced_accuracy_score(t, guess)
    )

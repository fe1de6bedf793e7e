import numpy as np
import pytest

from secant.data.labels import are_pixels, as_inputs, labels_from_array, split_samples
from secant.errors import DataError


@pytest.mark.parametrize(
    "values",
    [
        np.array([2, 0, 1], np.uint8),
        np.array([2.0, 0.0, 1.0], np.float16),
        np.array([[2], [0], [1]]),  # as Keras keeps CIFAR's
        np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], bool),
    ],
    ids=["uint8", "float", "column", "one-hot"],
)
def test_every_form_of_labels_becomes_int64(values: np.ndarray) -> None:
    labels = labels_from_array(values, "t")
    np.testing.assert_array_equal(labels, [2, 0, 1])
    assert labels.dtype == np.int64


@pytest.mark.parametrize("value", [np.nan, np.inf, -1, 0.5, 1e9])
def test_label_that_is_no_class_is_refused_with_its_index(value: float) -> None:
    with pytest.raises(DataError, match=r"t\[1\] is .*: a label is a whole number"):
        labels_from_array(np.array([0, value]), "t")


def test_label_beyond_int64_is_refused() -> None:
    with pytest.raises(DataError, match=r"t\[0\] is 18446744073709551615"):
        labels_from_array(np.array([2**64 - 1], np.uint64), "t")


@pytest.mark.parametrize("row", [[1, 1, 0], [0, 0, 0], [0.5, 0.5, 0], [np.nan, 1, 0]])
def test_row_that_is_not_one_hot_is_refused(row: list[float]) -> None:
    with pytest.raises(DataError, match=r"t\[1\] is not a one-hot row"):
        labels_from_array(np.array([[1, 0, 0], row]), "t")


@pytest.mark.parametrize("values", [np.array(["a"]), np.zeros((1, 1, 1))])
def test_labels_of_another_form_are_refused(values: np.ndarray) -> None:
    with pytest.raises(DataError, match="labels are whole numbers of shape"):
        labels_from_array(values, "t")


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.zeros((1, 2), np.uint8), True),
        (np.array([[0, 255]]), True),
        (np.array([[0.0, 200.0]]), True),
        (np.array([[0.0, 200.5]]), False),
        (np.array([[0, 127]]), False),
        (np.array([[-1, 255]]), False),
        (np.array([[0, 256]]), False),
        (np.array([[0, np.nan, 255]]), False),
        (np.array([[True]]), False),
    ],
)
def test_pixels_are_distinguished_from_other_numbers(
    x: np.ndarray, expected: bool
) -> None:
    assert are_pixels(x) is expected


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_nonfinite_input_is_refused_with_its_index(value: float) -> None:
    with pytest.raises(DataError, match=r"x\[1, 2\] is .* must be a finite number"):
        as_inputs(np.array([[0, 0, 0], [0, 0, value]]), "x", pixels=False)


@pytest.mark.parametrize("shape", [(3,), (0, 3), (3, 0)])
def test_inputs_without_samples_or_features_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="x has shape"):
        as_inputs(np.zeros(shape), "x", pixels=False)


def test_scaling_does_not_change_the_given_array() -> None:
    x = np.full((2, 2), 255, np.float32)
    assert as_inputs(x, "x", pixels=True).max() == 1
    assert x.max() == 255


def test_split_is_the_same_every_time_and_keeps_the_order() -> None:
    t = np.random.default_rng(3).integers(0, 4, 200)
    x = np.arange(200)[:, None]
    (x_train, t_train), (x_test, t_test) = split_samples(x, t, "mine")
    again = split_samples(x, t, "mine")
    np.testing.assert_array_equal(again[1][0], x_test)
    assert not np.array_equal(split_samples(x, t, "mine", seed=1)[1][0], x_test)
    np.testing.assert_array_equal(np.union1d(x_train, x_test), x[:, 0])
    assert (np.diff(x_train[:, 0]) > 0).all()
    assert (t_train == t[x_train[:, 0]]).all()
    assert (np.bincount(t_test) == np.round(np.bincount(t) / 5)).all()


def test_class_of_one_sample_stays_in_the_training_part() -> None:
    t = np.array([0, 1, 1])
    (_, t_train), (_, t_test) = split_samples(np.zeros((3, 1)), t, "mine")
    assert (sorted(t_train), list(t_test)) == ([0, 1], [1])


def test_data_too_few_to_split_are_refused() -> None:
    with pytest.raises(DataError, match="no class has two samples"):
        split_samples(np.zeros((2, 1)), np.array([0, 1]), "mine")

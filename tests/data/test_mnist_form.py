from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from secant.data.digit_images import to_mnist_form
from secant.data.mnist import load_mnist
from secant.errors import DataError

Difference: TypeAlias = Callable[[np.ndarray, np.ndarray], float]


def enlarged(digit: np.ndarray, side: int) -> np.ndarray:
    image = Image.fromarray(digit).resize((side, side), Image.Resampling.NEAREST)
    return np.asarray(image, np.float64) / 255


def test_digit_in_mnists_form_is_unchanged(
    digits: np.ndarray, difference: Difference
) -> None:
    for digit in digits:
        assert difference(to_mnist_form(digit), digit) < 0.01


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8", "?"])
def test_every_dtype_means_its_own_range(
    digits: np.ndarray, dtype: str, difference: Difference
) -> None:
    grey = digits[4] / 255
    top = np.iinfo(dtype).max if dtype[0] == "u" else 1
    picture = np.round(grey * top) if dtype == "?" else grey * top
    assert difference(to_mnist_form(picture.astype(dtype)), digits[4]) < 0.06


@pytest.mark.parametrize("dark", [True, False], ids=["dark ink", "light ink"])
def test_faint_ink_in_uneven_light_with_dust_is_found(
    digits: np.ndarray,
    dark: bool,
    difference: Difference,
) -> None:
    rng = np.random.default_rng(1)
    height, width = 600, 800
    y, x = np.mgrid[:height, :width]
    for digit in digits:
        page = np.zeros((height, width))
        page[200:480, 400:680] = enlarged(digit, 280)
        paper = 0.85 - 0.25 * x / width - 0.1 * y / height
        paper = paper if dark else 1 - paper
        photo = paper * (1 - 0.5 * page) if dark else paper + 0.4 * page
        photo += rng.normal(0, 0.01, photo.shape)
        photo[50:54, 70:74] = photo[550:553, 30:33] = 0.3 if dark else 0.7
        assert difference(to_mnist_form(photo.clip(0, 1)), digit) < 0.025


@pytest.mark.parametrize("width", [1, 3, 9, 40])
def test_thin_and_thick_pens_give_white_strokes(width: int) -> None:
    picture = np.ones((300, 200))
    picture[50:250, 100 : 100 + width] = 0
    digit = to_mnist_form(picture).reshape(28, 28)
    assert digit.max() == 1
    assert digit[[4, 23]].max(axis=1) == pytest.approx(1)  # 20 rows of ink
    assert digit[[3, 24]].max() == 0


def test_separate_part_of_a_digit_is_kept() -> None:
    picture = np.zeros((200, 200))
    picture[60:160, 90:100] = 1
    picture[30:40, 90:100] = 1  # the dot: a tenth of the stroke
    digit = to_mnist_form(picture).reshape(28, 28)
    rows = np.flatnonzero(digit.max(axis=1))
    assert np.diff(rows).max() > 1


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (3, 2), (2000, 3)])
def test_odd_shapes_are_worked_on(shape: tuple[int, int]) -> None:
    picture = np.zeros(shape)
    picture[shape[0] // 2, shape[1] // 2] = 1
    assert to_mnist_form(picture).shape == (784,)


def test_blank_array_is_refused_by_its_name() -> None:
    with pytest.raises(DataError, match="canvas: is blank"):
        to_mnist_form(np.full((5, 5), 0.4), "canvas")


@pytest.mark.parametrize(
    "picture",
    [np.zeros(784), np.zeros((0, 3)), np.zeros((2, 2, 3)), np.array([["a"]]), None],
)
def test_array_that_is_no_grey_picture_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(DataError, match="pass a grey picture of shape"):
        to_mnist_form(picture)


@pytest.mark.parametrize("value", [255.0, -0.1, np.nan, np.inf])
def test_float_out_of_range_is_refused_with_its_index(value: float) -> None:
    with pytest.raises(DataError, match=r"picture\[1, 0\] is .* from 0 to 1"):
        to_mnist_form(np.array([[0, 0], [value, 0]]))


def test_array_with_too_many_pixels_is_refused() -> None:
    picture = np.broadcast_to(np.uint8(0), (10_000, 10_000))
    with pytest.raises(DataError, match="100,000,000 pixels"):
        to_mnist_form(picture)


@settings(derandomize=True, max_examples=200, deadline=None, database=None)
@given(
    arrays.arrays(
        np.uint8, arrays.array_shapes(min_dims=2, max_dims=2), fill=st.nothing()
    )
)
def test_any_picture_is_blank_or_a_digit(
    at_worst_data_error: Callable[[Path], AbstractContextManager[None]],
    picture: np.ndarray,
) -> None:
    with at_worst_data_error(Path("picture: is blank")):
        found = to_mnist_form(picture)
        assert found.min() >= 0
        assert found.max() == 1


def test_enlarged_mnist_digits_are_restored(
    mnist_at_hand: str, difference: Difference
) -> None:
    _, (x, _) = load_mnist(normalize=False, folder=mnist_at_hand)
    found = [
        difference(
            to_mnist_form(1 - enlarged(digit.reshape(28, 28), 190)),
            digit.reshape(28, 28),
        )
        for digit in x[:200]
    ]
    assert np.mean(found) < 0.01

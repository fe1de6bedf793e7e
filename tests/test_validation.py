"""Constraints: what they take, what they refuse, and in which words."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import inf, isfinite, nan
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from secant import InvalidInput
from secant.validation import (
    Boolean,
    Choice,
    Constraint,
    Each,
    Or,
    PositiveNumber,
    RealNumber,
    Share,
    WholeNumber,
    as_real_number,
    as_whole_number,
    validate,
    validate_fields,
)


def refused(value: object, constraint: Constraint[object]) -> str:
    with pytest.raises(InvalidInput) as caught:
        validate("size", value, constraint)
    return str(caught.value)


# --- whole numbers ---------------------------------------------------------------


@given(st.integers(), st.integers(), st.integers(), st.booleans(), st.booleans())
def test_a_whole_number_is_accepted_exactly_within_its_limits(
    n, a, b, has_low, has_high
):
    low, high = sorted((a, b))
    constraint = WholeNumber(low if has_low else None, high if has_high else None)
    if (has_low and n < low) or (has_high and n > high):
        refused(n, constraint)
    else:
        assert validate("size", n, constraint) == n


@pytest.mark.parametrize(
    "kind", [np.int8, np.uint64, np.array, jnp.int32, jnp.array, np.intp]
)
def test_whole_numbers_of_arrays_become_pythons(kind):
    found = validate("size", kind(3), WholeNumber(low=1))
    assert type(found) is int
    assert found == 3


@pytest.mark.parametrize(
    ("value", "came"),
    [
        (True, "size is True: pass"),
        (np.True_, "size is np.True_: pass"),
        (jnp.array(True), "size is Array(True, dtype=bool): pass"),
        (2.0, "size is 2.0: pass"),
        (np.float32(2), "size is np.float32(2.0): pass"),
        ("2", "size is '2', a string: pass"),
        (nan, "size is nan: pass"),
        (None, "size is None: pass"),
        ([2], "size is [2]: pass"),
        (np.array([2]), "size is array([2]): pass"),
        (np.ma.masked_array(2, mask=True), "size is masked_array(data=--"),
        (2j, "size is 2j: pass"),
        (Fraction(4, 2), "size is Fraction(2, 1): pass"),
        pytest.param(-(10**5000), "size is a huge int: pass", id="huge"),
    ],
)
def test_an_object_that_is_no_whole_number_is_refused(value, came):
    said = refused(value, WholeNumber(low=1))
    assert said.startswith(came)
    assert said.endswith("pass a whole number, 1 or above")


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        (WholeNumber(), "a whole number"),
        (WholeNumber(low=0), "a whole number, 0 or above"),
        (WholeNumber(high=9), "a whole number, 9 or below"),
        (WholeNumber(1, 9), "a whole number from 1 to 9"),
        (WholeNumber(1, 9, meaning="an exit"), "an exit, from 1 to 9"),
        (WholeNumber(low=1, example=9), "a whole number, 1 or above, such as 9"),
        (RealNumber(), "a finite number"),
        (RealNumber(low=0), "a finite number, 0 or above"),
        (RealNumber(low=0, closed="neither"), "a finite number above 0"),
        (RealNumber(high=0), "a finite number, 0 or below"),
        (RealNumber(high=0, closed="left"), "a finite number below 0"),
        (RealNumber(0, 2), "a finite number from 0 to 2"),
        (RealNumber(0, 2, "left"), "a finite number of at least 0 and below 2"),
        (RealNumber(0, 2, "right"), "a finite number above 0 and at most 2"),
        (PositiveNumber(example="1e-4"), "a finite number above 0, such as 1e-4"),
        (Share(), "a share from 0 to 1"),
        (Share(closed="neither"), "a share above 0 and below 1"),
        (Share(meaning="what is left"), "what is left, from 0 to 1"),
        (Boolean(), "True or False"),
        (Choice([1, 2, 3]), "1, 2 or 3"),
        (Choice([1]), "1"),
        (Each(WholeNumber()), "values, each a whole number"),
        (Each(WholeNumber(), least=2), "2 or more values, each a whole number"),
        (Each(Boolean(), 2, 2), "2 values, each True or False"),
        (Each(Boolean(), 2, 3, "flags"), "flags, each True or False"),
        (Each(Boolean(), 2, 3), "2 to 3 values, each True or False"),
        (Or(WholeNumber(low=1), None), "a whole number, 1 or above, or None"),
        (
            Or(PositiveNumber(), "auto", None),
            "a finite number above 0, or 'auto' or None",
        ),
    ],
)
def test_a_constraint_describes_the_valid_values(constraint, words):
    assert constraint.describe() == words
    if not isinstance(constraint, Choice):
        assert refused(object(), constraint).endswith(f": pass {words}")


def test_a_hint_comes_last():
    constraint = Or(PositiveNumber(example=0.1, hint="a step subtracts it"), None)
    said = refused(-1, constraint)
    assert said == (
        "size is -1: pass a finite number above 0, such as 0.1, or None; a step "
        "subtracts it"
    )


# --- real numbers ----------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite, finite, st.sampled_from(["both", "left", "right", "neither"]))
@example(0.0, 0.0, 1.0, "both")
@example(0.0, 0.0, 1.0, "right")
@example(1.0, 0.0, 1.0, "both")
@example(1.0, 0.0, 1.0, "left")
def test_a_real_number_is_accepted_exactly_within_its_interval(x, a, b, closed):
    low, high = sorted((a, b))
    inside = low < x < high
    at_an_end = (x == low and closed in ("both", "left")) or (
        x == high and closed in ("both", "right")
    )
    # Where both ends are one point, it belongs to the interval if both are closed.
    if low == high:
        at_an_end = x == low and closed == "both"
    constraint = RealNumber(low, high, closed)
    if inside or at_an_end:
        assert validate("size", x, constraint) == x
    else:
        refused(x, constraint)


@given(st.integers() | st.fractions() | finite)
def test_every_finite_real_number_becomes_the_nearest_float(x):
    found = validate("size", x, RealNumber())
    assert type(found) is float
    assert found == float(x)


@pytest.mark.parametrize(
    "kind",
    [np.float16, np.float32, np.float64, np.longdouble, np.array, jnp.float32,
     jnp.bfloat16, jnp.array],
)  # fmt: skip
def test_real_numbers_of_arrays_become_pythons(kind):
    found = validate("size", kind(0.5), PositiveNumber())
    assert type(found) is float
    assert found == 0.5


@pytest.mark.parametrize(
    ("value", "came"),
    [
        (True, "size is True: pass"),
        (np.False_, "size is np.False_: pass"),
        (nan, "size is nan: pass"),
        (inf, "size is inf: pass"),
        (np.float64(-inf), "size is np.float64(-inf): pass"),
        (10**400, "size is 1000000"),
        pytest.param(-(10**5000), "size is a huge int: pass", id="huge"),
        ("0.5", "size is '0.5', a string: pass"),
        (b"0.5", "size is b'0.5', a string: pass"),
        (None, "size is None: pass"),
        (1j, "size is 1j: pass"),
        (Decimal("0.5"), "size is Decimal('0.5'): pass"),
        ([0.5], "size is [0.5]: pass"),
        ([[0.5], 1], "size is [[0.5], 1]: pass"),
        (np.array([0.5]), "size is array([0.5]): pass"),
        (np.array("2020-01-01", "datetime64[D]"), "size is array('2020-01-01'"),
        (np.ma.masked, "size is masked: pass"),
    ],
)
def test_an_object_that_is_no_finite_real_number_is_refused(value, came):
    said = refused(value, RealNumber())
    assert said.startswith(came)
    assert said.endswith("pass a finite number")


@pytest.mark.parametrize("constraint", [RealNumber(), WholeNumber()])
def test_a_traced_value_is_refused_as_such(constraint):
    def f(x):
        return refused(x, constraint)

    said = []
    jax.eval_shape(lambda x: said.append(f(x)), jnp.float32(1))
    assert "which JAX traces, so that it has no value yet: pass" in said[0]


@given(st.integers() | finite | st.booleans() | st.text() | st.none())
def test_numbers_and_booleans_are_distinguished(value):
    is_boolean = isinstance(value, bool)
    whole = isinstance(value, int) and not is_boolean
    assert as_whole_number(value) == (value if whole else None)
    real = whole or isinstance(value, float)
    found = as_real_number(value)
    assert (found is not None) == real
    assert not real or found == float(value)


@pytest.mark.parametrize(
    ("value", "expected"), [(10**400, inf), (-(10**400), -inf), (inf, inf)]
)
def test_numbers_beyond_every_float_are_infinite(value, expected):
    assert as_real_number(value) == expected


@given(st.floats())
def test_a_share_lies_between_0_and_1(x):
    if isfinite(x) and 0 < x < 1:
        assert validate("size", x, Share(closed="neither")) == x
    else:
        refused(x, Share(closed="neither"))
    for end in (0, 1):
        assert validate("size", end, Share()) == end


# --- choices ---------------------------------------------------------------------


def test_a_name_is_one_of_the_known():
    assert validate("loss", np.str_("relu"), Choice({"relu": 1, "tanh": 2})) == "relu"
    assert type(validate("loss", np.str_("relu"), Choice(["relu"]))) is str


@pytest.mark.parametrize("value", [["relu"], 1, None, b"relu", len, "rulu"])
def test_an_unknown_name_is_refused_with_the_known_ones(value):
    with pytest.raises(
        InvalidInput, match=r"there is no activation .*Known: relu, tan"
    ):
        validate("activation", value, Choice(["relu", "tanh"]))


def test_a_choice_names_its_kind():
    choice = Choice(["weight", "backprop"], kind="gradient method")
    with pytest.raises(InvalidInput, match="no gradient method 'wieght': did you mean"):
        validate("gradient", "wieght", choice)


@pytest.mark.parametrize("value", [2, np.int8(2), jnp.array(2)])
def test_a_choice_of_numbers_takes_every_kind_of_whole_number(value):
    found = validate("order", value, Choice([1, 2]))
    assert type(found) is int
    assert found == 2


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 3, [1], np.ones(2, int)])
def test_a_choice_of_numbers_takes_nothing_else(value):
    with pytest.raises(InvalidInput, match=r"^order is .*: pass 1 or 2$"):
        validate("order", value, Choice([1, 2]))


# --- booleans, several values, constants, fields ---------------------------------


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_booleans_become_pythons(value):
    found = validate("bias", value, Boolean())
    assert type(found) is bool
    assert found == value


@pytest.mark.parametrize("value", [0, 1, None, "True", np.array(True), []])
def test_an_object_that_is_no_boolean_is_refused(value):
    refused(value, Boolean())


SIZES = Each(WholeNumber(low=1), least=2, most=3)


@pytest.mark.parametrize(
    "value", [(2, 3), [2, np.int8(3)], np.array([2, 3]), jnp.array([2, 3]), range(2, 4)]
)
def test_several_values_become_a_tuple(value):
    found = validate("sizes", value, SIZES)
    assert found == (2, 3)
    assert {type(one) for one in found} == {int}


def test_an_iterator_is_read_once():
    assert validate("sizes", iter([2, 3]), SIZES) == (2, 3)


@pytest.mark.parametrize(
    "value",
    ["23", b"23", {2: 1, 3: 1}, {2, 3}, 23, None, (2,), (2, 3, 4, 5), (2, 0), (2, True),
     (2, 3.0), [[2, 3], [4, 5]], np.array(2), np.ones((2, 2), int)],
)  # fmt: skip
def test_several_values_of_another_kind_or_number_are_refused(value):
    refused(value, SIZES)


@pytest.mark.parametrize("value", [1, "measure", None, 0.5])
def test_a_constant_is_accepted_beside_a_number(value):
    assert validate("noise", value, Or(RealNumber(low=0), "measure", None)) == value


@pytest.mark.parametrize("value", ["guess", -1, True, np.array(["measure", "x"])])
def test_a_value_that_is_neither_is_refused(value):
    refused(value, Or(RealNumber(low=0), "measure", None))


def test_a_constant_beside_a_choice_leaves_its_hint():
    with pytest.raises(InvalidInput, match="no schedule 'cosin': did you mean 'cosine"):
        validate("schedule", "cosin", Or(Choice(["cosine", "linear"]), None))


@dataclass(frozen=True)
class Pace:
    steps: Any
    rate: Any = 0.5
    name: str = "pace"

    def __post_init__(self) -> None:
        validate_fields(self, steps=WholeNumber(low=1), rate=PositiveNumber())


def test_fields_of_a_frozen_dataclass_are_cleaned():
    pace = Pace(np.int8(3), Fraction(1, 2))
    assert pace == Pace(3, 0.5)
    assert (type(pace.steps), type(pace.rate)) == (int, float)


def test_the_first_field_that_is_wrong_is_named():
    with pytest.raises(
        InvalidInput, match=r"^steps is 0: pass a whole number, 1 or abo"
    ):
        Pace(0, -1)
    with pytest.raises(
        InvalidInput, match=r"^rate is -1: pass a finite number above 0"
    ):
        Pace(1, -1)

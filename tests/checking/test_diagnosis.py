"""Every cause of a wrong gradient: its pattern, and its words in both languages."""

import pickle
import re
from copy import deepcopy
from string import Formatter

import jax.numpy as jnp
import numpy as np
import pytest

from secant.checking.causes import CauseKind
from secant.checking.diagnosis import UNKNOWN, Cause, likely_cause, lost_digits
from secant.checking.evidence import Evidence

X = np.array([[0.5, -1.0, 2.0], [-1.5, 0.25, 3.0], [0.75, -0.5, 1.25]])
SLOPE = np.array([[1.0, -2.1, 3.3], [4.7, 0.55, -6.0], [-1.2, 0.3, 2.8]])


def evidence(gradient, slope=SLOPE, x=X, **more):
    return Evidence(gradient, slope, x, 1e-6 * abs(np.nan_to_num(slope)), **more)


def changed(index, by):
    gradient = SLOPE.copy()
    gradient[index] = by(gradient[index])
    return gradient


def of_another_shape(gradient, slope):
    return evidence(gradient, slope, slope**2)


BATCH = np.array([[1.0, 2.0], [3.0, 5.0], [2.0, -3.0], [4.0, 1.5]])
WIDE = SLOPE[:2]

# For each cause: a leaf that shows it, and the facts that it mentions.
PATTERNS = {
    CauseKind.BATCH_AXIS_SUM: (
        of_another_shape(BATCH, BATCH.sum(0)),
        {"came": "4×2", "due": "2", "length": 4},
    ),
    CauseKind.BATCH_AXIS_MEAN: (
        of_another_shape(BATCH, BATCH.mean(0)),
        {"came": "4×2", "due": "2", "length": 4},
    ),
    CauseKind.SHAPE_TRANSPOSED: (
        of_another_shape(WIDE.T, WIDE),
        {"came": "3×2", "due": "2×3"},
    ),
    CauseKind.RESHAPED: (
        of_another_shape(WIDE.ravel(), WIDE),
        {"came": "6", "due": "2×3"},
    ),
    CauseKind.AXIS_LOST: (
        of_another_shape(WIDE.sum(0), WIDE),
        {"came": "3", "due": "2×3"},
    ),
    CauseKind.SHAPE: (
        of_another_shape(np.ones((5, 5)), WIDE),
        {"came": "5×5", "due": "2×3"},
    ),
    CauseKind.BRANCH_NOT_TAKEN: (evidence(changed((0, 1), lambda g: g * np.nan)), {}),
    CauseKind.OVERFLOW: (
        evidence(changed((0, 1), lambda g: g * np.nan), branches=False),
        {},
    ),
    CauseKind.NO_SLOPE_AT_0: (
        evidence(
            np.array([np.inf, 2.0]),
            np.array([np.nan, 2.0]),
            np.array([0.0, 1.0]),
            smooth=np.array([False, True]),
        ),
        {},
    ),
    CauseKind.FEWER_DIGITS: (
        evidence(SLOPE.astype(jnp.bfloat16).astype(np.float64)),
        {"dtype": "bfloat16"},
    ),
    CauseKind.TIE_TOTAL: (
        evidence(0 * SLOPE, 0 * SLOPE, tie=(0.0, 1.0, True)),
        {"came": "0", "due": "1"},
    ),
    CauseKind.TIE_TO_ONE: (
        evidence(np.eye(3)[1], np.zeros(3), np.ones(3), tie=(1.0, 1.0, False)),
        {"place": "[1]"},
    ),
    CauseKind.TIE_SHARED: (
        evidence(np.ones(3) / 3, np.zeros(3), np.ones(3), tie=(1.0, 1.0, False)),
        {"count": "3"},
    ),
    CauseKind.TIE_OTHER: (
        evidence(np.arange(3) / 3, np.zeros(3), np.ones(3), tie=(1.0, 1.0, False)),
        {},
    ),
    CauseKind.JUMP: (
        evidence(
            changed((0, 1), lambda g: 0),
            changed((0, 1), lambda g: 1e9),
            jump=np.arange(9).reshape(3, 3) == 1,
        ),
        {},
    ),
    CauseKind.ZERO: (evidence(0 * SLOPE), {}),
    CauseKind.UNREAD: (evidence(SLOPE, 0 * SLOPE), {}),
    CauseKind.SMALL_NUMBER: (
        Evidence(SLOPE * (1 - 5e-7 / (2 + X)), SLOPE, X, 1e-12 * abs(SLOPE)),
        {"share": "1e-6"},
    ),
    CauseKind.SIGN: (evidence(-SLOPE), {}),
    CauseKind.SUM_FOR_MEAN: (
        evidence(20 * SLOPE, axes=frozenset({3, 20})),
        {"factor": "20", "length": 20},
    ),
    CauseKind.MEAN_FOR_SUM: (
        evidence(SLOPE / 20, axes=frozenset({3, 20})),
        {"factor": "0.05", "length": 20},
    ),
    CauseKind.TWO_TOO_MANY: (evidence(-2 * SLOPE), {"factor": "-2"}),
    CauseKind.TWO_MISSING: (evidence(SLOPE / 2), {"factor": "0.5"}),
    CauseKind.FACTOR: (evidence(1.001 * SLOPE), {"factor": "1.001"}),
    CauseKind.EXCHANGED_LEAVES: (evidence(SLOPE[::-1] ** 2, others=(X, SLOPE)), {}),
    CauseKind.TRANSPOSED: (evidence(SLOPE.T), {"order": "1, 0"}),
    CauseKind.READ_IN_ANOTHER_ORDER: (
        evidence(WIDE.T.reshape(2, 3), WIDE, X[:2]),
        {"order": "1, 0"},
    ),
    CauseKind.MIRRORED: (evidence(SLOPE[:, ::-1]), {"axes": "1"}),
    CauseKind.SHIFTED: (evidence(np.roll(SLOPE, -1, 0)), {"by": -1, "axis": 0}),
    CauseKind.DECAY_MISSING: (evidence(SLOPE - 0.01 * X), {"factor": "0.01"}),
    CauseKind.DECAY_TOO_MANY: (evidence(SLOPE + 0.01 * X), {"factor": "0.01"}),
    CauseKind.CONSTANT_ADDED: (evidence(SLOPE - 0.25), {"constant": "-0.25"}),
    CauseKind.BRANCH: (
        evidence(np.where(X < 0, 0.9 * SLOPE**2, SLOPE)),
        {"where": "x < 0"},
    ),
    CauseKind.SINGLE_SIGN: (
        evidence(changed((1, 2), np.negative)),
        {"place": "[1, 2]"},
    ),
    CauseKind.SINGLE_ZERO: (
        evidence(changed((1, 2), lambda g: 0)),
        {"place": "[1, 2]"},
    ),
    CauseKind.SINGLE_FACTOR: (
        evidence(changed((1, 2), lambda g: 1.01 * g)),
        {"place": "[1, 2]", "factor": "1.01"},
    ),
    CauseKind.SINGLE: (
        evidence(changed((1, 2), lambda g: 7), changed((1, 2), lambda g: 0)),
        {"place": "[1, 2]"},
    ),
    CauseKind.ONE_INDEX: (
        evidence(changed((1, [0, 2]), lambda g: g**2)),
        {"index": 1, "axis": 0},
    ),
    CauseKind.BLOCK: (
        evidence(changed(np.s_[1:, :2], lambda g: 3 * g**2)),
        {"block": "2×2", "place": "[1, 0]"},
    ),
    CauseKind.SOME_SIGNS: (
        evidence(changed(([0, 1, 2], [0, 2, 1]), np.negative)),
        {"count": "3"},
    ),
}


@pytest.mark.parametrize("kind", CauseKind, ids=lambda kind: kind.code)
def test_its_pattern_is_found_and_its_facts_are_told(kind):
    shown, facts = PATTERNS[kind]
    find = lost_digits if kind.value.premise == "digits" else likely_cause
    cause = find(shown)
    assert (cause.kind, cause.code) == (kind, kind.code)
    assert cause.facts == facts


@pytest.mark.parametrize("kind", CauseKind, ids=lambda kind: kind.code)
def test_its_words_are_complete_in_both_languages(kind):
    _, facts = PATTERNS[kind]
    cause = Cause(kind, facts)
    assert str(cause) == cause.sentence("en")
    for language in ("en", "ko"):
        for text in (kind.sentence(language), kind.fix(language)):
            mentioned = {name for _, name, _, _ in Formatter().parse(text) if name}
            assert mentioned <= set(facts)
            assert bool(re.search("[가-힣]", text)) is (language == "ko")
            assert text
            assert not text.endswith(".")
    said = cause.to_dict()
    assert (said["code"], said["facts"]) == (kind.code, facts)
    assert said["sentence"]["ko"] == kind.sentence("ko").format(**facts)
    assert said["fix"]["en"] == kind.fix("en").format(**facts)


@pytest.mark.parametrize("kind", CauseKind, ids=lambda kind: kind.code)
def test_it_can_be_pickled_and_copied(kind):
    cause = Cause(kind, PATTERNS[kind][1])
    for copy in (pickle.loads(pickle.dumps(cause)), deepcopy(cause)):
        assert (copy, copy.kind, copy.facts) == (cause, kind, cause.facts)


def test_of_a_part_it_says_how_much_was_seen():
    slope = SLOPE.copy()
    slope[0, 0] = np.nan
    cause = likely_cause(evidence(-SLOPE, slope))
    assert cause.kind is CauseKind.SIGN
    assert cause.endswith("(as seen in 8 of 9)")
    assert cause.sentence("ko").endswith("(값 9개 중 8개를 본 결과)")
    assert (cause.facts["seen"], cause.facts["size"]) == ("8", "9")


def test_what_no_pattern_explains_is_unknown():
    gradient = np.random.default_rng(0).standard_normal(SLOPE.shape)
    cause = likely_cause(evidence(gradient))
    assert cause == UNKNOWN == ""
    assert (cause.kind, cause.code, cause.facts) == (None, "", {})
    assert cause.sentence("ko") == cause.fix("en") == cause.fix("ko") == ""


def test_a_fault_of_few_digits_has_no_cause():
    shown = Evidence(1.001 * SLOPE, SLOPE, X, 1e-4 * abs(SLOPE))
    assert likely_cause(shown) is UNKNOWN


# --- Where a pattern ends -----------------------------------------------------------


def test_lost_digits_are_seen_though_a_slope_is_0():
    slope = SLOPE.copy()
    slope[1, 1] = 0
    cause = lost_digits(evidence(slope.astype(np.float16).astype(np.float64), slope))
    assert cause.facts == {"dtype": "float16"}


def test_leaves_are_exchanged_though_a_slope_is_0():
    slope = SLOPE.copy()
    slope[1, 1] = 0
    shown = evidence(SLOPE[::-1] ** 2, slope, others=(slope,))
    assert likely_cause(shown).kind is CauseKind.EXCHANGED_LEAVES


def test_a_factor_is_found_however_small_the_slopes():
    slope = 1e-100 * SLOPE
    cause = likely_cause(evidence(1.001 * slope, slope))
    assert (cause.kind, cause.facts) == (CauseKind.FACTOR, {"factor": "1.001"})


@pytest.mark.parametrize(("size", "seen"), [(2, False), (3, True)])
def test_three_coordinates_show_a_decay_and_two_do_not(size, seen):
    slope, x = SLOPE[0, :size], X[0, :size]
    cause = likely_cause(evidence(slope - 0.01 * x, slope, x))
    assert (cause.kind is CauseKind.DECAY_MISSING) is seen


def test_a_branch_for_positive_x_leaves_out_0():
    x = np.array([1.0, 2.0, 0.0, 0.0, 0.0, -1.0])
    slope = np.array([1.0, -2.1, 3.3, 4.7, 0.55, -6.0])
    cause = likely_cause(evidence(np.where(x > 0, 0.9 * slope**2, slope), slope, x))
    assert (cause.kind, cause.facts) == (CauseKind.BRANCH, {"where": "x > 0"})


@pytest.mark.parametrize(
    ("count", "kind"), [(1, CauseKind.SINGLE_FACTOR), (2, CauseKind.BRANCH)]
)
def test_two_coordinates_show_a_branch_and_one_does_not(count, kind):
    x = np.array([-1.0, -2.0, 1.0, 2.0, 3.0, 4.0])[2 - count :]
    slope = np.array([1.0, -2.1, 3.3, 4.7, 0.55, -6.0])[2 - count :]
    cause = likely_cause(evidence(np.where(x < 0, 0.9 * slope**2, slope), slope, x))
    assert cause.kind is kind


def test_a_gradient_of_another_shape_may_differ_by_ten_tolerances():
    leaf = Evidence(np.ones(4), np.full(4, 0.25), np.ones(4), np.full(4, 1e-6))
    assert leaf.equals_slope(leaf.slope + 9.9e-6)
    assert not leaf.equals_slope(leaf.slope + 10.1e-6)
    assert not leaf.equals_slope(leaf.slope[:, None])


def test_a_pattern_may_leave_ten_tolerances_and_a_thousandth_of_the_fault():
    ones, nothing = np.ones(4), np.zeros(4)
    right = Evidence(ones, ones, ones, 1e-6 * ones)
    assert right.explained(ones + 9.9e-6)
    assert not right.explained(ones + 10.1e-6)
    wrong = Evidence(ones, nothing, ones, 1e-6 * ones)
    assert wrong.explained(ones + 1.009e-3)
    assert not wrong.explained(ones + 1.011e-3)

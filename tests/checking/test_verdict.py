"""The verdict on slopes of a known size and a known error, without compiling."""

from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
import pytest

from secant.checking.causes import CauseKind
from secant.checking.context import CheckContext
from secant.checking.point import Point
from secant.checking.precision import Precision
from secant.checking.report import LeafReport
from secant.checking.rounding import PERTURBATIONS
from secant.checking.slope_source import OneSidedSlopes, SlopeSource
from secant.checking.verdict import Verdict, judge


@dataclass
class KnownSlopes(SlopeSource):
    """Slopes that a test chooses.

    At the point itself they are off by `off`; anywhere else they scatter with the
    standard deviation `scatter`.
    """

    slope: np.ndarray
    off: np.ndarray | float = 0.0
    scatter: np.ndarray | float = 0.0
    error: np.ndarray | float = 0.0
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.float64))
    exact: bool = True
    step: float = 2.0**-30
    axes: frozenset[int] = frozenset()

    def __post_init__(self):
        self.rng = np.random.default_rng(1)

    def one_sided(self, query):
        off = np.zeros(len(self.slope)) + self.off
        if not (np.asarray(query.leaves[0]) == 1).all():
            off = self.scatter * self.rng.standard_normal(len(self.slope))
        slope = (self.slope + off)[query.indices]
        error = np.zeros(len(self.slope)) + self.error
        return OneSidedSlopes(slope, slope, error[query.indices])


class CountedSlopes(KnownSlopes):
    """Known slopes that count how many coordinates are nudged at a time."""

    def __post_init__(self):
        super().__post_init__()
        self.nudged = []

    def one_sided(self, query):
        self.nudged.append(len(query.indices))
        return super().one_sided(query)


class PowerOfThreeHalves(KnownSlopes):
    """The slopes of |x|^1.5 at 0: √h ahead and -√h behind."""

    def one_sided(self, query):
        side = np.full(len(query.indices), np.sqrt(self.step / query.shrink))
        return OneSidedSlopes(side, -side, np.zeros_like(side))


def check_of(source, gradient, x=1.0):
    """A check of this gradient where all x are the same."""
    gradient = np.asarray(gradient, float)
    point = Point.of(np.full(len(gradient), x))
    rng = np.random.default_rng(0)
    return CheckContext(point, source, None, [gradient], None, 1.0, rng)


def judged(source, gradient):
    return judge(check_of(source, gradient), 0, np.arange(len(gradient)))


@pytest.mark.parametrize(
    ("dtype", "hidden", "shown"),
    [(np.float64, 30, 80), (np.float32, 30, 80), (jnp.bfloat16, 15, 40)],
    ids=["float64", "float32", "bfloat16"],
)
def test_what_scatters_nearby_is_rounding_up_to_many_standard_deviations(
    dtype, hidden, shown
):
    deviation = max(10 * float(jnp.finfo(dtype).eps), 1e-12)
    slope = np.array([2.0, -3.0])
    source = KnownSlopes(slope, scatter=deviation, dtype=np.dtype(dtype))
    source.off = hidden * deviation * np.array([1, -1])
    assert judged(source, slope).verdict is Verdict.ROUNDING
    source.off = shown * deviation * np.array([1, -1])
    assert judged(source, slope).verdict is Verdict.WRONG


def test_no_coordinate_is_wrong_by_the_rounding_of_others_alone():
    # More suspects than are measured at once. The one that scatters a thousand times
    # as much as the others is not among the first.
    slope = np.full(200, 2.0)
    deviation = np.full(200, 1e-14)
    chosen_first = np.random.default_rng(0).permutation(200)[:64]
    one = int(np.setdiff1d(np.arange(200), chosen_first)[0])
    deviation[one] *= 1000
    source = KnownSlopes(slope, off=10 * deviation, scatter=deviation)
    verdict, _, comparison = judged(source, slope)
    assert comparison.suspect.all()
    assert verdict is Verdict.ROUNDING
    source.off[one] *= 10
    assert np.flatnonzero(judged(source, slope).comparison.wrong).tolist() == [one]


def test_suspects_like_those_that_are_measured_are_not_measured_themselves():
    source = CountedSlopes(np.full(200, 2.0), off=1e-13, scatter=1e-14)
    assert judged(source, source.slope).verdict is Verdict.ROUNDING
    assert source.nudged[0] == 200
    nearby = [count for count in source.nudged if count < 200]
    assert nearby == [64] * PERTURBATIONS


@pytest.mark.parametrize("largest", [0.5, 50.0])
def test_an_underflow_is_multiplied_by_the_largest_slope_but_never_made_smaller(
    largest,
):
    gradient = np.array([0.25, largest])
    comparison = judged(KnownSlopes(gradient, error=1e-3), gradient).comparison
    np.testing.assert_allclose(comparison.tolerance, 1e-3 * max(1, largest), rtol=1e-9)


def test_the_error_bar_of_sampled_slopes_is_taken_as_it_is():
    gradient = np.array([0.25, 50.0])
    source = KnownSlopes(gradient, error=1e-3, exact=False)
    np.testing.assert_allclose(
        judged(source, gradient).comparison.tolerance, 1e-3, rtol=1e-9
    )


def test_half_of_the_roundings_that_are_allowed_are_those_of_the_slope():
    gradient = np.array([3.0, -5.0])
    comparison = judged(KnownSlopes(gradient), gradient).comparison
    allowed = Precision.of(np.dtype(np.float64)).tolerance * abs(gradient)
    np.testing.assert_allclose(comparison.tolerance, allowed)
    np.testing.assert_allclose(comparison.error, allowed / 2)


def test_one_sided_slopes_that_meet_slowly_still_belong_to_a_smooth_function():
    source = PowerOfThreeHalves(np.zeros(1), step=2.0**-20)
    verdict, cause, comparison = judged(source, [np.nan])
    assert verdict is Verdict.NOT_FINITE
    assert comparison.smooth.all()
    assert cause.kind is CauseKind.BRANCH_NOT_TAKEN


def report_on(source, gradient):
    check = check_of(source, gradient)
    return LeafReport.of(check, 0, judge(check, 0, np.arange(len(gradient))))


def test_resolution_is_relative_though_all_slopes_are_small():
    slope = np.array([1e-3, 2e-3])
    precision = Precision.of(np.dtype(np.float64))
    resolution = report_on(KnownSlopes(slope), slope).resolution
    assert resolution == pytest.approx(precision.tolerance, abs=0)
    nothing = np.zeros(2)
    assert report_on(KnownSlopes(nothing), nothing).resolution == 0


class Kinks(KnownSlopes):
    """The slopes of |x| at 0."""

    def one_sided(self, query):
        ones = np.ones(len(query.indices))
        return OneSidedSlopes(ones, -ones, 0 * ones)


@pytest.mark.parametrize(("size", "told"), [(3, 3), (10, 10), (12, 10)])
def test_at_most_ten_kinks_are_listed(size, told):
    report = report_on(Kinks(np.zeros(size)), np.full(size, 0.5))
    assert report.verdict is Verdict.KINK
    assert report.kinked.sum() == size
    assert [kink.name for kink in report.kinks] == [f"x[{i}]" for i in range(told)]


class Jumps(KnownSlopes):
    """The sampled slopes of a function that jumps by 3 ahead of x, where it is flat."""

    def one_sided(self, query):
        return OneSidedSlopes(*np.zeros((3, len(query.indices))))

    def jumps(self, query, least):
        ahead = np.full(len(query.indices), 3.0)
        return np.array([ahead, 0 * ahead])


def test_the_slope_at_a_jump_is_that_of_a_step_of_the_size_of_x():
    source = Jumps(np.zeros(1), exact=False, step=2.0**-10)
    check = check_of(source, [0.0], x=4.0)
    verdict, cause, comparison = judge(check, 0, np.arange(1))
    assert (verdict, cause.kind) == (Verdict.WRONG, CauseKind.JUMP)
    assert comparison.above == 3 / (4 * source.step)
    assert comparison.below == 0

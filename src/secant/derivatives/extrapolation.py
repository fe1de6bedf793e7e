"""Extrapolation of difference quotients to step 0, with an error.

A difference quotient is a power series in the step: in h² for a central one, in h for a
one-sided one. The polynomial through its values at several steps, evaluated at h = 0,
is better than any of them (Richardson). Each polynomial through neighbouring steps is
made of the two through one step less (Neville); its distance from both estimates its
error (Ridders).
"""

from typing import NamedTuple, TypeVar

import numpy as np

from secant.derivatives.validation import Booleans, Floats

Number = TypeVar("Number", float, Floats)


class Extrapolated(NamedTuple):
    """A value at h = 0 and its errors.

    Attributes:
        value: The value, (lines, entries).
        truncation: Its distance from the two values that it was made of.
        rounding: The errors of f's values, as far as extrapolation amplifies them.
        step: The shortest of the steps that it was made of.
    """

    value: Floats
    truncation: Floats
    rounding: Floats
    step: Floats


CONTRADICTION = 1.5
"""Errors of a shorter step's quotient beyond which it contradicts a polynomial."""


def extrapolate(
    nodes: Floats,
    values: Floats,
    noise: Floats,
    power: int = 0,
    is_noisy: Booleans | None = None,
) -> Extrapolated:
    """The coefficient of `s**power` in the series that `values` are samples of.

        cᵣ[i…j] = (cᵣ₋₁[i…j-1] - cᵣ₋₁[i+1…j] - sⱼ cᵣ[i…j-1] + sᵢ cᵣ[i+1…j]) / (sᵢ - sⱼ)

    Let P[i…j] be the polynomial through the steps i to j. Neville's recursion is

        P[i…j](s) = ((s - sⱼ) P[i…j-1](s) - (s - sᵢ) P[i+1…j](s)) / (sᵢ - sⱼ),

    and the formula above compares the coefficients of sʳ on both sides. With r = 0 and
    s = 0 it is Ridders' table. The errors of the values go through the same recursion
    with the absolute values of its weights: since the steps fall, `sᵢ > sⱼ > 0`, the
    weights alternate in sign, and the absolute values simply add up.

    Args:
        nodes: The `s`: h or h², falling, (steps, lines).
        values: Of the series there, (steps, lines, entries).
        noise: How wrong each of them may be, of the same shape.
        power: Which coefficient; 0 is the value at s = 0.
        is_noisy: The entries whose noise is known, (entries,). With power 0, quotients
            of shorter steps may contradict the polynomials of these.

    Returns:
        For each line and entry the coefficient with the smallest error, of all
        polynomials through at least `power + 2` neighbouring steps.

    Source:
        Ridders (1982), "Accurate computation of F'(x) and F'(x) F''(x)", Advances in
        Engineering Software 4(2), 75-76; Neville's recursion, for all coefficients.

    Example:
        The derivative of exp at 0 from three central quotients.

        >>> h = np.array([0.4, 0.2, 0.1])
        >>> found = extrapolate(
        ...     h[:, None] ** 2, (np.sinh(h) / h)[:, None, None], np.zeros((3, 1, 1))
        ... )
        >>> float(found.value[0, 0]), float(found.truncation[0, 0])
        (1.0000000127..., 5.36...e-05)
    """
    s = nodes[..., np.newaxis]
    shape = values.shape[1:]
    found: list[Extrapolated] = []
    # One array for each power: all groups of neighbouring steps of one length.
    c = [values] + [np.zeros_like(values)] * power
    e = [noise] + [np.zeros_like(values)] * power
    for length in range(1, len(values)):
        left, right = s[:-length], s[length:]
        below = c[-1]
        new_c: list[Floats] = []
        new_e: list[Floats] = []
        lower: tuple[Floats, Floats] | None = None
        lower_e: tuple[Floats, Floats] | None = None
        for r in range(power + 1):
            pair, pair_e = (c[r][:-1], c[r][1:]), (e[r][:-1], e[r][1:])
            new_c.append(neville(left, right, *pair, lower))
            new_e.append(amplified(left, right, *pair_e, lower_e))
            lower, lower_e = pair, pair_e
        c, e = new_c, new_e
        if length <= power:
            continue
        truncation = np.maximum(abs(c[-1] - below[1:]), abs(c[-1] - below[:-1]))
        if not power and is_noisy is not None and is_noisy.any():
            contradiction = _contradiction(c[0], values, CONTRADICTION * noise)
            truncation = np.maximum(truncation, np.where(is_noisy, contradiction, 0.0))
        steps = np.broadcast_to(right, truncation.shape)
        found.append(Extrapolated(c[-1], truncation, e[-1], steps))
    pieces = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    total = pieces[1] + pieces[2]
    # NaN would win every comparison.
    total[np.isnan(total)] = np.inf
    best = (total.argmin(axis=0), *np.indices(shape, sparse=True))
    known = total[best] < np.inf
    return Extrapolated(*(np.where(known, part[best], np.inf) for part in pieces))


def neville(
    left: Number,
    right: Number,
    longer: Number,
    shorter: Number,
    lower: tuple[Number, Number] | None = None,
) -> Number:
    """A coefficient of the polynomial through one step more, see `extrapolate`.

    Args:
        left: The node of the longest step, an array or a number as all that follows.
        right: That of the shortest.
        longer: The coefficient of the polynomial without the shortest step.
        shorter: That of the polynomial without the longest.
        lower: The coefficients of one power less of both; None for power 0.
    """
    top = left * shorter - right * longer
    if lower is not None:
        top = top + lower[0] - lower[1]
    return top / (left - right)


def amplified(
    left: Number,
    right: Number,
    longer: Number,
    shorter: Number,
    lower: tuple[Number, Number] | None = None,
) -> Number:
    """How wrong the errors of f's values may make `neville`, whose weights alternate.

    Its arguments are those of `neville`, with errors in the place of coefficients.
    """
    top = left * shorter + right * longer
    if lower is not None:
        top = top + lower[0] + lower[1]
    return top / (left - right)


def _contradiction(at_zero: Floats, values: Floats, wrong: Floats) -> Floats:
    """By how much the quotients of shorter steps contradict polynomials.

    A polynomial through long steps says how f bends at their length. Then it bends less
    within shorter ones: their quotients lie between that of its shortest step and its
    value at h = 0, but for the errors of f's values. Where one lies elsewhere, f is a
    wave, or has a pole or a kink, which the long steps leap over: quotients of bounded
    values fall as 1/h, and seem to agree on 0.

    Args:
        at_zero: The polynomials' values at h = 0, (groups, lines, entries). Group i is
            made of the steps i to i + length.
        values: Of the quotients by falling step, (steps, lines, entries).
        wrong: How wrong they may be.
    """
    length = len(values) - len(at_zero)
    beyond = np.zeros_like(at_zero)
    for i in range(len(at_zero) - 1):
        shorter = slice(i + length + 1, None)
        expected = abs(values[i + length] - at_zero[i])
        apart = abs(values[shorter] - at_zero[i]) - expected - wrong[shorter]
        beyond[i] = np.fmax(beyond[i], apart.max(axis=0))
    return beyond

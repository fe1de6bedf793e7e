"""What a quotient of differences tends to as its step goes to 0, and how surely.

A difference quotient is a power series in the step: in h² for a central one, in h for
a one-sided one. The polynomial through its values at several steps, read off at h = 0,
is a better value than any of them (Richardson). Each polynomial through some
neighbouring steps is made of two through one step less (Neville), and by how much it
differs from both tells its error (Ridders).
"""

from typing import NamedTuple

import numpy as np

from secant.derivatives.validation import Floats


class Limit(NamedTuple):
    """A value at h = 0 and what may be wrong with it."""

    value: Floats
    truncation: Floats
    """By how much it differs from the values that it was made of."""
    rounding: Floats
    """By how much the error of f's values may have been amplified."""
    step: Floats
    """The smallest of the steps that it was made from."""


def limit(nodes: Floats, values: Floats, noise: Floats, power: int = 0) -> Limit:
    """The coefficient of `s**power` in the series of which `values` are samples.

        cᵣ[i…j] = (cᵣ₋₁[i…j-1] - cᵣ₋₁[i+1…j] - sⱼ cᵣ[i…j-1] + sᵢ cᵣ[i+1…j]) / (sᵢ - sⱼ)

    Args:
        nodes: The `s`: h or h², falling, (steps, lines).
        values: Of the series there, (steps, lines, entries).
        noise: How wrong each of them may be, of the same shape.
        power: Which coefficient; 0 is the limit itself.

    Returns:
        Of all polynomials through at least `power + 2` neighbouring steps the
        coefficient that has the smallest error, for each line and entry.

    Source:
        Ridders (1982), "Accurate computation of F'(x) and F'(x) F''(x)", Advances in
        Engineering Software 4(2), 75-76; Neville's recursion, for all coefficients.

    Example:
        The derivative of exp at 0 from three central quotients.

        >>> h = np.array([0.4, 0.2, 0.1])
        >>> found = limit(
        ...     h[:, None] ** 2, (np.sinh(h) / h)[:, None, None], np.zeros((3, 1, 1))
        ... )
        >>> float(found.value[0, 0]), float(found.truncation[0, 0])
        (1.0000000127..., 5.36...e-05)
    """
    s = nodes[..., np.newaxis]
    shape = values.shape[1:]
    found: list[Limit] = []
    # One array of each power for all pieces of neighbouring steps of one length.
    c = [values] + [np.zeros_like(values)] * power
    e = [noise] + [np.zeros_like(values)] * power
    for length in range(1, len(values)):
        left, right = s[:-length], s[length:]
        width = left - right
        below, before = c[-1], None
        new_c: list[Floats] = []
        new_e: list[Floats] = []
        for r in range(power + 1):
            top = left * c[r][1:] - right * c[r][:-1]
            # Weights alternate in sign, so that errors add up as absolute values do.
            error = left * e[r][1:] + right * e[r][:-1]
            if before is not None:
                top = top + c[before][:-1] - c[before][1:]
                error = error + e[before][:-1] + e[before][1:]
            new_c.append(top / width)
            new_e.append(error / width)
            before = r
        c, e = new_c, new_e
        if length <= power:
            continue
        truncation = np.maximum(abs(c[-1] - below[1:]), abs(c[-1] - below[:-1]))
        steps = np.broadcast_to(right, truncation.shape)
        found.append(Limit(c[-1], truncation, e[-1], steps))
    pieces = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    total = pieces[1] + pieces[2]
    # What is no number is no best.
    total[np.isnan(total)] = np.inf
    best = (total.argmin(axis=0), *np.indices(shape, sparse=True))
    known = total[best] < np.inf
    return Limit(*(np.where(known, part[best], np.inf) for part in pieces))

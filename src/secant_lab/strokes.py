"""A drawing as text, and the picture that it is.

A point is four characters: how far to the right and how far down it is, each from 0 to
1000 in base 36 with two digits. A stroke is its points one behind the other, and
strokes are parted by dots: `"dw5kdwm8"` is a line from (500, 200) down to (500, 800).
So a drawing fits into an address, and a link shows another person the same digit.
"""

import re

import numpy as np

from secant_lab.localized_error import Told

GRID = 1000
"""The paper's side, in the units of points."""

PEN = 80
"""The pen's width, in the same units: MNIST's pens are about as wide."""

MOST_POINTS = 1500
"""Points of a drawing."""

SIDE = 140
"""The paper's side in pixels: five for each of a test digit's 28."""

MARGIN = 10
"""Pixels of paper around it, so that what touches the edge is not taken for paper."""

SMALL = 0.25
"""A digit that is smaller than this part of the paper is small."""

# Drawn four times as fine and averaged: soft edges, as a scanner's.
_FINER = 4

_FORM = re.compile(r"(?:[0-9a-z]{4})+(?:\.(?:[0-9a-z]{4})+)*")


def strokes(text: str) -> list[np.ndarray]:
    """The strokes of a drawing.

    Args:
        text: As it stands above; empty for no stroke.

    Returns:
        For each stroke its points (x, y), int64 of shape (points, 2).

    Raises:
        Told: It is longer than a drawing may be, or is none.

    Example:
        >>> strokes("dw5kdwm8.0000")
        [array([[500, 200],
               [500, 800]]), array([[0, 0]])]
    """
    # Each point is four characters, and a stroke of one point has a dot with it.
    most = 5 * MOST_POINTS
    if len(text) > most:
        raise Told(
            "drawing_long",
            f"the drawing has {len(text):,} characters: {most:,} are read at most; "
            "clear the paper and draw with fewer strokes",
            length=len(text),
            most=most,
        )
    if not text:
        return []
    found = []
    if _FORM.fullmatch(text):
        for stroke in text.split("."):
            numbers = [int(stroke[i : i + 2], 36) for i in range(0, len(stroke), 2)]
            found.append(np.array(numbers).reshape(-1, 2))
    points = sum(map(len, found))
    if not 0 < points <= MOST_POINTS or max(map(np.max, found)) > GRID:
        raise Told(
            "drawing",
            f"the drawing is no list of strokes with {MOST_POINTS:,} points at most: "
            f"a point is x and y from 0 to {GRID} in base 36, two digits each, and a "
            'dot parts strokes, as in "dw5kdwm8"',
        )
    return found


def picture(drawn: list[np.ndarray], below: np.ndarray | None = None) -> np.ndarray:
    """What a drawing looks like: ink 1, paper 0.

    Args:
        drawn: Strokes.
        below: What is on the paper already: (28, 28), from 0 to 1.

    Returns:
        float32 of shape (160, 160): the paper, and its margin.

    Example:
        >>> seen = picture(strokes("dw5kdwm8"))
        >>> seen.shape, seen[80, [70, 80, 90]]
        ((160, 160), array([0., 1., 0.], dtype=float32))
    """
    from PIL import Image, ImageDraw

    scale = _FINER * SIDE / GRID
    whole = _FINER * (SIDE + 2 * MARGIN)
    image = Image.new("L", (whole, whole))
    draw = ImageDraw.Draw(image)
    reach = PEN * scale / 2
    for stroke in drawn:
        points = stroke * scale + _FINER * MARGIN
        draw.line([tuple(p) for p in points], fill=255, width=round(2 * reach))
        for x, y in points:
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
    ink = np.asarray(image.reduce(_FINER), np.float32) / np.float32(255)
    if below is not None:
        times = SIDE // len(below)
        inner = slice(MARGIN, MARGIN + SIDE)
        ink[inner, inner] = np.maximum(
            ink[inner, inner], below.repeat(times, 0).repeat(times, 1)
        )
    return ink


def notes(ink: np.ndarray) -> list[str]:
    """What is to be said about a drawing: `empty`, or `small` and `edge`.

    Args:
        ink: As `picture` gives it.

    Example:
        >>> notes(picture(strokes("dw5kdw6k"))), notes(picture([]))
        (['small'], ['empty'])
    """
    if not ink.any():
        return ["empty"]
    found = []
    rows, columns = (np.flatnonzero(ink.max(axis=a) >= 0.5) for a in (1, 0))
    if max(np.ptp(rows), np.ptp(columns)) + 1 < SMALL * SIDE:
        found.append("small")
    last = MARGIN + SIDE - 1
    if min(rows[0], columns[0]) <= MARGIN or max(rows[-1], columns[-1]) >= last:
        found.append("edge")
    return found

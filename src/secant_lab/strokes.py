"""Strokes of a drawing: their text form, and their picture.

A point is four characters: its x and its y, each from 0 to 1000 as two digits in base
36. A stroke is a sequence of points, and dots separate strokes: `"dw5kdwm8"` is a line
from (500, 200) down to (500, 800). A drawing therefore fits into an address, and a
link shows another person the same digit.
"""

import re

import numpy as np

from secant_lab.localized_error import LocalizedError

GRID = 1000
"""The side of the paper, in the units of points."""

PEN_WIDTH = 80
"""The width of the pen in the same units, about that of MNIST's pens."""

MAX_POINTS = 1500
"""The most points of a drawing."""

SIDE = 140
"""The side of the paper in pixels: five for each of a test digit's 28."""

MARGIN = 10
"""Pixels of paper around the drawing, so that ink at the edge is not background."""

SMALL_SHARE = 0.25
"""The share of the paper's side below which a digit is small."""

# The picture is drawn four times as fine and averaged, for the soft edges of a scan.
_OVERSAMPLING = 4

_FORM = re.compile(r"(?:[0-9a-z]{4})+(?:\.(?:[0-9a-z]{4})+)*")


def parse_strokes(text: str) -> list[np.ndarray]:
    """The strokes of a drawing.

    Args:
        text: The text form; empty for no stroke.

    Returns:
        For each stroke its points (x, y), int64 of shape (points, 2).

    Raises:
        LocalizedError: The text is too long, or is not a drawing.

    Example:
        >>> parse_strokes("dw5kdwm8.0000")
        [array([[500, 200],
               [500, 800]]), array([[0, 0]])]
    """
    # A point has four characters, and a stroke of one point also needs a dot.
    limit = 5 * MAX_POINTS
    if len(text) > limit:
        raise LocalizedError(
            "drawing_long",
            f"the drawing has {len(text):,} characters, more than the limit of "
            f"{limit:,}: clear the paper and draw with fewer strokes",
            length=len(text),
            most=limit,
        )
    if not text:
        return []
    found = []
    if _FORM.fullmatch(text):
        for stroke in text.split("."):
            numbers = [int(stroke[i : i + 2], 36) for i in range(0, len(stroke), 2)]
            found.append(np.array(numbers).reshape(-1, 2))
    points = sum(map(len, found))
    if not 0 < points <= MAX_POINTS or max(map(np.max, found)) > GRID:
        raise LocalizedError(
            "drawing",
            f"the drawing is not a list of strokes with at most {MAX_POINTS:,} "
            f"points: a point is x and y from 0 to {GRID} in base 36, two digits each, "
            'and a dot separates strokes, as in "dw5kdwm8"',
        )
    return found


def rasterize(drawn: list[np.ndarray], below: np.ndarray | None = None) -> np.ndarray:
    """The picture of a drawing: ink 1, paper 0.

    Args:
        drawn: The strokes.
        below: A digit below the strokes: (28, 28), from 0 to 1.

    Returns:
        float32 of shape (160, 160): the paper and its margin.

    Example:
        >>> ink = rasterize(parse_strokes("dw5kdwm8"))
        >>> ink.shape, ink[80, [70, 80, 90]]
        ((160, 160), array([0., 1., 0.], dtype=float32))
    """
    from PIL import Image, ImageDraw

    scale = _OVERSAMPLING * SIDE / GRID
    whole = _OVERSAMPLING * (SIDE + 2 * MARGIN)
    image = Image.new("L", (whole, whole))
    draw = ImageDraw.Draw(image)
    radius = PEN_WIDTH * scale / 2
    for stroke in drawn:
        points = stroke * scale + _OVERSAMPLING * MARGIN
        draw.line([tuple(p) for p in points], fill=255, width=round(2 * radius))
        for x, y in points:
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, fill=255)
    ink = np.asarray(image.reduce(_OVERSAMPLING), np.float32) / np.float32(255)
    if below is not None:
        times = SIDE // len(below)
        inner = slice(MARGIN, MARGIN + SIDE)
        ink[inner, inner] = np.maximum(
            ink[inner, inner], below.repeat(times, 0).repeat(times, 1)
        )
    return ink


def drawing_notes(ink: np.ndarray) -> list[str]:
    """Notes about a drawing: `empty`, or `small` and `edge`.

    Args:
        ink: The picture of the drawing.

    Example:
        >>> drawing_notes(rasterize(parse_strokes("dw5kdw6k")))
        ['small']
        >>> drawing_notes(rasterize([]))
        ['empty']
    """
    if not ink.any():
        return ["empty"]
    found = []
    rows, columns = (np.flatnonzero(ink.max(axis=a) >= 0.5) for a in (1, 0))
    if max(np.ptp(rows), np.ptp(columns)) + 1 < SMALL_SHARE * SIDE:
        found.append("small")
    last = MARGIN + SIDE - 1
    if min(rows[0], columns[0]) <= MARGIN or max(rows[-1], columns[-1]) >= last:
        found.append("edge")
    return found

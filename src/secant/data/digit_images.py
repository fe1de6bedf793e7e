"""Handwritten digits from picture files, in the form of MNIST's digits."""

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from secant.arrays import first_entry
from secant.data.files import PathName, regular_file
from secant.errors import DataError

if TYPE_CHECKING:
    from PIL import Image


# The form of MNIST's digits, and the conversion of a drawn digit to it.
#
# MNIST's digits are light on dark, fitted into 20×20 pixels at constant proportions,
# and shifted by whole pixels so that their centre of mass is at pixel (14, 14) of 28×28
# (LeCun et al., 1998; checked on all 60,000). A network that learned from them
# recognises a photograph only after its conversion to the same form.

MAX_PIXELS = 40_000_000
"""The largest picture that `to_mnist_form` accepts: 40 megapixels."""

MIN_CONTRAST = 0.1
"""A picture is blank if its brightness, from 0 to 1, varies less than this."""

SIDE, BOX, CENTRE = 28, 20, 14

_WORKING_SIDE = 560
_MIN_INK = 0.2


def to_mnist_form(picture: ArrayLike, name: str = "picture") -> np.ndarray:
    """The digit in a grey picture, in MNIST's form.

    The border counts as background and decides whether the digit is dark on light or
    light on dark. The ink is cropped, scaled to 20×20 pixels by averaging, and placed
    in 28×28 by its centre of mass.

    Args:
        picture: Shape (height, width): grey values, uint8 or uint16 over their whole
            range, bool, or floats from 0 to 1.
        name: The picture's name in error messages.

    Returns:
        float32 of shape (784,), from 0 (background) to 1 (ink).

    Raises:
        DataError: The picture has another shape or other values, or is blank.

    Example:
        >>> picture = np.ones((100, 60))
        >>> picture[20:80, 25:35] = 0  # a one, dark on light
        >>> digit = to_mnist_form(picture).reshape(28, 28)
        >>> digit[14, 10:18].round(1)
        array([0., 0., 0., 1., 1., 1., 0., 0.], dtype=float32)
    """
    array = np.asarray(picture)
    if array.ndim != 2 or min(array.shape) < 1 or array.dtype.kind not in "buf":
        raise DataError(
            f"{name} has shape {array.shape} and holds {array.dtype}: pass a grey "
            "picture of shape (height, width), uint8 or floats from 0 to 1"
        )
    if array.size > MAX_PIXELS:
        raise DataError(f"{name} has {array.size:,} pixels, more than {MAX_PIXELS:,}")
    if array.dtype.kind == "u":
        grey = array.astype(np.float32) / np.iinfo(array.dtype).max
    else:
        grey = array.astype(np.float32)
    wrong = ~((grey >= 0) & (grey <= 1))
    if wrong.any():
        raise DataError(
            f"{first_entry(name, wrong)} is {array[wrong][0]}: floats go from 0 to 1; "
            "divide by the largest possible value"
        )
    ink = _ink(_downsample(grey), name)
    return _center(_fit_to_box(ink)).reshape(-1)


def _downsample(grey: np.ndarray) -> np.ndarray:
    """A large picture averaged to a smaller one: faster, and with less camera noise."""
    factor = max(grey.shape) // _WORKING_SIDE
    if factor < 2:
        return grey
    from PIL import Image

    return np.asarray(Image.fromarray(grey).reduce(factor))


def _ink(grey: np.ndarray, name: str) -> np.ndarray:
    """The amount of ink, from 0 to 1: the difference from the background."""
    background, roughness = _background(grey)
    difference = grey - background
    # Ink is darker or lighter than the background, whichever difference is larger.
    if -difference.min() > difference.max():
        difference = -difference
    strongest = float(difference.max())
    if strongest < MIN_CONTRAST:
        raise blank_picture_error(name)
    ink = np.clip(difference / strongest, 0, 1)
    threshold = _otsu(ink)
    ink = np.minimum(ink / np.median(ink[ink >= threshold]), 1)
    # Texture of the paper and artefacts of a lossy format are not ink.
    noise = max(0.04, min(4 * roughness / strongest, threshold))
    return _without_specks(np.where(ink > noise, ink, 0))


def _background(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """The paper's brightness at each pixel, and the paper's deviation from it.

    A photograph is darker on one side, so a + b·x + c·y + d·x·y is fitted to the
    border. The fit minimises the absolute error, since ink that crosses the border
    hardly affects it.
    """
    height, width = grey.shape
    y, x = np.meshgrid(
        np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij"
    )
    ring = np.zeros(grey.shape, bool)
    ring[[0, -1]] = ring[:, [0, -1]] = True
    terms = np.stack([np.ones(int(ring.sum())), x[ring], y[ring], (x * y)[ring]], 1)
    border = grey[ring].astype(np.float64)
    fit = np.array([np.median(border), 0.0, 0.0, 0.0])
    for _ in range(8):
        # Iteratively reweighted least squares: weights 1/error give the least
        # absolute error.
        weight = 1 / np.sqrt(np.abs(border - terms @ fit) + 1e-3)
        fit = np.linalg.lstsq(terms * weight[:, None], border * weight, rcond=None)[0]
    roughness = float(np.median(np.abs(border - terms @ fit)))
    return fit[0] + fit[1] * x + fit[2] * y + fit[3] * x * y, roughness


def _without_specks(ink: np.ndarray) -> np.ndarray:
    """The ink without dust: separate parts with less than 1 % of the largest part.

    The parts are the connected components on a grid of at most 64×64 cells: ink
    closer than a cell belongs to the same part.
    """
    cell = -(-max(ink.shape) // 64)
    rows, columns = (-(-n // cell) for n in ink.shape)
    padded = np.zeros((rows * cell, columns * cell), ink.dtype)
    padded[: ink.shape[0], : ink.shape[1]] = ink
    blocks = padded.reshape(rows, cell, columns, cell)
    inked = blocks.max(axis=(1, 3)) >= _MIN_INK
    # Connected components: each cell takes the largest label among its neighbours
    # until no label changes.
    part = np.where(inked, np.arange(1, inked.size + 1).reshape(inked.shape), 0)
    while True:
        around = np.pad(part, 1)
        wide = np.maximum(np.maximum(around[:-2], around[1:-1]), around[2:])
        new = np.maximum(np.maximum(wide[:, :-2], wide[:, 1:-1]), wide[:, 2:])
        new = np.where(inked, new, 0)
        if (new == part).all():
            break
        part = new
    amount = np.bincount(part.ravel(), blocks.sum(axis=(1, 3)).ravel())
    amount[0] = 0
    keep = (amount >= amount.max() / 100)[part] & inked
    # The cells next to a part hold the soft edges of its strokes.
    around = np.pad(keep, 1)
    wide = around[:-2] | around[1:-1] | around[2:]
    keep = wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]
    mask = keep.repeat(cell, axis=0).repeat(cell, axis=1)
    return np.where(mask[: ink.shape[0], : ink.shape[1]], ink, 0)


def _otsu(ink: np.ndarray) -> float:
    """The threshold between ink and paper with the least variance within both.

    Source: Otsu 1979, A threshold selection method from gray-level histograms.
    """
    counts, edges = np.histogram(ink, bins=128, range=(0, 1))
    middles = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts)[:-1], ink.size
    above = total - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = (sums[-1] - sums[:-1]) / above - sums[:-1] / below
    between = np.where((below > 0) & (above > 0), below * above * gap**2, 0)
    return float(edges[1 + int(np.argmax(between))])


def _fit_to_box(ink: np.ndarray) -> np.ndarray:
    """The cropped ink, its longer side scaled to 20 pixels."""
    from PIL import Image

    top, bottom = _extent(ink.max(axis=1))
    left, right = _extent(ink.max(axis=0))
    height, width = bottom - top, right - left
    scale = BOX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(np.ascontiguousarray(ink, np.float32))
    fitted = image.resize(
        size,
        Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC,
        box=(left, top, right, bottom),
    )
    array = np.clip(np.asarray(fitted), 0, None)
    # A thin pen averages to a grey line, but MNIST's strokes are white at their core.
    return np.minimum(array / array.max(), 1)


def _extent(profile: np.ndarray) -> tuple[int, int]:
    """The first index with ink along one axis, and the index after the last."""
    inked = np.flatnonzero(profile >= _MIN_INK)
    return int(inked[0]), int(inked[-1]) + 1


def _center(box: np.ndarray) -> np.ndarray:
    """28×28 with the centre of mass at pixel (14, 14), to the nearest pixel."""
    corner = []
    for axis, length in enumerate(box.shape):
        profile = box.sum(axis=1 - axis)
        centre = float(profile @ np.arange(length)) / float(profile.sum())
        corner.append(min(max(round(CENTRE - centre), 0), SIDE - length))
    digit = np.zeros((SIDE, SIDE), np.float32)
    top, left = corner
    digit[top : top + box.shape[0], left : left + box.shape[1]] = box
    return digit


def blank_picture_error(name: str) -> DataError:
    """The error for a blank picture."""
    return DataError(
        f"{name}: is blank: its darkest and lightest pixels differ by less than "
        f"{MIN_CONTRAST:.0%}; write with more contrast"
    )


MAX_FILE = 2**26
"""The largest picture file that `read_digit` opens: 64 MiB."""

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
"""Common formats of pictures of digits, with small and well-tested decoders."""


def read_digit(path: PathName) -> np.ndarray:
    """The digit in a picture, in MNIST's form.

    The picture is rotated as its EXIF data says and converted to grey, with white for
    transparent pixels; `to_mnist_form` does the rest.

    Args:
        path: A PNG, JPEG, BMP, GIF or WebP file with a single digit, of any size up
            to `mnist_form.MAX_PIXELS`, dark on light or light on dark.

    Returns:
        float32 of shape (784,), from 0 (background) to 1 (ink).

    Raises:
        DataError: The file is missing, not such a picture, damaged, too large, or
            blank.
    """
    path = regular_file(path)
    size = path.stat().st_size
    if size > MAX_FILE:
        raise DataError(
            f"{path}: has {size:,} bytes, more than the limit of {MAX_FILE:,}: save "
            "the picture smaller"
        )
    for grey in _decode(path):
        if np.ptp(grey) >= MIN_CONTRAST:
            return to_mnist_form(grey, str(path))
    raise blank_picture_error(str(path))


def _decode(path: PathName) -> list[np.ndarray]:
    """The picture in grey, from 0 to 1: on white and, if it is transparent, on black.

    White ink on a transparent background is blank on white, hence the second version.
    """
    # Imported here: only reading a picture needs it.
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about oddities that still decode
            with Image.open(path, formats=FORMATS) as image:
                pixels = image.width * image.height
                if pixels > MAX_PIXELS:
                    raise DataError(
                        f"{path}: {image.width} × {image.height} pixels are more than "
                        f"the limit of {MAX_PIXELS:,}: save it smaller"
                    )
                image.load()
                upright = ImageOps.exif_transpose(image)
                return [_grey(upright, shade) for shade in _backgrounds(upright)]
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(
            f"{path}: is not a picture in one of the formats {', '.join(FORMATS)}: "
            "save it as PNG"
        ) from None
    # Damaged bytes make a decoder raise almost any error: OSError, SyntaxError,
    # ValueError, struct.error, IndexError … all mean the same here.
    except Exception as error:
        raise DataError(
            f"{path}: the picture is damaged ({error or type(error).__name__}): save "
            "it again, as PNG"
        ) from None


def _backgrounds(image: "Image.Image") -> tuple[int, ...]:
    return (255, 0) if image.has_transparency_data else (255,)


def _grey(image: "Image.Image", background: int) -> np.ndarray:
    from PIL import Image

    if image.mode.startswith("I"):
        # 16 bits: Pillow's own conversion to 8 bits would clip values above 255.
        return np.clip(np.asarray(image, np.float32) / 65535, 0, 1)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.new("RGBA", rgba.size, (background,) * 3 + (255,))
        image.alpha_composite(rgba)
    return np.asarray(image.convert("L"), np.float32) / np.float32(255)

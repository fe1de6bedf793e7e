"""One's own digits: a picture of any size brought to the form that MNIST's are in.

MNIST's digits are light on dark, fitted into 20×20 pixels with their proportions
kept, and placed by whole pixels so that their centre of mass is at pixel (14, 14) of
28×28 (LeCun et al., 1998: checked on all 60,000). A network that learned from those
recognises a photograph only once it has been brought to the same form.
"""

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from secant.arrays import place
from secant.data.files import PathName, regular_file
from secant.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 40_000_000
"""The largest picture that is decoded: 40 megapixels, 160 MB as RGBA."""

MAX_FILE = 2**26
"""The longest file of a picture that is opened: 64 MiB."""

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
"""Formats that people have digits in, and whose decoders are small and well tried."""

SIDE, BOX, CENTRE = 28, 20, 14

_WORKING_SIDE = 560
_MIN_CONTRAST = 0.1
_MIN_INK = 0.15


def read_digit(path: PathName) -> np.ndarray:
    """The digit in a picture, in MNIST's form.

    The picture is turned as its EXIF says and made grey, with white where it is
    transparent; `to_mnist_form` does the rest.

    Args:
        path: A PNG, JPEG, BMP, GIF or WebP file with a single digit, of any size up
            to `MAX_PIXELS`, dark on light or light on dark.

    Returns:
        float32 of shape (784,), from 0 (background) to 1 (ink).

    Raises:
        DataError: The file is missing, no such picture, damaged, too large, or blank.
    """
    path = regular_file(path)
    size = path.stat().st_size
    if size > MAX_FILE:
        raise DataError(
            f"{path}: has {size:,} bytes, more than the {MAX_FILE:,} that are opened: "
            "save the picture smaller"
        )
    for grey in _decode(path):
        if np.ptp(grey) >= _MIN_CONTRAST:
            return _digit(grey, str(path))
    raise _blank(str(path))


def to_mnist_form(picture: ArrayLike, name: str = "picture") -> np.ndarray:
    """The digit in a grey picture, in MNIST's form.

    Whether it is dark on light or light on dark follows from its border, which is
    taken for background. The ink is cut out, fitted into 20×20 pixels by averaging,
    and placed in 28×28 by its centre of mass.

    Args:
        picture: Shape (height, width): grey values, uint8 or uint16 over their whole
            range, bool, or floats from 0 to 1.
        name: What the picture is, for the messages.

    Returns:
        float32 of shape (784,), from 0 (background) to 1 (ink).

    Raises:
        DataError: The picture has another shape or other values, or is blank.

    Example:
        >>> picture = np.ones((100, 60))
        >>> picture[20:80, 25:35] = 0  # a one, dark on light
        >>> digit = to_mnist_form(picture).reshape(28, 28)
        >>> digit[14, 10:18].round(1)
        array([0. , 0. , 0.2, 1. , 1. , 1. , 0.2, 0. ], dtype=float32)
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
            f"{place(name, wrong)} is {array[wrong][0]}: floats go from 0 to 1; divide "
            "by the largest value that there can be"
        )
    return _digit(grey, name)


def _decode(path: PathName) -> list[np.ndarray]:
    """The picture in grey, from 0 to 1: on white and, if it is transparent, on black.

    White ink on nothing is blank on white: that is what the second is for.
    """
    # Imported here: nothing but reading a picture needs it.
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is odd and still decodes
            with Image.open(path, formats=FORMATS) as image:
                pixels = image.width * image.height
                if pixels > MAX_PIXELS:
                    raise DataError(
                        f"{path}: {image.width} × {image.height} pixels are more than "
                        f"the {MAX_PIXELS:,} that are decoded: save it smaller"
                    )
                image.load()
                turned = ImageOps.exif_transpose(image)
                return [_grey(turned, paper) for paper in _papers(turned)]
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(
            f"{path}: is no picture in one of the formats {', '.join(FORMATS)}: save "
            "it as PNG"
        ) from None
    # A decoder that meets damaged bytes raises whatever it trips over: OSError,
    # SyntaxError, ValueError, struct.error, IndexError … all mean the same here.
    except Exception as error:
        raise DataError(
            f"{path}: the picture is damaged ({error or type(error).__name__}): save it "
            "again, as PNG"
        ) from None


def _papers(image: "Image.Image") -> tuple[int, ...]:
    return (255, 0) if image.has_transparency_data else (255,)


def _grey(image: "Image.Image", paper: int) -> np.ndarray:
    from PIL import Image

    if image.mode.startswith("I"):
        # 16 bits: Pillow's own conversion to 8 would cut off what is above 255.
        return np.clip(np.asarray(image, np.float32) / 65535, 0, 1)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.new("RGBA", rgba.size, (paper, paper, paper, 255))
        image.alpha_composite(rgba)
    return np.asarray(image.convert("L"), np.float32) / np.float32(255)


def _digit(grey: np.ndarray, name: str) -> np.ndarray:
    ink = _ink(_shrunk(grey), name)
    return _placed(_fitted(ink)).reshape(-1)


def _shrunk(grey: np.ndarray) -> np.ndarray:
    """A large picture averaged down: quicker, and rid of a camera's noise."""
    factor = max(grey.shape) // _WORKING_SIDE
    if factor < 2:
        return grey
    from PIL import Image

    return np.asarray(Image.fromarray(grey).reduce(factor))


def _ink(grey: np.ndarray, name: str) -> np.ndarray:
    """How much ink there is, from 0 to 1: the difference from the background."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    background = float(np.median(border))
    low, high = float(grey.min()), float(grey.max())
    # Ink is on the side of the background on which there is more room.
    difference = background - grey if background - low > high - background else (
        grey - background
    )
    strongest = float(difference.max())
    if strongest < _MIN_CONTRAST:
        raise _blank(name)
    ink = np.clip(difference / strongest, 0, 1)
    threshold = _otsu(ink)
    ink = np.minimum(ink / np.median(ink[ink >= threshold]), 1)
    # What paper and a lossy format add to the background is no ink.
    noise = 3 * float(np.median(np.abs(border - background))) / strongest
    return np.where(ink > max(0.04, min(noise, threshold)), ink, 0)


def _otsu(ink: np.ndarray) -> float:
    """The threshold that parts ink from paper with the least variance within both.

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


def _fitted(ink: np.ndarray) -> np.ndarray:
    """The ink alone, its longer side averaged or stretched to 20 pixels."""
    from PIL import Image

    top, bottom = _extent(ink.max(axis=1))
    left, right = _extent(ink.max(axis=0))
    height, width = bottom - top, right - left
    scale = BOX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(np.ascontiguousarray(ink, np.float32))
    fitted = image.resize(
        size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC,
        box=(left, top, right, bottom),
    )
    array = np.clip(np.asarray(fitted), 0, None)
    # A thin pen averages to a grey line; MNIST's strokes are white at their core.
    return np.minimum(array / array.max(), 1)


def _extent(profile: np.ndarray) -> tuple[int, int]:
    """From where to where there is ink along one axis."""
    inked = np.flatnonzero(profile >= _MIN_INK)
    return int(inked[0]), int(inked[-1]) + 1


def _placed(box: np.ndarray) -> np.ndarray:
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


def _blank(name: str) -> DataError:
    return DataError(
        f"{name}: is blank: its darkest and lightest places differ by less than "
        f"{_MIN_CONTRAST:.0%}; write with more contrast"
    )

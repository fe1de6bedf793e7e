"""One's own digits: a picture file read as a network that learned MNIST needs it."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from secant.data.files import PathName, regular_file
from secant.data.mnist_form import MAX_PIXELS, MIN_CONTRAST, blank, to_mnist_form
from secant.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

MAX_FILE = 2**26
"""The longest file of a picture that is opened: 64 MiB."""

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
"""Formats that people have digits in, and whose decoders are small and well tried."""


def read_digit(path: PathName) -> np.ndarray:
    """The digit in a picture, in MNIST's form.

    The picture is turned as its EXIF says and made grey, with white where it is
    transparent; `to_mnist_form` does the rest.

    Args:
        path: A PNG, JPEG, BMP, GIF or WebP file with a single digit, of any size up
            to `mnist_form.MAX_PIXELS`, dark on light or light on dark.

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
        if np.ptp(grey) >= MIN_CONTRAST:
            return to_mnist_form(grey, str(path))
    raise blank(str(path))


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
            f"{path}: the picture is damaged ({error or type(error).__name__}): save "
            "it again, as PNG"
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

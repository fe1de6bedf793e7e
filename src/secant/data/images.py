"""Handwritten digits from picture files, in the form of MNIST's digits."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from secant.data.files import PathName, regular_file
from secant.data.mnist_form import (
    MAX_PIXELS,
    MIN_CONTRAST,
    blank_picture_error,
    to_mnist_form,
)
from secant.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

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

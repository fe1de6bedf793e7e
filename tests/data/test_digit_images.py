import io
import struct
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from secant.data import digit_images
from secant.data.digit_images import read_digit
from secant.errors import DataError

Difference: TypeAlias = Callable[[np.ndarray, np.ndarray], float]

ORIENTATION = 0x0112


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "seven.png"


def drawn(digit: np.ndarray) -> Image.Image:
    """A digit, dark on light, off-centre on a page of 300×200."""
    large = Image.fromarray(255 - digit).resize((150, 150), Image.Resampling.NEAREST)
    page = Image.new("L", (300, 200), 255)
    page.paste(large, (20, 45))
    return page


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_digit(path)
    message = str(caught.value)
    assert str(path) in message
    return message


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("png", {}),
        ("jpg", {"quality": 80}),
        ("bmp", {}),
        ("gif", {}),
        ("webp", {"quality": 80}),
    ],
)
def test_digits_of_mnist_come_back_from_every_format(
    tmp_path: Path,
    digits: np.ndarray,
    suffix: str,
    options: dict[str, Any],
    difference: Difference,
) -> None:
    path = tmp_path / f"digit.{suffix}"
    for digit in digits:
        drawn(digit).save(path, **options)
        found = read_digit(path)
        assert (found.shape, found.dtype) == ((784,), np.float32)
        assert found.min() >= 0
        assert found.max() == 1
        assert difference(found, digit) < 0.02


def test_turned_photograph_is_turned_back(
    path: Path, digits: np.ndarray, difference: Difference
) -> None:
    digit = digits[7]
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be seen, turn by 90° clockwise
    turned = drawn(digit).transpose(Image.Transpose.ROTATE_90)
    turned.save(path, exif=exif)
    assert difference(read_digit(path), digit) < 0.02


@pytest.mark.parametrize("mode", ["RGB", "P", "1", "LA"])
def test_modes_of_colour_give_the_same_digit(
    path: Path,
    digits: np.ndarray,
    mode: str,
    difference: Difference,
) -> None:
    drawn(digits[3]).convert(mode).save(path)
    assert difference(read_digit(path), digits[3]) < 0.04


@pytest.mark.parametrize("ink", [0, 255], ids=["black", "white"])
def test_ink_on_transparency_is_seen(
    path: Path, digits: np.ndarray, ink: int, difference: Difference
) -> None:
    alpha = 255 - np.asarray(drawn(digits[5]))
    pixels = np.full((*alpha.shape, 4), ink, np.uint8)
    pixels[..., 3] = alpha
    Image.fromarray(pixels).save(path)
    assert difference(read_digit(path), digits[5]) < 0.02


def test_sixteen_bits_are_kept(
    path: Path, digits: np.ndarray, difference: Difference
) -> None:
    # Brought to 8 bits by cutting off what is above 255, the page would be blank.
    Image.fromarray(np.asarray(drawn(digits[2])).astype(np.uint16) * 257).save(path)
    assert difference(read_digit(path), digits[2]) < 0.02


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_blank_picture_is_refused(path: Path, colour: int) -> None:
    Image.new("L", (50, 50), colour).save(path)
    assert "is blank" in refused(path)


def test_fully_transparent_picture_is_refused(path: Path) -> None:
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(path)
    assert "is blank" in refused(path)


def test_text_instead_of_a_picture_is_refused(path: Path) -> None:
    path.write_text("seven")
    assert "is not a picture in one of the formats PNG, JPEG" in refused(path)


def test_format_that_is_not_on_the_list_is_refused(path: Path) -> None:
    Image.new("L", (50, 50)).save(path, format="TIFF")
    assert "is not a picture in one of the formats" in refused(path)


def test_empty_picture_file_is_refused(path: Path) -> None:
    path.write_bytes(b"")
    assert "is not a picture" in refused(path)


@pytest.mark.parametrize("suffix", ["png", "jpeg"])
def test_truncated_picture_is_refused(
    path: Path, digits: np.ndarray, suffix: str
) -> None:
    drawn(digits[7]).save(path, format=suffix)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "is damaged" in refused(path)


def test_too_many_pixels_are_refused_undecoded(path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        code = zlib.crc32(kind + content)
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", code)
        )

    header = struct.pack(">IIBBBBB", 8000, 8000, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    )
    assert "8000 × 8000 pixels are more than the limit of 40,000,000" in refused(path)


def test_too_long_picture_file_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digit_images, "MAX_FILE", 10)
    path.write_bytes(b"\0" * 11)
    assert "more than the limit of 10" in refused(path)


def test_missing_picture_is_refused(path: Path) -> None:
    assert "no such file" in refused(path)


@pytest.mark.parametrize("suffix", ["png", "jpeg", "bmp", "gif", "webp"])
@settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damaged_picture_gives_nothing_but_a_data_error(
    path: Path,
    digits: np.ndarray,
    mutated: Callable[[st.DataObject, bytes], bytes],
    at_worst_data_error: Callable[[Path], AbstractContextManager[None]],
    suffix: str,
    data: st.DataObject,
) -> None:
    buffer = io.BytesIO()
    drawn(digits[7]).resize((60, 40)).save(buffer, format=suffix)
    path.write_bytes(mutated(data, buffer.getvalue()))
    with at_worst_data_error(path):
        found = read_digit(path)
        assert np.isfinite(found).all()

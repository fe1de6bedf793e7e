"""The built-in digits: `sample.npz`, beside this file."""

from pathlib import Path
from zipfile import ZipFile

from secant.data.npz import read_npz
from secant.data.pairs import Data
from secant.errors import DataError

PATH = Path(__file__).with_name("sample.npz")

NAME = "sample of 5,000 MNIST digits (built in)"


def read_sample() -> Data:
    """The digits as stored: uint8 of shape (N, 28, 28), and their labels.

    Returns:
        4,000 to train on and 1,000 to test on, equally many of each class, shuffled.

    Example:
        >>> (x_train, t_train), (x_test, t_test) = read_sample()
        >>> x_train.shape, x_test.shape
        ((4000, 28, 28), (1000, 28, 28))
    """
    train, test = read_npz(PATH)
    if test is None:
        raise DataError(f"{PATH}: has no test part: install the package again")
    return train, test


def provenance() -> str:
    """The authors, the source and the licence of the digits.

    Example:
        >>> "CC BY-SA 3.0" in provenance()
        True
    """
    with ZipFile(PATH) as archive:
        return archive.read("about.txt").decode()

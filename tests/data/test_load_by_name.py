import shutil
from pathlib import Path

import numpy as np
import pytest

from secant.data.load import load_data_set
from secant.data.locations import DATA_VARIABLE
from secant.errors import DataError, InvalidInput


def test_auto_is_the_sample_where_mnist_is_not_at_hand(no_data: Path) -> None:
    ((x_train, _), _), description = load_data_set("auto")
    assert len(x_train) == 4000
    assert description.name == "sample"
    assert "secant data fetch mnist" in description.source


def test_auto_is_mnist_where_it_is_at_hand(
    tiny: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tiny["mnist"].parent))
    ((x_train, _), _), description = load_data_set("auto")
    assert x_train.shape == (20, 784)
    assert description.name == "mnist"
    assert description.source == f"full MNIST from SECANT_DATA ({tiny['mnist']})"


def test_set_in_the_cache_is_described(tiny: dict[str, Path], no_data: Path) -> None:
    shutil.copytree(tiny["fashion-mnist"], no_data / "fashion-mnist")
    _, description = load_data_set("fashion-mnist")
    assert description.source.startswith("full Fashion-MNIST from your cache (")


def test_path_is_described_with_the_split_and_the_scaling(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.zeros((10, 2), np.uint8), t=[0, 1] * 5)
    _, description = load_data_set(path)
    assert description.source == (
        f"{path}: 8 samples to train on, 2 to test on; pixels 0–255 divided by 255; "
        "20% of each class set apart for the test"
    )


def test_name_that_is_not_at_hand_is_refused(no_data: Path) -> None:
    with pytest.raises(DataError, match="MNIST was not found"):
        load_data_set("mnist")


def test_misspelt_name_of_a_set_gets_a_did_you_mean() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'fashion-mnist'"):
        load_data_set("fashion_mnist")


def test_path_that_does_not_exist_is_refused_as_a_file() -> None:
    with pytest.raises(DataError, match="no such file"):
        load_data_set("mine.npz")

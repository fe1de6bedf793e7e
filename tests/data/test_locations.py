import shutil
from pathlib import Path

import pytest

from secant.data.locations import (
    DATA_VARIABLE,
    Location,
    data_set_not_found,
    find_data_set,
    locations,
)
from secant.errors import InvalidInput


def test_nothing_is_found_where_nothing_is(no_data: Path) -> None:
    assert find_data_set("mnist") is None
    assert find_data_set("fashion-mnist") is None


def test_order_is_variable_then_cache_then_system(
    tiny: dict[str, Path], no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny["mnist"], no_data / "mnist")
    assert find_data_set("mnist") == Location(no_data / "mnist", "cache")
    monkeypatch.setenv(DATA_VARIABLE, str(tiny["mnist"].parent))
    assert find_data_set("mnist") == Location(tiny["mnist"], "SECANT_DATA")


@pytest.mark.parametrize("nested", [True, False], ids=["folder of it", "files"])
def test_folder_given_holds_the_files_or_a_folder_of_them(
    tiny: dict[str, Path], nested: bool
) -> None:
    folder = tiny["mnist"].parent if nested else tiny["mnist"]
    assert find_data_set("mnist", folder) == Location(tiny["mnist"], "folder given")


def test_folder_given_is_never_passed_over(
    tiny: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tiny["mnist"]))
    assert find_data_set("mnist", tmp_path / "typo") is None


def test_variable_without_the_set_falls_through_to_the_cache(
    tiny: dict[str, Path], no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny["mnist"], no_data / "mnist")
    monkeypatch.setenv(DATA_VARIABLE, "/nowhere")
    assert find_data_set("mnist") == Location(no_data / "mnist", "cache")


def test_fashion_mnist_is_not_mistaken_for_mnist(tiny: dict[str, Path]) -> None:
    assert find_data_set("mnist", tiny["fashion-mnist"]) is None
    message = str(data_set_not_found("mnist", tiny["fashion-mnist"]))
    assert "holds Fashion-MNIST" in message


def test_unpacked_and_dotted_names_are_found(
    tiny: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for path in tiny["mnist"].iterdir():
        shutil.copy(path, folder / path.name.replace("-idx", ".idx")[:-3])
    assert find_data_set("mnist", folder) == Location(folder, "folder given")


def test_error_names_the_searched_folders_and_the_remedy(
    no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, "/nowhere")
    message = str(data_set_not_found("mnist"))
    assert "/nowhere/mnist (SECANT_DATA: no such folder)" in message
    assert f"{no_data / 'mnist'} (cache: no such folder)" in message
    assert "secant data fetch mnist" in message
    assert "load_mnist_sample()" in message


def test_unknown_set_gets_a_did_you_mean() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'mnist'"):
        locations("minst")

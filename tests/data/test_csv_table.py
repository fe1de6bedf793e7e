from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secant.data import csv_table
from secant.data.csv_table import read_table
from secant.errors import DataError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "digits.csv"


def refused(
    path: Path, text: str | bytes, label_column: str | int | None = None
) -> str:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(DataError) as caught:
        read_table(path, label_column)
    message = str(caught.value)
    assert str(path) in message
    return message


@pytest.mark.parametrize(
    ("text", "label_column"),
    [
        ("7,0.5,1\n2,0,-3e-1\n", None),
        ("label,a,b\n7,0.5,1\n2,0,-.3\n", None),
        ("a,label,b\n0.5,7,1\n0,2,-.3\n", None),
        ('"a","b","label"\r\n"0.5","1","7"\r\n"0","-.3","2"\r\n', None),
        ("a,b,digit\n0.5,1,7\n0,-.3,2\n", "digit"),
        ("0.5,1,7\n0,-.3,2\n", -1),
        ("a,kind,b\n0.5,7,1\n0,2,-.3\n", 1),
        ("\ufefflabel,a,b\n\n7, 0.5, 1\n\n2,0,-.3", None),
    ],
    ids=["bare", "header", "middle", "quoted", "named", "last", "index", "blank"],
)
def test_forms_of_a_csv_that_are_read(
    path: Path, text: str, label_column: str | int | None
) -> None:
    path.write_bytes(text.encode())
    x, t = read_table(path, label_column)
    np.testing.assert_array_equal(x, np.array([[0.5, 1], [0, -0.3]], np.float32))
    np.testing.assert_array_equal(t, [7, 2])
    assert (x.dtype, t.dtype) == (np.float32, np.int64)
    assert x.flags.c_contiguous


def test_single_sample_is_read(path: Path) -> None:
    path.write_text("3,1,2")
    x, t = read_table(path)
    assert (x.shape, t.shape) == ((1, 2), (1,))


def test_sound_csv_is_read_by_numpys_parser_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 60,000 lines of 785 cells take 5 s so, and a minute by a loop in Python.
    monkeypatch.delattr(csv_table, "_raise_first_error")
    values = np.random.default_rng(0).integers(0, 10, (200, 785))
    np.savetxt(path, values, "%d", ",")
    x, t = read_table(path)
    np.testing.assert_array_equal(x, values[:, 1:])
    np.testing.assert_array_equal(t, values[:, 0])


def test_ragged_row_is_refused_with_its_line(path: Path) -> None:
    message = refused(path, "1,2,3\n\n4,5\n")
    assert "line 3: has 2 cells, and line 1 has 3" in message


def test_longer_row_is_refused_with_its_line(path: Path) -> None:
    assert "line 2: has 4 cells" in refused(path, "1,2,3\n4,5,6,7\n")


def test_rows_that_all_differ_from_the_header_are_refused(path: Path) -> None:
    assert "line 2: has 2 cells" in refused(path, "label,a,b\n4,5\n6,7\n")


def test_a_label_behind_the_end_of_all_rows_is_refused(path: Path) -> None:
    assert "line 2: has 2 cells" in refused(path, "a,b,label\n4,5\n6,7\n")


def test_a_header_of_very_long_cells_is_shortened(path: Path) -> None:
    said = refused(path, f"{'x' * 50_000},{'y' * 50_000}\n4,5\n")
    assert "has no column 'label'" in said
    assert len(said) < 1000


def test_word_among_numbers_is_refused_with_line_and_column(path: Path) -> None:
    message = refused(path, "label,a,b\n1,2,3\n4,five,6\n")
    assert "line 3, column 2: 'five' ('a') is not a number" in message


def test_missing_cell_is_refused(path: Path) -> None:
    assert "line 2, column 3: '' is not a number" in refused(path, "1,2,3\n4,5,\n")


def test_number_with_an_underscore_is_refused(path: Path) -> None:
    assert "line 2, column 2: '1_0'" in refused(path, "1,2\n4,1_0\n")


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "1e39"])
def test_number_that_is_not_finite_is_refused(path: Path, cell: str) -> None:
    message = refused(path, f"1,2,3\n4,5,{cell}\n")
    assert f"line 2, column 3: {cell!r} is not a finite number" in message


@pytest.mark.parametrize("cell", ["2.5", "-1", "1e9"])
def test_label_that_is_no_class_is_refused(path: Path, cell: str) -> None:
    message = refused(path, f"1,2,3\n{cell},5,6\n")
    assert f"line 2, column 1: {cell!r} is the label" in message


@pytest.mark.parametrize("text", ["", "\n\n", " \n"])
def test_empty_csv_is_refused(path: Path, text: str) -> None:
    assert "is empty" in refused(path, text)


def test_data_below_a_thousand_empty_lines_are_not_called_empty(path: Path) -> None:
    assert "begins with an empty line" in refused(path, "\n" * 1000 + "1,2,3\n")


def test_header_alone_is_refused(path: Path) -> None:
    assert "no samples below" in refused(path, "label,a,b\n\n")


def test_header_without_the_label_column_is_refused(path: Path) -> None:
    message = refused(path, "kind,a\n1,2\n")
    assert "column 1 is 'kind'" in message
    assert "has no column 'label', only 'kind', 'a'" in message
    # `secant train --data` has no label_column to pass.
    assert "call the labels' column 'label'" in message


def test_unknown_label_column_is_refused(path: Path) -> None:
    assert "no column 'digit'" in refused(path, "label,a\n1,2\n", "digit")


def test_name_of_a_column_without_a_header_is_refused(path: Path) -> None:
    assert "line 1 has only numbers" in refused(path, "1,2\n3,4\n", "label")


@pytest.mark.parametrize("index", [2, -3])
def test_index_of_the_label_out_of_range_is_refused(path: Path, index: int) -> None:
    assert f"label_column is {index}" in refused(path, "1,2\n3,4\n", index)


@pytest.mark.parametrize("mark", [";", "\t", " "])
def test_other_separator_is_refused_and_named(path: Path, mark: str) -> None:
    assert f"by commas, not {mark!r}" in refused(path, f"1{mark}2\n3{mark}4\n")


def test_text_that_is_not_utf_8_is_refused(path: Path) -> None:
    assert "is not UTF-8" in refused(path, b"label,a\n1,\xff\n")


def test_binary_file_named_csv_is_refused(path: Path) -> None:
    refused(path, bytes(range(256)))


def test_line_without_end_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "_MAX_LINE", 1000)
    assert "line 1 is longer than 1,000" in refused(path, "1," * 600)


def test_file_beyond_the_bound_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "MAX_TEXT", 5)
    assert "of up to 5 bytes" in refused(path, "1,2\n3,4\n")


def test_compressed_csv_is_refused(tmp_path: Path) -> None:
    assert "uncompressed CSV" in refused(tmp_path / "digits.csv.gz", "1,2\n")


def test_missing_csv_is_refused(path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_table(path)


@settings(
    derandomize=True,
    max_examples=300,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), header=st.booleans())
def test_damaged_csv_gives_nothing_but_a_data_error(
    path: Path,
    mutated: Callable[[st.DataObject, bytes], bytes],
    at_worst_data_error: Callable[[Path], AbstractContextManager[None]],
    data: st.DataObject,
    header: bool,
) -> None:
    content = b"label,a,b\n" * header + b'1,0.5,"3"\r\n2,1e3,-4\n\n3,4,5\n'
    path.write_bytes(mutated(data, content))
    with at_worst_data_error(path):
        x, t = read_table(path)
        assert np.isfinite(x).all()
        assert (t >= 0).all()

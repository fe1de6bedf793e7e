"""Data from a CSV file of numbers: a sample a line, its label in a column."""

import csv
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from secant.data.files import PathName, regular_file
from secant.data.labels import MAX_CLASSES, Pair
from secant.errors import DataError

MAX_TEXT = 2**29
"""The largest file that is read, 512 MiB. A cell takes at least two bytes of text and
four in memory, and the reader may hold it twice: 2 GiB at most."""

_MAX_LINE = 2**22
_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".lzma")


class _Layout(NamedTuple):
    path: Path
    header: list[str] | None
    columns: int
    label: int


def read_table(path: PathName, label_column: str | int | None = None) -> Pair:
    r"""Inputs and labels from a CSV file of numbers.

    The first line is a header if one of its cells is not a number. Empty lines are
    skipped. Commas separate the cells, which may be quoted; the encoding is UTF-8.

    Args:
        path: The file.
        label_column: The column of the labels: a name in the header, or an index from
            0 (−1 is the last). The default is the column named `label`, and without a
            header the first.

    Returns:
        x, float32 of shape (N, columns − 1), and t, int64 of shape (N,).

    Raises:
        DataError: The file is missing, empty, too long or not a CSV of numbers; rows
            differ in length; a cell is not a finite number (in float32); a label is
            not a whole number from 0; or there is no such column. The message names
            file, line and column, both counted from 1.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "digits.csv")
        ...     _ = path.write_text("label,left,right\n7,0.5,1\n2,0,0.25\n")
        ...     x, t = read_table(path)
        >>> x
        array([[0.5 , 1.  ],
               [0.  , 0.25]], dtype=float32)
        >>> t
        array([7, 2])
    """
    path = regular_file(path)
    size = path.stat().st_size
    if size > MAX_TEXT or path.suffix.lower() in _COMPRESSED_SUFFIXES:
        raise DataError(
            f"{path}: has {size:,} bytes and the suffix '{path.suffix}'; Secant reads "
            f"uncompressed CSV files of up to {MAX_TEXT:,} bytes: unpack it, or write "
            "a .npz"
        )
    try:
        layout = _layout(path, label_column)
        values = _read_numbers(layout)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: is not UTF-8 text ({error.reason} at byte {error.start}): save "
            "it as CSV, UTF-8"
        ) from None
    except csv.Error as error:
        raise DataError(f"{path}: is not CSV ({error}): save it as CSV") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    t = values[:, layout.label].astype(np.int64)
    # The label is nearly always first: then a slice copies the values only once.
    if layout.label == 0:
        return np.ascontiguousarray(values[:, 1:]), t
    return np.delete(values, layout.label, axis=1), t


def _open(path: Path) -> IO[str]:
    # utf-8-sig: spreadsheets write a byte-order mark before the first cell.
    return path.open(encoding="utf-8-sig", newline="")


def _layout(path: Path, label_column: str | int | None) -> _Layout:
    with _open(path) as file:
        line = file.readline(_MAX_LINE)
    if len(line) == _MAX_LINE:
        raise DataError(f"{path}: line 1 is longer than {_MAX_LINE:,} characters")
    cells = [cell.strip() for cell in next(csv.reader([line]), [])]
    if not any(cells):
        with _open(path) as file:
            empty = not any(part.strip() for part in file)
        fault = "is empty" if empty else "begins with an empty line: remove it"
        raise DataError(f"{path}: {fault}; a sample is a line of numbers")
    if len(cells) < 2:
        separator = next((mark for mark in ";\t " if mark in line.strip()), None)
        hint = f", not {separator!r}" if separator else ""
        raise DataError(
            f"{path}: line 1 has a single cell, {cells[0][:40]!r}: a sample is a label "
            f"and at least one number, separated by commas{hint}"
        )
    texts = (n for n, cell in enumerate(cells) if _number(cell) is None)
    text_column = next(texts, None)
    header = None if text_column is None else cells
    label = _label_index(path, cells, text_column, label_column)
    return _Layout(path, header, len(cells), label)


def _label_index(
    path: Path,
    cells: list[str],
    text_column: int | None,
    label_column: str | int | None,
) -> int:
    """The index of the label's column; `text_column` is the first that is no number."""
    if isinstance(label_column, int):
        if not -len(cells) <= label_column < len(cells):
            raise DataError(
                f"{path}: has {len(cells)} columns, and label_column is {label_column}"
                f": pass one from 0 to {len(cells) - 1}, or -1 for the last"
            )
        return label_column % len(cells)
    if text_column is None:
        if label_column is not None:
            raise DataError(
                f"{path}: line 1 has only numbers, so no column has the name "
                f"{label_column!r}: pass the column's index from 0 as label_column"
            )
        return 0
    label_name = "label" if label_column is None else label_column
    if label_name not in cells:
        shown = ", ".join(repr(cell[:40]) for cell in cells[:8]) + (
            ", …" if len(cells) > 8 else ""
        )
        raise DataError(
            f"{path}: line 1 is a header, since column {text_column + 1} is "
            f"{cells[text_column][:40]!r}, and it has no column {label_name!r}, only "
            f"{shown}: call the labels' column 'label', or pass label_column, a name "
            "or an index"
        )
    return cells.index(label_name)


def _read_numbers(layout: _Layout) -> np.ndarray:
    """All cells as float32, by NumPy's parser; ours finds the cell of an error."""
    skip = 0 if layout.header is None else 1
    with _open(layout.path) as file:
        lines = islice(file, skip, None)
        first = next((n for n, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise DataError(f"{layout.path}: has a header and no samples below it")
    try:
        with np.errstate(over="ignore"):  # 1e99 becomes inf, an error below
            values = np.loadtxt(
                # An absolute path, since NumPy takes some names for URLs.
                str(layout.path.resolve()),
                dtype=np.float32,
                delimiter=",",
                comments=None,
                quotechar='"',
                skiprows=skip,
                encoding="utf-8-sig",
                ndmin=2,
            )
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        _raise_first_error(layout, 0)
        raise DataError(f"{layout.path}: cannot be read as CSV ({error})") from None
    if values.shape[1] != layout.columns:
        _raise_first_error(layout, 0)
        raise DataError(
            f"{layout.path}: its samples have {values.shape[1]} cells, and line 1 has "
            f"{layout.columns}: give every line the same number of cells"
        )
    labels = values[:, layout.label]
    wrong = ~(np.isfinite(values).all(axis=1) & (labels == np.floor(labels)))
    wrong |= ~((labels >= 0) & (labels < MAX_CLASSES))
    if wrong.any():
        row = int(np.argmax(wrong))
        _raise_first_error(layout, row)
        raise DataError(f"{layout.path}: sample {row + 1} cannot be read")
    return values


def _raise_first_error(layout: _Layout, start: int) -> None:
    """Raise a DataError for the first wrong cell from sample number `start` on."""
    for number, cells in islice(_samples(layout), start, None):
        here = f"{layout.path}, line {number}"
        if len(cells) != layout.columns:
            raise DataError(
                f"{here}: has {len(cells)} cells, and line 1 has {layout.columns}: "
                "give every line the same number of cells"
            )
        for column, cell in enumerate(cells):
            value = _number(cell)
            there = f"{here}, column {column + 1}: {cell.strip()[:40]!r}"
            if layout.header is not None:
                there = f"{there} ({layout.header[column][:40]!r})"
            if value is None:
                raise DataError(f"{there} is not a number: write one, such as 0.5")
            if not abs(value) <= _MAX_FLOAT32:
                raise DataError(
                    f"{there} is not a finite number (in float32, below 3.4e38): fill "
                    "it in, or remove the line"
                )
            is_label = value >= 0 and value < MAX_CLASSES and value == math.floor(value)
            if column == layout.label and not is_label:
                raise DataError(
                    f"{there} is the label, and a label is a whole number from 0 to "
                    f"{MAX_CLASSES - 1}: number the classes 0, 1, 2 …, or name "
                    "the labels' column with label_column"
                )


def _samples(layout: _Layout) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of each sample."""
    with _open(layout.path) as file:
        reader = csv.reader(file)
        if layout.header is not None:
            next(reader)
        for cells in reader:
            if cells:
                yield reader.line_num, cells


def _number(cell: str) -> float | None:
    try:
        # Python reads 1_000 as a number, but CSV has no such notation.
        return None if "_" in cell else float(cell)
    except ValueError:
        return None

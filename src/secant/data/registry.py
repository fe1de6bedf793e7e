"""Registry of the data sets with a name: their files, mirrors and licences."""

from dataclasses import dataclass
from pathlib import Path

from secant.validation import Choice, validate


@dataclass(frozen=True)
class File:
    """An IDX file of a data set.

    Attributes:
        name: The published name, with `.gz`.
        shape: The shape of the array inside.
        download: Bytes of the published `.gz`, for progress and for a limit.
        size: Bytes of the IDX file inside.
        sha256: The hash of the IDX file inside. Mirrors have compressed it again, so
            the `.gz` differs between them.
    """

    name: str
    shape: tuple[int, ...]
    download: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Spec:
    """A data set of images in four IDX files, like MNIST.

    Attributes:
        name: Its name in commands, and its folder's name.
        title: Its name in sentences.
        x_train: The training images.
        t_train: The training labels.
        x_test: The test images.
        t_test: The test labels.
        classes: The number of classes.
        mirrors: Web addresses of folders that hold the files under their names.
        system: Folders of the operating system's packages.
        licence: The licence of the data.
    """

    name: str
    title: str
    x_train: File
    t_train: File
    x_test: File
    t_test: File
    classes: int
    mirrors: tuple[str, ...]
    system: tuple[str, ...]
    licence: str

    @property
    def files(self) -> tuple[File, File, File, File]:
        """The four files, training before test, images before labels."""
        return self.x_train, self.t_train, self.x_test, self.t_test


_MNIST = Spec(
    name="mnist",
    title="MNIST",
    x_train=File(
        "train-images-idx3-ubyte.gz",
        (60_000, 28, 28),
        9_912_422,
        47_040_016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    t_train=File(
        "train-labels-idx1-ubyte.gz",
        (60_000,),
        28_881,
        60_008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    x_test=File(
        "t10k-images-idx3-ubyte.gz",
        (10_000, 28, 28),
        1_648_877,
        7_840_016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    t_test=File(
        "t10k-labels-idx1-ubyte.gz",
        (10_000,),
        4_542,
        10_008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    classes=10,
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    system=("/usr/share/datasets/mnist",),
    licence="CC BY-SA 3.0",
)

_FASHION = Spec(
    name="fashion-mnist",
    title="Fashion-MNIST",
    x_train=File(
        "train-images-idx3-ubyte.gz",
        (60_000, 28, 28),
        26_421_880,
        47_040_016,
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    t_train=File(
        "train-labels-idx1-ubyte.gz",
        (60_000,),
        29_515,
        60_008,
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    x_test=File(
        "t10k-images-idx3-ubyte.gz",
        (10_000, 28, 28),
        4_422_102,
        7_840_016,
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    t_test=File(
        "t10k-labels-idx1-ubyte.gz",
        (10_000,),
        5_148,
        10_008,
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    classes=10,
    mirrors=("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",),
    # Debian's package dataset-fashion-mnist.
    system=("/usr/share/datasets/fashion-mnist",),
    licence="MIT",
)

SPECS: dict[str, Spec] = {spec.name: spec for spec in (_MNIST, _FASHION)}
"""The data sets by name."""


def spec_named(name: str) -> Spec:
    """The data set of that name.

    Raises:
        InvalidInput: No data set has that name.

    Example:
        >>> spec_named("mnist").title
        'MNIST'
        >>> spec_named("minst")
        Traceback (most recent call last):
        secant.errors.InvalidInput: there is no data set 'minst': ...
    """
    return SPECS[validate("name", name, Choice(SPECS, "data set"))]


def file_in(folder: Path, name: str) -> Path | None:
    """The path of a published file in a folder: as `.gz`, unpacked, or dotted.

    Some copies have the name `train-images.idx3-ubyte`, from an unpacker on Windows.
    """
    plain = name.removesuffix(".gz")
    dotted = plain.replace("-idx", ".idx")
    for form in (name, plain, dotted, f"{dotted}.gz"):
        path = folder / form
        if path.is_file():
            return path
    return None

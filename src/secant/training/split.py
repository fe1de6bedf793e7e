"""Training samples that are held back, to see how good the network is on others."""

import numpy as np

from secant.errors import InvalidInput
from secant.training.samples import Samples


def split(samples: Samples, share: float, seed: int) -> tuple[Samples, Samples]:
    """Samples to train on, and those held back: of each class the same share.

    Which ones is drawn from the seed; both parts keep the order that they came in.
    The only sample of a class is trained on.

    Args:
        samples: All of them.
        share: To hold back, between 0 and 1.
        seed: Of the run.

    Raises:
        InvalidInput: One of the parts would be empty.

    Example:
        >>> held = Samples(np.arange(10.0)[:, None], np.eye(2)[[0] * 6 + [1] * 4])
        >>> [part.x.ravel().tolist() for part in split(held, 0.5, seed=0)]
        [[3.0, 4.0, 5.0, 7.0, 9.0], [0.0, 1.0, 2.0, 6.0, 8.0]]
    """
    # Not the batches' draws: those have a key of one number.
    draw = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 1)))
    classes = samples.t.argmax(axis=1)
    held = np.zeros(len(samples), bool)
    members = [np.flatnonzero(classes == c) for c in np.unique(classes)]
    for own, count in zip(members, _counts(members, share), strict=True):
        held[draw.permutation(own)[:count]] = True
    if not held.any():
        raise InvalidInput(
            f"validation_split is {share:g}, and there are {len(samples)} training "
            "samples: none would be held back; pass a larger share, or more samples"
        )
    return (
        Samples(samples.x[~held], samples.t[~held]),
        Samples(samples.x[held], samples.t[held]),
    )


def _counts(members: list[np.ndarray], share: float) -> np.ndarray:
    """How many of each class are held back: in all the share, to the nearest sample."""
    sizes = np.array([len(own) for own in members])
    counts = np.floor(share * sizes).astype(int)
    left = round(share * sizes.sum()) - int(counts.sum())
    for c in np.argsort(counts - share * sizes, kind="stable")[: max(left, 0)]:
        counts[c] += 1
    return np.minimum(counts, sizes - 1)

"""The mini-batches of a run.

The samples form one endless stream, cut into batches. Each epoch of the stream has
`samples` indices, drawn with replacement (as in the notebook) or in a new random order
(so an epoch has every sample once). The draw of an epoch depends only on the seed and
its number. So any step's batch can be computed without those before it, a run can
continue anywhere, and every gradient method gets the same batches.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from secant.errors import InvalidInput

SAMPLINGS = ("replacement", "epochs")


@dataclass(frozen=True)
class Batches:
    """The mini-batches of a run.

    Attributes:
        samples: The number of training samples.
        batch_size: The number of samples of a step.
        sampling: `replacement`: each sample is drawn from all, as in the notebook;
            `epochs`: random order, every sample once before any repeats.
        seed: The seed of the draws.

    Raises:
        InvalidInput: The batch is larger than the data.

    Example:
        >>> Batches(samples=4, batch_size=2, sampling="epochs", seed=0).indices(0, 2)
        array([[1, 0],
               [3, 2]], dtype=int32)
    """

    samples: int
    batch_size: int
    sampling: str
    seed: int

    def __post_init__(self) -> None:
        if self.batch_size > self.samples:
            raise InvalidInput(
                f"batch_size is {self.batch_size}, and there are {self.samples} "
                f"training samples: pass at most batch_size={self.samples}"
            )

    @property
    def steps_per_epoch(self) -> int:
        """The steps of an epoch, which uses about as many samples as there are."""
        return max(self.samples // self.batch_size, 1)

    def indices(self, start: int, stop: int) -> np.ndarray:
        """The samples of steps `start` to `stop - 1`, (steps, batch_size), int32."""
        first, last = start * self.batch_size, stop * self.batch_size
        epochs = range(first // self.samples, -(-last // self.samples))
        if not epochs:
            return np.zeros((0, self.batch_size), np.int32)
        stream = np.concatenate([_epoch(self, epoch) for epoch in epochs])
        offset = epochs[0] * self.samples
        cut = stream[first - offset : last - offset]
        return cut.reshape(-1, self.batch_size)


@lru_cache(maxsize=4)
def _epoch(batches: Batches, epoch: int) -> np.ndarray:
    draw = np.random.default_rng(
        np.random.SeedSequence(batches.seed, spawn_key=(epoch,))
    )
    if batches.sampling == "epochs":
        return draw.permutation(batches.samples).astype(np.int32)
    return draw.integers(batches.samples, size=batches.samples, dtype=np.int32)

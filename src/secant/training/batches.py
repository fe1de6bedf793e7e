"""Which samples each step sees.

The samples come as one endless stream, cut into batches. The stream is made an
epoch at a time, `samples` indices each, drawn with replacement (as the notebook
does) or in a new random order (so that an epoch sees every sample once). Each
epoch's draw depends on the seed and its own number only: any step's batch can be
told without those before it, so a run can be continued anywhere, and every
gradient method sees the same batches.
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
        samples: How many training samples there are.
        batch_size: How many of them a step sees.
        sampling: `replacement`: each drawn from all, as the notebook does;
            `epochs`: in random order, all of them before any comes again.
        seed: Of the draws.

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
        """Steps after which about as many samples were seen as there are."""
        return max(self.samples // self.batch_size, 1)

    def indices(self, start: int, stop: int) -> np.ndarray:
        """The samples of steps `start` to `stop - 1`: (steps, batch_size), int32."""
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

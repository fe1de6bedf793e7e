"""How often a run writes a checkpoint."""

from dataclasses import dataclass

from secant.validation import Or, PositiveNumber, WholeNumber, validate_fields


@dataclass(frozen=True)
class Checkpoints:
    """The frequency of a run's checkpoints during training.

    A run also gets a checkpoint at each new best accuracy, when it is interrupted, and
    at its end.

    Attributes:
        steps: The number of steps between checkpoints; None to use only the clock.
        seconds: The seconds between checkpoints; None to use only the steps.
        keep: The number of newest checkpoints that stay.

    Raises:
        InvalidInput: A number is out of its range.

    Example:
        >>> Checkpoints(steps=500, keep=2)
        Checkpoints(steps=500, seconds=30.0, keep=2)
    """

    steps: int | None = None
    seconds: float | None = 30.0
    keep: int = 3

    def __post_init__(self) -> None:
        validate_fields(
            self,
            steps=Or(WholeNumber(low=1), None),
            seconds=Or(PositiveNumber(), None),
            keep=WholeNumber(low=1),
        )

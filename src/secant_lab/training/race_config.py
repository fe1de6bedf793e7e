"""What a page wants to see trained: looked at before anything is begun."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

from secant import MLP, Architecture
from secant.errors import InvalidInput
from secant.nn import ACTIVATIONS, INITIALISATIONS, LOSSES
from secant.nn.gradients import METHODS
from secant.training import OPTIMIZERS, TrainConfig
from secant_lab.localized_error import LocalizedError
from secant_lab.training.data_set_cache import CLASSES, INPUTS, at_hand

MOST_LANES = 4
MOST_HIDDEN = 256
MOST_BATCH = 1_000
MOST_RATE = 1_000.0

MOST_STEPS = 200_000
"""Where every lane ends."""


class LaneWanted(NamedTuple):
    """One run of a race: what it does not share with the others."""

    gradient: str
    rate: float


@dataclass(frozen=True)
class Wanted:
    """A race.

    Attributes:
        data: The data set's name.
        hidden: Neurons of the hidden layer.
        activation: What they do.
        loss: What is made small.
        init: How the first weights are drawn; `""` for the activation's usual way.
        batch: Samples a step.
        seed: Of weights and batches.
        optimizer: What a step makes of a gradient.
        abreast: Whether lanes get equally many steps, and not equal time.
        lanes: What the lanes do not share.

    Raises:
        LocalizedError: Something in it cannot be.
    """

    data: str
    hidden: int
    activation: str
    loss: str
    init: str
    batch: int
    seed: int
    optimizer: str
    abreast: bool
    lanes: tuple[LaneWanted, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.lanes) <= MOST_LANES:
            raise LocalizedError(
                "lanes",
                f"the race has {len(self.lanes)} lanes: let it have 1 to {MOST_LANES}",
                came=len(self.lanes),
                most=MOST_LANES,
            )
        within("hidden", self.hidden, 1, MOST_HIDDEN)
        within("batch", self.batch, 1, MOST_BATCH)
        within("seed", self.seed, 0, 2**31 - 1)
        for lane in self.lanes:
            within("rate", lane.rate, 0, MOST_RATE)
        if not self.init and (activation := ACTIVATIONS.get(self.activation)):
            object.__setattr__(self, "init", activation.init)
        try:
            self.net()
            _ = self.configs
        except InvalidInput as error:
            raise LocalizedError("settings", str(error), words=str(error)) from None

    @cached_property
    def configs(self) -> tuple[TrainConfig, ...]:
        """How each lane is trained."""
        return tuple(
            TrainConfig.build(
                lane.gradient,
                iterations=MOST_STEPS,
                batch_size=self.batch,
                learning_rate=lane.rate,
                optimizer=self.optimizer,
                seed=self.seed,
            )
            for lane in self.lanes
        )

    def net(self) -> MLP:
        """The network that every lane starts from."""
        return MLP(
            (INPUTS, self.hidden, CLASSES),
            self.activation,
            self.loss,
            init=self.init,
            seed=self.seed,
        )

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        weights = Architecture((INPUTS, self.hidden, CLASSES)).parameter_count
        lanes = [{**lane._asdict(), "weights": weights} for lane in self.lanes]
        return {**asdict(self), "lanes": lanes}


def choices() -> dict[str, Any]:
    """What can be wanted, by name, and the limits of numbers."""
    return {
        "data": at_hand(),
        "gradients": [
            {
                "name": method.name,
                "description": method.description,
                "slow": not method.traceable,
            }
            for method in METHODS.values()
        ],
        "activations": list(ACTIVATIONS),
        "losses": list(LOSSES),
        "inits": list(INITIALISATIONS),
        "optimizers": [
            {"name": name, "rate": optimizer.learning_rate}
            for name, optimizer in OPTIMIZERS.items()
        ],
        "most": {
            "lanes": MOST_LANES,
            "hidden": MOST_HIDDEN,
            "batch": MOST_BATCH,
            "rate": MOST_RATE,
            "steps": MOST_STEPS,
        },
    }


def within(name: str, value: float, least: float, most: float) -> None:
    """Refuses a number that is too small or too large, NaN too.

    Raises:
        LocalizedError: It is.
    """
    if not least <= value <= most:
        # A whole number may have thousands of digits.
        came = str(value) if len(str(value)) <= 20 else f"{str(value)[:19]}…"
        raise LocalizedError(
            "limit",
            f"{name} is {came}: let it lie between {least:g} and {most:g}",
            name=name,
            came=came,
            least=f"{least:g}",
            most=f"{most:g}",
        )

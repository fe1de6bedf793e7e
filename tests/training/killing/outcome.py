"""The result of the kills."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """The result of the kills, or what one process adds to it.

    Attributes:
        kills: Processes that were killed.
        trained: Of these, how many had saved steps or trials of their own by then.
        in_midst: Kills after which there was half a file, under a name of its own.
        refused: Second processes in a folder in which the killed one trained; each is
            refused and changes nothing.
        ended: Runs and sweeps that came to their end.
        equal: Of these, how many equal the uninterrupted one, bit for bit.
        hows: The number of kills in each way.
        lanes: The number of kills of each run.
        faults: What should not be, in words.
    """

    kills: int = 0
    trained: int = 0
    in_midst: int = 0
    refused: int = 0
    ended: int = 0
    equal: int = 0
    hows: Mapping[str, int] = field(default_factory=dict)
    lanes: Mapping[str, int] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.kills + other.kills,
            self.trained + other.trained,
            self.in_midst + other.in_midst,
            self.refused + other.refused,
            self.ended + other.ended,
            self.equal + other.equal,
            Counter(self.hows) + Counter(other.hows),
            Counter(self.lanes) + Counter(other.lanes),
            self.faults + other.faults,
        )

"""`--hidden`: the sizes of the hidden layers."""

import re

from secant.errors import InvalidInput


def hidden_sizes(hidden: str) -> tuple[int, ...]:
    """The hidden layers' sizes: "100,50" → (100, 50); "" or "0" → none."""
    parts = [part for part in re.split(r"[,\s]+", hidden.strip()) if part]
    if parts in ([], ["0"]):
        return ()
    if not all(part.isdecimal() and 0 < int(part) <= 1_000_000 for part in parts):
        raise InvalidInput(
            f'--hidden is "{hidden}": pass the neurons of each hidden layer, such as '
            "50 or 100,50"
        )
    return tuple(int(part) for part in parts)

"""A graph on floors: the order of the nodes on each floor, and where each stands.

A link joins nodes of neighbouring floors. A longer arrow passes a node of its own on
each floor between its ends.

Sugiyama, Tagawa & Toda (1981), "Methods for visual understanding of hierarchical
system structures", IEEE Trans. SMC 11(2), 109-125.
"""

from collections.abc import Callable

import numpy as np

Node = tuple[str, ...]
"""A box, `(name,)`, or an arrow on its way, `(from, to, floor)`."""


def order(floors: list[list[Node]], links: list[tuple[Node, Node]]) -> list[list[Node]]:
    """The nodes of each floor from left to right, so that few links cross.

    Each node goes to the mean of those that it is linked to, floor after floor, up and
    down. The order with the fewest crossings is kept.
    """
    best, fewest = floors, crossings(floors, links)
    for sweep in range(40):
        at = {node: i / len(floor) for floor in floors for i, node in enumerate(floor)}
        beside: dict[Node, list[Node]] = {node: [] for node in at}
        for upper, lower in links:
            beside[upper if sweep % 2 else lower].append(lower if sweep % 2 else upper)
        floors = list(floors)
        for f in range(len(floors)) if sweep % 2 else reversed(range(len(floors))):
            for node in floors[f]:
                if beside[node]:
                    at[node] = float(np.mean([at[other] for other in beside[node]]))
            floors[f] = sorted(floors[f], key=lambda node: at[node])
            at |= {node: i / len(floors[f]) for i, node in enumerate(floors[f])}
        if (count := crossings(floors, links)) < fewest:
            best, fewest = floors, count
    return best


def crossings(floors: list[list[Node]], links: list[tuple[Node, Node]]) -> int:
    """How many pairs of links between the same floors cross."""
    at = {
        node: (f, i) for f, floor in enumerate(floors) for i, node in enumerate(floor)
    }
    pairs = sorted((at[lower], at[upper][1]) for upper, lower in links)
    return sum(
        f == g and i < j and a > b
        for k, ((f, i), a) in enumerate(pairs)
        for (g, j), b in pairs[k + 1 :]
    )


def place(
    floors: list[list[Node]],
    links: list[tuple[Node, Node]],
    width: Callable[[Node], float],
) -> dict[Node, float]:
    """The middle of each node: near those that it is linked to, and none overlap.

    A link on the way of an arrow counts for more than one at its end, so that long
    arrows are straight, as in Gansner et al. (1993), "A technique for drawing directed
    graphs", IEEE Trans. Softw. Eng. 19(3), 214-230.
    """
    near: dict[Node, list[tuple[Node, int]]] = {
        n: [] for floor in floors for n in floor
    }
    for upper, lower in links:
        weight = (1, 2, 8)[(len(upper) > 1) + (len(lower) > 1)]
        near[upper].append((lower, weight))
        near[lower].append((upper, weight))
    weights = {node: sum(weight for _, weight in near[node]) for node in near}
    x = dict.fromkeys(near, 0.0)
    for sweep in range(400):
        for floor in floors if sweep % 2 else reversed(floors):
            wish = [
                sum(weight * x[other] for other, weight in near[node]) / weights[node]
                for node in floor
            ]
            widths = [width(node) for node in floor]
            middles = spread(wish, widths, [weights[node] for node in floor])
            x |= dict(zip(floor, middles, strict=True))
    return x


def spread(wish: list[float], widths: list[float], weights: list[int]) -> list[float]:
    """The middles nearest to the wishes, by weighted least squares, without overlap.

    The middles less the widths to their left must not fall: an isotonic regression. It
    pools neighbours that are out of order.
    """
    offsets = np.cumsum(widths) - np.array(widths) / 2
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for mean, weight in zip(wish - offsets, weights, strict=True):
        pool = (float(mean), float(weight), 1)
        while pools and pools[-1][0] > pool[0]:
            m, w, count = pools.pop()
            total = w + pool[1]
            pool = (m * w + pool[0] * pool[1]) / total, total, count + pool[2]
        pools.append(pool)
    level = [mean for mean, _, count in pools for _ in range(count)]
    return [float(middle) for middle in level + offsets]

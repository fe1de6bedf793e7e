"""What difference propagation costs: jitted `difference(f)` beside jitted `f`.

    python benchmarks/difference_cost.py

`f` is the loss of the benchmarks' networks, as a function of all their weights. The
quickest of many calls, interleaved; a Markdown table.
"""

from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np

from secant import difference
from secant.nn.architecture import Architecture, transposed

CASES = [
    ((784, 50, 10), 100, "sigmoid"),
    ((784, 50, 10), 100, "relu"),
    ((784, 1000, 10), 100, "sigmoid"),
    ((784, 50, 50, 50, 10), 100, "tanh"),
    ((784, 50, 10), 10_000, "sigmoid"),
]


def main() -> None:
    print("| network | batch | activation | `f`, ms | `difference(f)`, ms | ratio |")
    print("|---|---:|---|---:|---:|---:|")
    for sizes, samples, activation in CASES:
        architecture = Architecture(sizes, activation)
        draw = np.random.default_rng(0)
        params = {
            name: draw.standard_normal(shape) / np.sqrt(shape[0])
            for name, shape in architecture.shapes.items()
        }
        x = draw.uniform(size=(samples, sizes[0]))
        t = np.eye(sizes[-1])[draw.integers(sizes[-1], size=samples)]
        weights, x, t = jax.tree.map(
            lambda a: jnp.asarray(a, float), (transposed(params), x, t)
        )

        def f(weights, architecture=architecture, x=x, t=t):
            return architecture.feature_major_error(weights, x, t)

        change = jax.tree.map(lambda w: 1e-4 * jnp.ones_like(w), weights)
        plain, carried = jax.jit(f), jax.jit(difference(f))
        calls = (plain, (weights,)), (carried, (weights, change))
        times = [[], []]
        for _ in range(200 if samples <= 100 else 30):
            for (call, arguments), kept in zip(calls, times, strict=True):
                start = perf_counter()
                jax.block_until_ready(call(*arguments))
                kept.append(perf_counter() - start)
        once, both = (1e3 * min(kept[3:]) for kept in times)
        print(
            f"| {'-'.join(map(str, sizes))} | {samples:,} | {activation} | "
            f"{once:.3f} | {both:.3f} | {both / once:.2f} |"
        )


if __name__ == "__main__":
    main()

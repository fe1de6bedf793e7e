"""How often a right gradient is called wrong: random networks, all gradients JAX's.

    python validation/false_alarms.py --networks 1000 --dtype float32

Depths 0 to 3, widths 1 to 8, seven activations, two losses, batches of 1 to 5, weights
of a size of 0.3, 1 or 3; seeded. Several networks share an architecture, so that what
is compiled for one serves the others. Prints how often each verdict was given, and
whatever raised an alarm. Where a dtype cannot hold the loss itself nothing is right;
those networks are counted apart.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.checking import GradientReport, check_gradient

ACTIVATIONS = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "gelu": jax.nn.gelu,
    "softplus": jax.nn.softplus,
    "silu": jax.nn.silu,
    "elu": jax.nn.elu,
}


@dataclass(frozen=True)
class Architecture:
    """What is compiled once."""

    sizes: tuple[int, ...]
    activation: str
    loss: str
    batch: int

    @classmethod
    def drawn(cls, draw: np.random.Generator) -> "Architecture":
        """One at random."""
        depth = draw.integers(0, 4)
        return cls(
            tuple(int(size) for size in draw.integers(1, 9, depth + 2)),
            str(draw.choice(list(ACTIVATIONS))),
            str(draw.choice(["cross entropy", "squares"])),
            int(draw.integers(1, 6)),
        )

    def numbers(self, draw: np.random.Generator, dtype: str) -> tuple[Any, float]:
        """Weights and data, all of them leaves that are checked, and their size."""
        scale = float(draw.choice([0.3, 1.0, 3.0]))
        pairs = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        outputs = (self.batch, self.sizes[-1])
        target = draw.standard_normal(outputs)
        if self.loss == "cross entropy":
            target = np.eye(outputs[1])[draw.integers(0, outputs[1], self.batch)]
        tree = {
            "layers": [
                (
                    scale * draw.standard_normal((ins, outs)),
                    scale * draw.standard_normal(outs),
                )
                for ins, outs in pairs
            ],
            "input": draw.standard_normal((self.batch, self.sizes[0])),
            "target": target,
        }
        if dtype != "float64":
            tree = jax.tree.map(lambda a: jnp.asarray(a, dtype), tree)
        return tree, scale


@cache
def loss_of(architecture: Architecture) -> Any:
    """The loss; one object for each architecture."""
    activation = ACTIVATIONS[architecture.activation]

    def loss(p: Any) -> Any:
        z = p["input"]
        for i, (w, b) in enumerate(p["layers"]):
            z = z @ w + b
            if i + 1 < len(p["layers"]):
                z = activation(z)
        if architecture.loss == "squares":
            return jnp.mean((z - p["target"]) ** 2)
        return -jnp.mean(jnp.sum(p["target"] * jax.nn.log_softmax(z), axis=1))

    # Functions of `jax.jit` are compiled once for all checks.
    return jax.jit(loss)


def checked(
    networks: int, dtype: str, *, seed: int = 0, share: int = 20
) -> Iterator[tuple[Architecture, float, GradientReport]]:
    """Networks at random, their weights' sizes, and the reports on their gradients."""
    draw = np.random.default_rng(seed)
    for i in range(networks):
        if i % share == 0:
            # Nothing that was compiled for another is used again.
            jax.clear_caches()
            architecture = Architecture.drawn(draw)
        tree, scale = architecture.numbers(draw, dtype)
        yield architecture, scale, check_gradient(loss_of(architecture), tree)


def main() -> None:
    """Prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=1_000)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    began = perf_counter()
    of_networks, of_leaves, numbers = Counter(), Counter(), 0
    found = checked(asked.networks, asked.dtype, seed=asked.seed)
    for i, (architecture, scale, report) in enumerate(found):
        if not np.isfinite(report.value):
            of_networks["of infinite loss"] += 1
            continue
        of_networks[report.verdict] += 1
        of_leaves.update(leaf.verdict for leaf in report)
        numbers += sum(leaf.checked for leaf in report)
        if not report.ok:
            print(f"network {i}: {architecture}, weights of {scale}")
            print(report, flush=True)
    seconds = perf_counter() - began
    alarms = sum(of_networks[v] for v in of_networks if v in ("wrong", "not finite"))
    counts = ", ".join(f"{n:,} {verdict}" for verdict, n in of_networks.items())
    leaves = ", ".join(f"{n:,} {verdict}" for verdict, n in of_leaves.items())
    print(
        f"{asked.dtype}: {asked.networks:,} networks ({counts}), "
        f"{of_leaves.total():,} leaves ({leaves}), {numbers:,} numbers: "
        f"{alarms} false alarms, {seconds:.0f} s"
    )


if __name__ == "__main__":
    main()

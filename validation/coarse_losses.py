"""Right gradients, and faults of 1 %, of losses that JAX cannot trace.

    python validation/coarse_losses.py --cases 500

Random networks in NumPy and, where it is installed, in PyTorch; in float64, in float32,
in float32 under parameters of float64, and with losses rounded to six digits. Depths 0
to 2, widths 1 to 5, tanh and softplus, squares and cross entropy; seeded. Each right
gradient is checked as it is and times 1.01. An alarm on the first is false; the second
must not pass. What is inconclusive is counted: the check says that 1 % cannot be seen.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from secant import check_gradient
from secant.checking import GradientReport

FAULT = 1.01

KINDS = ("float64", "float32", "float32 under float64", "six digits")

LIBRARIES = ("NumPy", "PyTorch") if find_spec("torch") else ("NumPy",)


@dataclass(frozen=True)
class Case:
    """A loss, a point, and the right gradient there."""

    loss: Callable[[Any], float]
    x: list[np.ndarray]
    gradient: list[np.ndarray]


def drawn(draw: np.random.Generator, library: str, kind: str) -> Case:
    """A network at random."""
    sizes = [int(size) for size in draw.integers(1, 6, draw.integers(2, 5))]
    batch = int(draw.integers(1, 5))
    data = draw.standard_normal((batch, sizes[0]))
    targets = draw.standard_normal((batch, sizes[-1]))
    if entropy := bool(draw.integers(2)) and sizes[-1] > 1:
        targets = np.eye(sizes[-1])[draw.integers(0, sizes[-1], batch)]
    smooth = bool(draw.integers(2))
    x = []
    for ins, outs in pairwise(sizes):
        x += [draw.standard_normal((ins, outs)), draw.standard_normal(outs)]
    inside = "float32" if "float32" in kind else "float64"
    x = [leaf.astype("float32" if kind == "float32" else "float64") for leaf in x]
    value = _in_torch if library == "PyTorch" else _in_numpy
    parts = (data, targets, entropy, smooth)

    def loss(leaves: Any) -> float:
        found = value([np.asarray(leaf, inside) for leaf in leaves], *parts)
        return float(f"{found:.6g}") if kind == "six digits" else found

    gradient = _gradient([leaf.astype(inside).astype("float64") for leaf in x], *parts)
    return Case(loss, x, gradient)


def _in_numpy(
    x: list[np.ndarray],
    data: np.ndarray,
    targets: np.ndarray,
    entropy: bool,
    smooth: bool,
) -> float:
    dtype = x[0].dtype
    z, targets = data.astype(dtype), targets.astype(dtype)
    for i in range(0, len(x), 2):
        z = z @ x[i] + x[i + 1]
        if i + 2 < len(x):
            z = np.logaddexp(z, dtype.type(0)) if smooth else np.tanh(z)
    if not entropy:
        return float(np.mean((z - targets) ** 2))
    z = z - z.max(1, keepdims=True)
    logs = z - np.log(np.exp(z).sum(1, keepdims=True))
    return float(-np.mean((targets * logs).sum(1)))


def _in_torch(
    x: list[np.ndarray],
    data: np.ndarray,
    targets: np.ndarray,
    entropy: bool,
    smooth: bool,
) -> float:
    import torch

    leaves = [torch.from_numpy(leaf.copy()) for leaf in x]
    z, t = (torch.from_numpy(part).to(leaves[0].dtype) for part in (data, targets))
    for i in range(0, len(leaves), 2):
        z = z @ leaves[i] + leaves[i + 1]
        if i + 2 < len(leaves):
            z = torch.nn.functional.softplus(z) if smooth else torch.tanh(z)
    if entropy:
        return float(-(t * torch.log_softmax(z, 1)).sum(1).mean())
    return float(((z - t) ** 2).mean())


def _gradient(
    x: list[np.ndarray],
    data: np.ndarray,
    targets: np.ndarray,
    entropy: bool,
    smooth: bool,
) -> list[np.ndarray]:
    """By backpropagation, in float64."""
    inputs, slopes, z = [], [], data
    for i in range(0, len(x), 2):
        inputs.append(z)
        z = z @ x[i] + x[i + 1]
        if i + 2 < len(x):
            y = np.logaddexp(z, 0) if smooth else np.tanh(z)
            slopes.append(1 / (1 + np.exp(-z)) if smooth else 1 - y**2)
            z = y
    if entropy:
        powers = np.exp(z - z.max(1, keepdims=True))
        back = (powers / powers.sum(1, keepdims=True) - targets) / len(data)
    else:
        back = 2 * (z - targets) / z.size
    found: list[np.ndarray] = []
    for i in reversed(range(0, len(x), 2)):
        found[:0] = [inputs[i // 2].T @ back, back.sum(0)]
        if i:
            back = (back @ x[i].T) * slopes[i // 2 - 1]
    return found


def reports(
    cases: int, seed: int = 0
) -> Iterator[tuple[str, str, GradientReport, GradientReport]]:
    """Library, kind, and the reports on the right gradient and on the faulty one."""
    draw = np.random.default_rng(seed)
    for i in range(cases):
        library = LIBRARIES[i % len(LIBRARIES)]
        kind = KINDS[i // len(LIBRARIES) % len(KINDS)]
        case = drawn(draw, library, kind)
        faulty = [FAULT * part for part in case.gradient]
        right, wrong = (
            check_gradient(case.loss, case.x, g) for g in (case.gradient, faulty)
        )
        yield library, kind, right, wrong


def main() -> None:
    """Prints a row for each library and kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    began = perf_counter()
    rows: dict[tuple[str, str], Counter] = {}
    for i, (library, kind, right, wrong) in enumerate(reports(asked.cases, asked.seed)):
        row = rows.setdefault((library, kind), Counter())
        row["cases"] += 1
        alarm = right.verdict in ("wrong", "not finite")
        row["false alarms"] += alarm
        row["right: inconclusive"] += right.verdict == "inconclusive"
        row["faults passed"] += wrong.ok
        row["faults: inconclusive"] += wrong.verdict == "inconclusive"
        if alarm or wrong.ok:
            print(
                f"case {i}, {library}, {kind}:\n{right if alarm else wrong}", flush=True
            )
    names = (
        "cases",
        "false alarms",
        "right: inconclusive",
        "faults passed",
        "faults: inconclusive",
    )
    print(f"| library | loss | {' | '.join(names)} |")
    print("|---|---|" + "---:|" * len(names))
    for (library, kind), row in rows.items():
        counts = " | ".join(str(row[name]) for name in names)
        print(f"| {library} | {kind} | {counts} |")
    print(f"{perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()

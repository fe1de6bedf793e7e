"""How the cost of each gradient method grows: hidden neurons, depth, batch.

    python benchmarks/scaling.py [--rounds 3] [--out scaling.json]

Milliseconds of a gradient of a 784-…-10 network, compiled, on random inputs of which
a fifth is not zero, as of MNIST's. Each round times all of them, interleaved; what
would take longer than --patience seconds is left out. Prints Markdown tables.
"""

import argparse
import json
import os
import resource
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))

import bare

bare.stand_in()  # before anything of Secant is imported

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from secant.nn.architecture import Architecture, transposed  # noqa: E402
from secant.nn.gradients import METHODS  # noqa: E402

NAMES = ("weight", "node", "backprop", "spsa")
GROWTH = {
    "hidden neurons": [((784, n, 10), 100) for n in (50, 200, 1000, 5000)],
    "hidden layers of 50": [((784, *[50] * n, 10), 100) for n in (1, 2, 3, 4)],
    "samples a batch": [((784, 50, 10), n) for n in (100, 1000, 10_000)],
}
WIDE = ((784, 5000, 5000, 10), 100)


def compiled(sizes: tuple[int, ...], samples: int, name: str):
    architecture = Architecture(sizes)
    draw = np.random.default_rng(0)
    params = {
        key: draw.standard_normal(shape) / np.sqrt(shape[0])
        for key, shape in architecture.shapes.items()
    }
    x = draw.uniform(size=(samples, sizes[0])) * (draw.uniform(size=sizes[0]) < 0.2)
    t = np.eye(sizes[-1])[draw.integers(sizes[-1], size=samples)]
    arguments = jax.tree.map(
        lambda a: jnp.asarray(a, float), (transposed(params), x, t)
    )
    key = jax.random.key(0)
    function = METHODS[name].compute
    start = perf_counter()
    program = (
        jax.jit(function, static_argnums=0)
        .lower(architecture, *arguments, key)
        .compile()
    )
    return lambda: jax.block_until_ready(program(*arguments, key)), (
        perf_counter() - start
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=float, default=20.0)
    parser.add_argument("--only", default=",".join(GROWTH))
    parser.add_argument(
        "--memory",
        metavar="METHOD",
        help="one gradient of 784-5000-5000-10, and its memory",
    )
    parser.add_argument("--out", type=Path, help="a file for all figures, as JSON")
    options = parser.parse_args()
    device = jax.devices()[0]
    print(f"{device.device_kind} ({device.platform}), JAX {jax.__version__}")
    if options.memory:
        memory(options.memory)
        return
    results = {}
    for what in options.only.split(","):
        cases = GROWTH[what]
        times = {(name, i): [] for name in NAMES for i in range(len(cases))}
        programs = {}
        for i, (sizes, samples) in enumerate(cases):
            for name in NAMES:
                if i and not min(times[name, i - 1], default=0) < options.patience / 4:
                    continue
                print(f"{what}: {sizes} × {samples}, {name}", file=sys.stderr)
                programs[name, i], _ = compiled(sizes, samples, name)
                times[name, i].append(_seconds(programs[name, i]))
        for _ in range(options.rounds - 1):
            for place, program in programs.items():
                if times[place][0] < options.patience / 4:
                    times[place].append(_seconds(program))
        print()
        print(table(what, cases, times))
        results[what] = [
            {
                "sizes": sizes,
                "samples": samples,
                "seconds": {n: times[n, i] for n in NAMES},
            }
            for i, (sizes, samples) in enumerate(cases)
        ]
    if options.out:
        options.out.write_text(json.dumps(results, indent=1))


def _seconds(program) -> float:
    """Of one gradient: the quickest of as many as fit into a fifth of a second."""
    least, end = float("inf"), perf_counter() + 0.2
    while True:
        start = perf_counter()
        program()
        least = min(least, perf_counter() - start)
        if perf_counter() > end:
            return least


def table(what: str, cases: list, times: dict) -> str:
    varied = {
        "hidden neurons": lambda sizes, samples: f"{sizes[1]:,}",
        "hidden layers of 50": lambda sizes, samples: str(len(sizes) - 2),
        "samples a batch": lambda sizes, samples: f"{samples:,}",
    }[what]
    lines = [f"| {what} | " + " | ".join(f"`{n}`, ms" for n in NAMES) + " |"]
    lines.append("|---:|" + "---:|" * len(NAMES))
    for i, case in enumerate(cases):
        cells = [
            f"{1e3 * median(times[n, i]):,.2f}" if times[n, i] else "–" for n in NAMES
        ]
        lines.append(f"| {varied(*case)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def memory(name: str) -> None:
    """One gradient of a wide network; the most memory that the process ever had."""
    program, _ = compiled(*WIDE, name)
    print(f"{name}: compiled; running", flush=True)
    start = perf_counter()
    program()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name}: {perf_counter() - start:.1f} s, at most {peak:.2f} GiB", flush=True)


if __name__ == "__main__":
    os.environ.pop("OPENBLAS_CORETYPE", None)
    main()

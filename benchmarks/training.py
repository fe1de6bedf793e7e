"""The notebook's training run by Secant and by others, side by side.

    python benchmarks/training.py --data /folder/with/mnist [--repeats 5]

Each contender runs in a process of its own; each round runs all of them, one at a
time, in an order that rotates. A ratio is taken within a round, so that a noisy
machine disturbs both of its sides. Prints a Markdown table.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib import metadata
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

import secant

PEERS = Path(__file__).parent / "peers"
BASE = "jax_by_hand"
CONTENDERS = {
    "secant_backprop": "Secant, `backprop`",
    "jax_by_hand": "JAX by hand: autodiff, one `lax.scan`",
    "numpy_by_hand": "NumPy by hand",
    "keras_on_jax": "Keras on JAX, `model.fit`",
    "scikit_learn": "scikit-learn, `MLPClassifier`",
    "pytorch": "PyTorch, eager",
}
PACKAGES = ("numpy", "jax", "torch", "scikit-learn", "keras")


class Contender:
    """A worker process."""

    def __init__(self, peer: str, data: Path, options: argparse.Namespace) -> None:
        environment = dict(os.environ)
        # Settings for old OpenBLAS builds, which slow a current NumPy down.
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [
                *(sys.executable, "worker.py", peer, str(data)),
                *("--iterations", str(options.iterations)),
                *("--batch-size", str(options.batch_size)),
                *("--hidden", str(options.hidden)),
                *("--learning-rate", str(options.learning_rate)),
                *("--seed", str(options.seed)),
            ],
            cwd=PEERS,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.ready = self._answer()

    def run(self) -> dict:
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict:
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        return {"absent": f"ended with {self.process.wait()}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="a folder with MNIST; else where Secant looks")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers", default=",".join(CONTENDERS))
    parser.add_argument("--iterations", type=int, default=10_000)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--hidden", type=int, default=50)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a file for all figures, as JSON")
    options = parser.parse_args()

    (x_train, t_train), (x_test, t_test) = secant.load_mnist(folder=options.data)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "mnist.npz"
        np.savez(data, x_train, t_train, x_test, t_test)
        results, prepared = rounds(options, data)
    floor = products(options)
    print(facts())
    print()
    print(table(results, prepared, floor))
    if options.out:
        options.out.write_text(
            json.dumps(
                {
                    "facts": facts(),
                    "options": {k: str(v) for k, v in vars(options).items()},
                    "rounds": results,
                    "preparation": prepared,
                    "products": floor,
                },
                indent=1,
            )
        )


def rounds(options: argparse.Namespace, data: Path) -> tuple[dict, dict]:
    contenders, prepared = {}, {}
    for peer in options.peers.split(","):
        say(f"preparing {peer}")
        contender = Contender(peer, data, options)
        if "absent" in contender.ready:
            say(f"  left out: {contender.ready['absent']}")
            continue
        contenders[peer] = contender
        prepared[peer] = contender.ready["preparation"]
    results = defaultdict(list)
    order = list(contenders)
    for turn in range(options.repeats):
        for peer in order[turn % len(order) :] + order[: turn % len(order)]:
            answer = contenders[peer].run()
            if "absent" in answer:
                raise SystemExit(f"{peer} {answer['absent']}")
            results[peer].append(answer)
            say(f"round {turn + 1}: {peer} {answer['seconds']:.2f} s")
    for contender in contenders.values():
        contender.close()
    return results, prepared


def products(options: argparse.Namespace) -> float:
    """Seconds that the matrix products of all steps take, and nothing else."""
    n, hidden = options.batch_size, options.hidden
    draw = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return draw.standard_normal(shape).astype(np.float32)

    x, w1, z, w2, delta, below = (
        array(n, 784),
        array(784, hidden),
        array(n, hidden),
        array(hidden, 10),
        array(n, 10),
        array(n, hidden),
    )
    times = []
    for _ in range(7):
        start = perf_counter()
        for _ in range(200):
            x @ w1
            z @ w2
            z.T @ delta
            delta @ w2.T
            x.T @ below
        times.append((perf_counter() - start) / 200)
    return options.iterations * median(times)


def table(results: dict, prepared: dict, floor: float) -> str:
    lines = [
        "| | seconds (median) | fastest | ratio to JAX by hand | test accuracy |"
        " before the clock | |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    base = [answer["seconds"] for answer in results.get(BASE, [])]
    for peer, answers in sorted(
        results.items(), key=lambda item: median(a["seconds"] for a in item[1])
    ):
        seconds = [answer["seconds"] for answer in answers]
        ratio = (
            f"{median(s / b for s, b in zip(seconds, base, strict=True)):.2f}"
            if base
            else ""
        )
        lines.append(
            f"| {CONTENDERS.get(peer, peer)} | {median(seconds):.2f} | "
            f"{min(seconds):.2f} | {ratio} | "
            f"{median(a['accuracy'] for a in answers):.4f} | "
            f"{prepared[peer]:.1f} s | {answers[-1]['note']} |"
        )
    lines.append(f"| the matrix products alone (NumPy) | {floor:.2f} | | | | | |")
    return "\n".join(lines)


def facts() -> str:
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else "?"
    return (
        f"{cores} cores of {processor()}, Python {platform.python_version()}, "
        f"{', '.join(versions)}"
    )


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [
        line.split(":")[1].strip() for line in text.splitlines() if "model name" in line
    ]
    return names[0] if names else platform.machine()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""The notebook's training run by Secant and by others, side by side.

    python benchmarks/training.py --data /folder/with/mnist [--repeats 5]

Each contender runs in a process of its own; each round runs all of them, one at a
time, in an order that rotates. A ratio is taken within a round, so that a noisy
machine disturbs both of its sides. Prints a Markdown table.
"""

import argparse
import gzip
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

# Settings for old OpenBLAS builds, which slow a current NumPy down: here, and in the
# processes of all contenders.
os.environ.pop("OPENBLAS_CORETYPE", None)
os.environ.pop("OPENBLAS_L2_SIZE", None)

import numpy as np

PEERS = Path(__file__).resolve().parent / "peers"
BASE = "jax"
CONTENDERS = {
    "notebook": ("notebook", "the notebook's own loop, NumPy"),
    "definition": ("secant_definition", "Secant, `definition`"),
    "weight": ("secant_fit:weight", "Secant, `weight`: every weight nudged"),
    "node": ("secant_fit:node", "Secant, `node`: every neuron nudged"),
    "backprop": ("secant_fit:backprop", "Secant, `backprop`"),
    "jax": ("jax_by_hand", "JAX by hand: autodiff, one `lax.scan`"),
    "numpy": ("numpy_by_hand", "NumPy by hand"),
    "keras": ("keras_on_jax", "Keras on JAX, `model.fit`"),
    "sklearn": ("scikit_learn", "scikit-learn, `MLPClassifier`"),
    "pytorch": ("pytorch", "PyTorch, eager"),
}
PACKAGES = ("secant", "numpy", "jax", "torch", "scikit-learn", "keras")
FILES = (
    ("train-images-idx3-ubyte.gz", 16),
    ("train-labels-idx1-ubyte.gz", 8),
    ("t10k-images-idx3-ubyte.gz", 16),
    ("t10k-labels-idx1-ubyte.gz", 8),
)
"""MNIST's files, and the bytes before their numbers."""


class Contender:
    """A worker process."""

    def __init__(self, peer: str, data: Path, options: argparse.Namespace) -> None:
        self.peer = peer
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [
                *(sys.executable, str(PEERS / "worker.py")),
                *(CONTENDERS[peer][0], str(data)),
                *("--iterations", str(options.iterations)),
                *("--batch-size", str(options.batch_size)),
                *("--hidden", str(options.hidden)),
                *("--learning-rate", str(options.learning_rate)),
                *("--seed", str(options.seed)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
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
        self.errors.close()

    def _answer(self) -> dict:
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.errors.seek(0)
        raise SystemExit(
            f"{self.peer} ended with {self.process.wait()}:\n{self.errors.read()}"
        )


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
    unknown = set(options.peers.split(",")) - set(CONTENDERS)
    if unknown:
        parser.error(f"no peer {', '.join(unknown)}: there are {', '.join(CONTENDERS)}")

    arrays = load(options.data)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "mnist.npz"
        np.savez(data, *arrays)
        results, prepared, absent = rounds(options, data)
    floor = products(options)
    print(facts())
    print()
    print(table(results, prepared, absent, floor))
    if options.out:
        options.out.write_text(
            json.dumps(
                {
                    "facts": facts(),
                    "options": {k: str(v) for k, v in vars(options).items()},
                    "rounds": results,
                    "preparation": prepared,
                    "not_installed": absent,
                    "products": floor,
                },
                indent=1,
            )
        )


def load(folder: str | None) -> list[np.ndarray]:
    """MNIST's four arrays, pixels from 0 to 1; by Secant where it is installed."""
    try:
        import secant
    except ModuleNotFoundError:
        return read(folder or os.environ.get("SECANT_DATA", "."))
    train, test = secant.load_mnist(folder=folder)
    return [*train, *test]


def read(folder: str) -> list[np.ndarray]:
    place = Path(folder)
    if (place / "mnist").is_dir():
        place = place / "mnist"
    arrays = []
    for name, offset in FILES:
        with gzip.open(place / name) as file:
            numbers = np.frombuffer(file.read(), np.uint8, offset=offset)
        if "images" in name:
            pixels = numbers.reshape(-1, 784)
            arrays.append(np.divide(pixels, np.float32(255), dtype=np.float32))
        else:
            arrays.append(numbers.astype(np.int64))
    return arrays


def rounds(options: argparse.Namespace, data: Path) -> tuple[dict, dict, dict]:
    contenders, prepared, absent = {}, {}, {}
    for peer in options.peers.split(","):
        say(f"preparing {peer}")
        contender = Contender(peer, data, options)
        if "absent" in contender.ready:
            absent[peer] = contender.ready["absent"]
            say(f"  left out: {absent[peer]} is not installed")
            continue
        contenders[peer] = contender
        prepared[peer] = contender.ready["preparation"]
    results = defaultdict(list)
    order = list(contenders)
    for turn in range(options.repeats):
        for peer in order[turn % len(order) :] + order[: turn % len(order)]:
            answer = contenders[peer].run()
            results[peer].append(answer)
            say(f"round {turn + 1}: {peer} {answer['seconds']:.2f} s")
    for contender in contenders.values():
        contender.close()
    return results, prepared, absent


def products(options: argparse.Namespace) -> dict:
    """What the matrix products of all steps take, and nothing else."""
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
    flops = 2 * n * hidden * (2 * 784 + 3 * 10)
    return {
        "seconds": options.iterations * median(times),
        "gflops": flops / median(times) / 1e9,
    }


def table(results: dict, prepared: dict, absent: dict, floor: dict) -> str:
    lines = [
        "| | seconds (median) | fastest – slowest | ratio to JAX by hand (range) |"
        " test accuracy | before the clock | |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    base = [answer["seconds"] for answer in results.get(BASE, [])]
    rows = []
    for peer, answers in results.items():
        title = CONTENDERS[peer][1]
        rest = f"{accuracy(answers)} | {prepared[peer]:.1f} s | {answers[-1]['note']}"
        seconds = [answer["seconds"] for answer in answers]
        wall = [answer["wall"] for answer in answers]
        rows.append((seconds, title, rest))
        if wall != seconds:
            rows.append((wall, f"{title}: the whole call", " | | "))
    for seconds, title, rest in sorted(rows, key=lambda row: median(row[0])):
        lines.append(
            f"| {title} | {amount(median(seconds))} | "
            f"{min(seconds):,.2f} – {max(seconds):,.2f} | {ratio(seconds, base)} | "
            f"{rest} |"
        )
    for peer, package in absent.items():
        title = CONTENDERS[peer][1]
        lines.append(f"| {title} | | | | | | {package} is not installed |")
    lines.append(
        f"| the matrix products alone (NumPy) | {floor['seconds']:.2f} | | | | | "
        f"{floor['gflops']:.0f} GFLOP/s |"
    )
    return "\n".join(lines)


def accuracy(answers: list[dict]) -> str:
    """The median of the rounds' accuracies, where anything was trained."""
    found = [a["accuracy"] for a in answers if a["accuracy"] is not None]
    return f"{median(found):.4f}" if found else ""


def amount(seconds: float) -> str:
    """Seconds, or what is easier to grasp."""
    if seconds < 1000:
        return f"{seconds:.2f}"
    return f"{seconds:,.0f} ({seconds / 86400:.1f} days)"


def ratio(seconds: list[float], base: list[float]) -> str:
    """The median of the rounds' ratios, and their range."""
    if not base:
        return ""
    ratios = [s / b for s, b in zip(seconds, base, strict=True)]
    digits = 2 if median(ratios) < 100 else 0
    middle, least, most = (
        f"{r:,.{digits}f}" for r in (median(ratios), min(ratios), max(ratios))
    )
    return f"{middle} ({least} – {most})"


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

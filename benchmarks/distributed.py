"""What a second process brings: one core, two cores, two processes of one core each.

    python benchmarks/distributed.py [--rounds 3] [--out distributed.json]

Milliseconds of a training step, and of a step what passes between the processes. Each
case is a program of its own that is pinned to its cores; the three ways take turns,
round after round, so that what else the machine does falls on all of them. Prints a
Markdown table of medians, and of ratios within a round. Linux: it needs `taskset`.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

# Network, samples a batch, methods: what a step computes per number exchanged grows.
CASES = {
    "784-50-10, 100": ((784, 50, 10), 100, ("backprop", "node", "weight")),
    "784-500-10, 1,000": ((784, 500, 10), 1_000, ("backprop", "node", "weight")),
    "784-1000-10, 4,000": ((784, 1000, 10), 4_000, ("backprop",)),
    "784-1000-1000-10, 1,000": ((784, 1000, 1000, 10), 1_000, ("backprop", "node")),
}
WAYS = {"1 core": ("0",), "2 cores": ("0,1",), "2 processes": ("0", "1")}
BUDGET = 0.4  # seconds of steps that a case is timed for, each time


def cases(only: str) -> list[tuple[str, tuple[int, ...], int, str]]:
    """Name, layers, samples a batch and method of each case that is asked for."""
    return [
        (f"{name}: {method}", sizes, batch, method)
        for name, (sizes, batch, methods) in CASES.items()
        for method in methods
        if only in f"{name}: {method}"
    ]


def measured(index: int, count: int, port: int, only: str) -> None:
    """This process's part: waits for a case on stdin, times it, says so."""
    import numpy as np

    from secant import MLP
    from secant.training import Rendezvous, join
    from secant.training.config import TrainConfig
    from secant.training.trainer import Trainer

    processes = None
    if count > 1:
        processes = join(
            Rendezvous(f"127.0.0.1:{port}", count, index, heartbeat_timeout=60)
        )
    prepared = {}
    for name, sizes, batch, method in cases(only):
        draw = np.random.default_rng(0)
        x = draw.random((2 * batch, sizes[0]), np.float32)
        t = draw.integers(sizes[-1], size=2 * batch)
        net = MLP(sizes, init="xavier", seed=0)
        config = TrainConfig.build(method, batch_size=batch)
        trainer = Trainer(net, (x, t), config, processes)
        # The stepper below the leader's orders, since all take the same steps here.
        steps = trainer.stepper._stepper if processes else trainer.stepper
        state, _ = steps.advance(steps.start(), 0, 1)
        prepared[name] = steps, state
    print("ready", flush=True)
    for line in sys.stdin:
        case, count_of_steps = json.loads(line)
        steps, state = prepared[case]
        start = time.perf_counter()
        steps.advance(state, 0, count_of_steps)
        print((time.perf_counter() - start) / count_of_steps, flush=True)


class Way:
    """The processes of one way, which do what they are told and then wait."""

    def __init__(self, cores: tuple[str, ...], only: str) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        self.processes = [
            subprocess.Popen(
                [
                    *("taskset", "-c", core, sys.executable, __file__),
                    *("--measured", f"{index},{len(cores)},{port}", "--only", only),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for index, core in enumerate(cores)
        ]

    def answers(self) -> list[str]:
        """The next line of each."""
        return [self._line(process) for process in self.processes]

    def _line(self, process: subprocess.Popen) -> str:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith("[Gloo]"):
                return line.strip()
        raise SystemExit(f"a process has ended: {process.wait()}")

    def step(self, case: str, count: int) -> float:
        """Seconds of a step: of the slower of the processes."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps([case, count]) + "\n")
            process.stdin.flush()
        return max(map(float, self.answers()))

    def end(self) -> None:
        """Ends them, whatever they do."""
        for process in self.processes:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a file for all figures, as JSON")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--measured", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measured:
        measured(*map(int, options.measured.split(",")), options.only)
        return
    print(f"load before: {os.getloadavg()[0]:.1f}\n")
    ways = {name: Way(cores, options.only) for name, cores in WAYS.items()}
    try:
        for way in ways.values():
            way.answers()
        print_table(rounds(ways, options.rounds, options.only), options.out)
    finally:
        for way in ways.values():
            way.end()
    print(f"\nload after: {os.getloadavg()[0]:.1f}")


def rounds(
    ways: dict[str, Way], count: int, only: str
) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of a step: by case, by way, of each round."""
    found = {}
    for case, *_ in cases(only):
        turns = {
            way: min(max(int(BUDGET / max(one.step(case, 1), 1e-4)), 1), 500)
            for way, one in ways.items()
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(count):
            for way, one in ways.items():
                times[way].append(1000 * one.step(case, turns[way]))
        found[case] = times
    return found


def print_table(found: dict[str, dict[str, list[float]]], out: Path | None) -> None:
    """The medians, and how much faster two processes are than each other way."""
    print(
        "| network, batch | method | 1 core, ms | 2 cores | 2 processes "
        "| against 1 core | against 2 cores | exchanged, MB | ms of 1 core per MB |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for case, times in found.items():
        name, method = case.split(": ")
        sizes = CASES[name][0]
        weights = sum((a + 1) * b for a, b in pairwise(sizes))
        megabytes = 4 * (weights + 1) / 1e6
        both = times["2 processes"]
        ratios = [
            median(a / b for a, b in zip(times[way], both, strict=True))
            for way in ("1 core", "2 cores")
        ]
        cells = [f"{median(times[way]):.3g}" for way in WAYS]
        cells += [f"{ratio:.2f}×" for ratio in ratios]
        cells += [f"{megabytes:.2f}", f"{median(times['1 core']) / megabytes:.3g}"]
        print(f"| {name} | {method} | {' | '.join(cells)} |")
    if out:
        out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

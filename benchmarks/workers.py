"""What workers bring: a function of 1,000 parameters that takes 5 ms.

    python benchmarks/workers.py [--workers 2] [--rounds 5] [--kind busy sleeping]

Its gradient by central differences is 2,000 calls, made one after the other, by
loky's processes, and by a Dask cluster of as many workers with a thread each. The
function is *busy* (a fixed amount of arithmetic in Python, 5 ms of it on this machine
when the benchmark starts) or *sleeping* (as one that waits for another program).
Interleaved; medians, and ratios within a round. Prints a Markdown table, and the load
of the machine that the rounds met, in which these workers count.
"""

import argparse
import os
import platform
import time
from collections import defaultdict
from statistics import median

import distributed
import numpy as np

import secant
from secant.parallel.map import open_caller

PARAMETERS = 1000
SECONDS = 5e-3


def busy(turns: int):
    def f(x):
        total = 0.0
        for i in range(turns):
            total += i * 1e-9
        return float((x**2).sum()) + total

    return f


def sleeping(x):
    time.sleep(SECONDS)
    return float((x**2).sum())


def calibrated() -> int:
    """How many turns take 5 ms: by the quickest of many calls."""
    turns = 20_000
    f, x = busy(turns), np.ones(PARAMETERS)
    quickest = min(timed(lambda: f(x))[0] for _ in range(50))
    return round(turns * SECONDS / quickest)


def timed(f):
    start = time.perf_counter()
    result = f()
    return time.perf_counter() - start, result


def nudged() -> list[np.ndarray]:
    x = np.linspace(-1, 1, PARAMETERS)
    points = []
    for i in range(PARAMETERS):
        for h in (1e-4, -1e-4):
            points.append(x.copy())
            points[-1][i] += h
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kind", nargs="+", default=["busy", "sleeping"])
    options = parser.parse_args()
    kinds = {"busy": busy(calibrated()), "sleeping": sleeping}
    points = nudged()
    with (
        distributed.LocalCluster(
            n_workers=options.workers, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        ways = {
            "one after the other": None,
            f"`workers={options.workers}` (loky)": options.workers,
            "`workers=dask_workers(client)`": secant.dask_workers(client),
        }
        times, loads = defaultdict(list), []
        for name, workers in ways.items():
            with open_caller(abs, workers) as call:
                print(f"first call, {name}: {timed(lambda: call([1, 2]))[0]:.2f} s")
        for turn in range(options.rounds):
            order = list(ways.items())
            for kind in options.kind:
                values = []
                for name, workers in order[turn % 3 :] + order[: turn % 3]:
                    with open_caller(kinds[kind], workers) as call:
                        seconds, value = timed(lambda: call(points))
                    times[kind, name].append(seconds)
                    values.append(value)
                    loads.append(os.getloadavg()[0])
                assert values[0] == values[1] == values[2]
    base = next(iter(ways))
    print("\n| the function | 2,000 calls | seconds | times as fast, median (range) |")
    print("|---|---|---:|---:|")
    for (kind, name), seconds in times.items():
        ratios = [b / s for b, s in zip(times[kind, base], seconds, strict=True)]
        spread = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"| {kind} | {name} | {median(seconds):.2f} | {spread} |")
    print(
        f"\n{options.rounds} rounds, interleaved; {os.cpu_count()} cores, "
        f"{platform.platform()}, Python {platform.python_version()}; load average "
        f"{min(loads):.1f} to {max(loads):.1f} with the benchmark itself"
    )


if __name__ == "__main__":
    main()

"""What keeping a trial costs: `python benchmarks/sweeps.py [--storage URL]`.

Trials that compute nothing, each with ten reports; in a file of SQLite in a new
folder, or in the database that is named.
"""

import argparse
import tempfile
import time
import uuid

from secant.sweeps import Sweep, parse


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--storage", default=None)
    options.add_argument("--trials", type=int, default=100)
    asked = options.parse_args()
    space = parse(["x=-2..2", "y=1e-3..1:log"], {"x": float, "y": float})
    inside = 0.0

    def objective(trial):
        nonlocal inside
        start = time.perf_counter()
        for epoch in range(10):
            trial.report(epoch + 1, epoch)
        inside += time.perf_counter() - start
        return -(trial.settings["x"] ** 2)

    with tempfile.TemporaryDirectory() as folder:
        url = asked.storage or f"sqlite:///{folder}/study.db"
        name = f"benchmark-{uuid.uuid4().hex[:8]}"
        with Sweep(space, url, name, trials=asked.trials, pruning="none") as sweep:
            start, cpu = time.perf_counter(), time.process_time()
            sweep.run(objective)
            wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    n = asked.trials
    print(
        f"{url.split(':')[0]}: {1e3 * (wall - inside) / n:.0f} ms a trial, and "
        f"{1e3 * inside / n / 10:.1f} ms a report; {1e3 * cpu / n:.0f} ms of processor "
        f"time a trial, reports included ({n} trials)"
    )


if __name__ == "__main__":
    main()

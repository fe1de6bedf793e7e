"""One contender in a process of its own: a line in, a line of JSON out.

So that nobody's thread pool disturbs another, and only one works at a time.
"""

import argparse
import importlib
import json
import sys
from time import perf_counter

import numpy as np
from task import Task, accuracy


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("data")
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--hidden", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--seed", type=int)
    o = parser.parse_args()
    with np.load(o.data) as file:
        x_train, t_train, x_test, t_test = (file[n] for n in file.files)
    draw = np.random.default_rng(o.seed)
    indices = draw.integers(len(x_train), size=(o.iterations, o.batch_size))
    task = Task(
        x_train,
        t_train,
        indices.astype(np.int32),
        o.hidden,
        o.learning_rate,
        o.seed,
    )
    try:
        name, _, option = o.peer.partition(":")
        peer = importlib.import_module(name)
    except ModuleNotFoundError as error:
        print(json.dumps({"absent": error.name}), flush=True)
        return
    start = perf_counter()
    run = peer.prepare(task, *([option] if option else []))
    print(json.dumps({"preparation": perf_counter() - start}), flush=True)
    for _ in sys.stdin:
        start = perf_counter()
        trained = run()
        wall = perf_counter() - start
        answer = {
            "seconds": wall if trained.seconds is None else trained.seconds,
            "wall": trained.seconds if trained.reckoned else wall,
            "accuracy": None
            if trained.reckoned
            else accuracy(trained.weights, x_test, t_test),
            "first_loss": float(trained.losses[0]),
            "last_loss": float(trained.losses[-1]),
            "note": trained.note,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

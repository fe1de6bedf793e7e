"""One of two processes that train by one method after the other.

It is started as `python pair.py INDEX PORT FOLDER DEVICES`.
"""

import sys
from pathlib import Path

import numpy as np
import optax

OPTIMIZERS = {"sgd": "sgd", "adam": "adam", "lbfgs": optax.lbfgs()}

# A line search on batches is unstable: roundings grow from its tenth step on.
ITERATIONS = {"sgd": 40, "adam": 40, "lbfgs": 8}

SETTINGS = {"batch_size": 20, "seed": 3}


def problem():
    """A small network and data: the test is about the shared work."""
    from secant import MLP

    draw = np.random.default_rng(0)
    t = np.arange(121) % 3
    x = np.eye(3)[t] + draw.normal(0, 0.4, (121, 3))
    net = MLP((3, 8, 5, 3), "tanh", init="xavier", seed=4)
    return net, ((x, t), (x[:31], t[:31]))


def cases(devices):
    """Every method, and for one of them the optimisers with state or arguments."""
    from secant.nn.gradients import METHODS

    if devices > 1:  # what is compiled is shared out among devices, not processes
        return [("node", "sgd"), ("definition", "sgd")]
    cases = [(method, "sgd") for method in METHODS]
    return [*cases, ("node", "adam"), ("node", "lbfgs")]


def trained(method, optimizer, **how):
    """The run of a case."""
    from secant import fit

    net, data = problem()
    how |= {"iterations": ITERATIONS[optimizer], **SETTINGS}
    return fit(net, data, method, optimizer=OPTIMIZERS[optimizer], **how)


def main(index, port, folder, devices):
    """The part of this process in all cases."""
    from secant.training import Rendezvous, join

    with join(Rendezvous(f"127.0.0.1:{port}", 2, int(index))) as processes:
        for method, optimizer in cases(int(devices)):
            run = trained(method, optimizer, processes=processes)
            run.save(Path(folder, f"{method}-{optimizer}-{index}"))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""One of two processes: `python pair.py INDEX PORT FOLDER`. All methods, one by one."""

import sys
from pathlib import Path

import numpy as np
import optax

# Adam divides by the gradient's size, so that roundings of tiny gradients grow.
OPTIMIZERS = {"sgd": "sgd", "momentum": "momentum", "lbfgs": optax.lbfgs()}

SETTINGS = {"iterations": 40, "batch_size": 20, "seed": 3}


def problem():
    """A network and data, small: what is tried is that they are shared."""
    from secant import MLP

    draw = np.random.default_rng(0)
    t = np.arange(121) % 3
    x = np.eye(3)[t] + draw.normal(0, 0.4, (121, 3))
    net = MLP((3, 8, 5, 3), "tanh", init="xavier", seed=4)
    return net, ((x, t), (x[:31], t[:31]))


def cases():
    """Every method, and with one of them the optimisers that want to know more."""
    from secant.gradients import METHODS

    yield from ((method, "sgd") for method in METHODS)
    yield from (("node", optimizer) for optimizer in ("momentum", "lbfgs"))


def trained(method, optimizer, **how):
    """The run of a case."""
    from secant import fit

    net, data = problem()
    return fit(net, data, method, optimizer=OPTIMIZERS[optimizer], **SETTINGS, **how)


def main(index, port, folder):
    """This process's part in all of them."""
    from secant.training import Meeting, join

    with join(Meeting(f"127.0.0.1:{port}", 2, int(index))) as processes:
        for method, optimizer in cases():
            run = trained(method, optimizer, processes=processes)
            run.save(Path(folder, f"{method}-{optimizer}-{index}"))


if __name__ == "__main__":
    main(*sys.argv[1:])

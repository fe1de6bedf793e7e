"""Secant: `fit(…, method)`, with its own batches drawn by the same rule."""

import bare

bare.stand_in()  # before anything of Secant is imported

from task import Run, Task, Trained  # noqa: E402

from secant.textbook import TwoLayerNet  # noqa: E402
from secant.training import fit  # noqa: E402


def prepare(task: Task, method: str) -> Run:
    net = TwoLayerNet(task.x_train.shape[1], task.hidden, 10, seed=task.seed)
    data = (task.x_train, task.t_train)

    def train(iterations):
        return fit(
            net,
            data,
            method,
            iterations=iterations,
            batch_size=task.batch_size,
            learning_rate=task.learning_rate,
            seed=task.seed,
        )

    train(1)

    def run() -> Trained:
        trained = train(task.iterations)
        weights = [trained.net.params[name] for name in ("W1", "b1", "W2", "b2")]
        t = trained.timings
        note = (
            f"the steps alone; also {t.preparation:.1f} s of forecast and "
            f"{t.evaluation:.1f} s for {len(trained.history.epochs)} measurements of "
            "loss and accuracy on all samples"
        )
        return Trained(weights, trained.history.losses, note, t.training)

    return run

"""Secant: `fit(…, "backprop")`, with its own batches drawn by the same rule."""

from task import Run, Task, Trained

import secant


def prepare(task: Task) -> Run:
    net = secant.TwoLayerNet(task.x_train.shape[1], task.hidden, 10, seed=task.seed)
    data = (task.x_train, task.t_train)

    def fit(iterations):
        return secant.fit(
            net,
            data,
            "backprop",
            iterations=iterations,
            batch_size=task.batch_size,
            learning_rate=task.learning_rate,
            seed=task.seed,
        )

    fit(1)

    def run() -> Trained:
        trained = fit(task.iterations)
        weights = [trained.net.params[name] for name in ("W1", "b1", "W2", "b2")]
        t = trained.timings
        note = (
            f"the steps; beside them {t.preparation:.1f} s of forecast and "
            f"{t.evaluation:.1f} s to measure loss and accuracy on all samples "
            f"{len(trained.history.epochs)} times"
        )
        return Trained(weights, trained.history.losses, note, t.training)

    return run

"""The notebook's loop in NumPy, with backprop by hand, in float32."""

import numpy as np
from task import Run, Task, Trained


def prepare(task: Task) -> Run:
    x, t = task.x_train, task.t_train
    samples = np.arange(task.batch_size)
    # The rate and the mean over the batch, taken where the arrays are smallest.
    scale = np.float32(task.learning_rate / task.batch_size)

    def run() -> Trained:
        w1, b1, w2, b2 = task.start()
        losses = np.empty(task.iterations)
        for step, rows in enumerate(task.indices):
            xb, tb = x.take(rows, axis=0), t[rows]
            z = 1 / (1 + np.exp(-(xb @ w1 + b1)))
            a = z @ w2 + b2
            y = np.exp(a - a.max(axis=1, keepdims=True))
            y /= y.sum(axis=1, keepdims=True)
            losses[step] = -np.log(y[samples, tb]).mean()
            y[samples, tb] -= 1
            delta = y * scale
            below = (delta @ w2.T) * z * (1 - z)
            w2 -= z.T @ delta
            b2 -= delta.sum(axis=0)
            w1 -= xb.T @ below
            b1 -= below.sum(axis=0)
        return Trained([w1, b1, w2, b2], losses)

    return run

"""scikit-learn's MLPClassifier: whole shuffled epochs, at least as many steps."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from task import Run, Task, Trained


def prepare(task: Task) -> Run:
    per_epoch = len(task.x_train) // task.batch_size
    epochs = -(-task.iterations // per_epoch)

    def fit(epochs, x, t):
        net = MLPClassifier(
            hidden_layer_sizes=(task.hidden,),
            activation="logistic",
            solver="sgd",
            alpha=0.0,
            momentum=0.0,
            batch_size=task.batch_size,
            learning_rate_init=task.learning_rate,
            max_iter=epochs,
            tol=0.0,
            n_iter_no_change=epochs + 1,
            random_state=task.seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return net.fit(x, t)

    fit(1, task.x_train[:1000], task.t_train[:1000])

    def run() -> Trained:
        net = fit(epochs, task.x_train, task.t_train)
        (w1, w2), (b1, b2) = net.coefs_, net.intercepts_
        steps = epochs * per_epoch
        note = f"{steps:,} steps in {epochs} shuffled epochs"
        return Trained([w1, b1, w2, b2], np.array(net.loss_curve_), note)

    return run

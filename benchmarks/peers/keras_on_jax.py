"""Keras 3 on JAX: `model.fit`, shuffled epochs, many steps a call."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from task import Run, Task, Trained


def prepare(task: Task) -> Run:
    per_epoch = len(task.x_train) // task.batch_size
    epochs = max(round(task.iterations / per_epoch), 1)
    inputs = task.x_train.shape[1]
    model = keras.Sequential(
        [
            keras.layers.Input((inputs,)),
            keras.layers.Dense(task.hidden, activation="sigmoid"),
            keras.layers.Dense(10),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(task.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        # Tried 1, 10, 50, 100, 300: nothing is gained above 100.
        steps_per_execution=min(100, per_epoch),
        jit_compile=True,
    )

    def fit(epochs, x, t):
        model.set_weights(task.start())
        model.fit(x, t, batch_size=task.batch_size, epochs=epochs, verbose=0)

    # The first call compiles for this many steps.
    fit(1, task.x_train, task.t_train)

    def run() -> Trained:
        fit(epochs, task.x_train, task.t_train)
        weights = [np.asarray(w) for w in model.get_weights()]
        steps = epochs * per_epoch
        return Trained(weights, f"{steps:,} steps in {epochs} shuffled epochs")

    return run

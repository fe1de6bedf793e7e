"""Keras 3 on JAX: `model.fit`, shuffled epochs, many steps a call."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from task import Run, Task, Trained


def prepare(task: Task) -> Run:
    per_epoch = len(task.x_train) // task.batch_size
    epochs, rest = divmod(task.iterations, per_epoch)
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
        # Tried 1, 10, 50, 100, 300: nothing is gained above 100. It divides both
        # counts, so that no call takes more steps than asked for.
        steps_per_execution=max(
            n for n in range(1, 101) if per_epoch % n == 0 == rest % n
        ),
        jit_compile=True,
    )

    def fit(epochs: int, steps: int | None = None) -> list[float]:
        history = model.fit(
            task.x_train,
            task.t_train,
            batch_size=task.batch_size,
            epochs=epochs,
            steps_per_epoch=steps,
            verbose=0,
        )
        return history.history["loss"]

    # The first call compiles.
    fit(1)

    def run() -> Trained:
        model.set_weights(task.start())
        losses = fit(epochs) if epochs else []
        if rest:
            losses = losses + fit(1, rest)
        weights = [np.asarray(w) for w in model.get_weights()]
        note = f"shuffled epochs: {epochs}, and {rest} steps of another"
        return Trained(weights, np.array(losses), note)

    return run

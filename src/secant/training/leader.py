"""A run of several processes: one leads, and the others compute what it says.

Process 0 alone goes through the run as if there were no other: it measures, keeps,
calls back, hears Ctrl-C, goes back where a loss is not finite. Before each piece of
work it tells the others which it is, and all do it together. So nothing has to be
agreed on that each might decide otherwise, and nothing but process 0 needs the run's
folder.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.arrays import Array
from secant.errors import InvalidInput
from secant.training.distributed.process_group import Processes
from secant.training.steps import Evaluator, Score, Stepper, TrainState

# What an order asks for; from _EVALUATE on, for an evaluator of that number.
_END, _ADVANCE, _EVALUATE = 0, 1, 2


class DistributedStepper:
    """Steps that all processes take together, when process 0 takes them.

    Args:
        stepper: How they are taken; each process has its own.
        processes: Which take them.

    Attributes:
        batches: Which samples each step sees.
    """

    def __init__(self, stepper: Stepper, processes: Processes) -> None:
        self._stepper, self._processes = stepper, processes
        self.batches = stepper.batches
        self._evaluators: list[Evaluator] = []
        # Where all of them stand: only another state has to be sent.
        self._reached: TrainState | None = None

    def start(self) -> TrainState:
        """The state before the first step."""
        return self._stepper.start()

    def params(self, state: TrainState) -> Mapping[str, Array]:
        """The weights of a state, (inputs, outputs)."""
        return self._stepper.params(state)

    def gradient(self, state: TrainState, step: int) -> Mapping[str, Array]:
        """Not to be had where a run is led: it is asked for between orders."""
        raise InvalidInput(
            "the gradient between steps is computed by no one of several processes: "
            "ask in a run of one process"
        )

    def advance(
        self, state: TrainState, start: int, count: int
    ) -> tuple[TrainState, np.ndarray]:
        """`count` steps, taken by all.

        Raises:
            KeyboardInterrupt: One of them was asked to end, and none has computed.
            PeerLost: One of them is gone.
        """
        known = state is self._reached
        self._order(_ADVANCE, start, count, known)
        if not known:
            self._sent(state)
        return self._advance(state, start, count)

    def _advance(
        self, state: TrainState, start: int, count: int
    ) -> tuple[TrainState, np.ndarray]:
        state, losses = self._processes.computing(
            self._stepper.advance, state, start, count
        )
        self._reached = state
        return state, losses

    def led(self, evaluator: Evaluator) -> Callable[[Mapping[str, Array]], Score]:
        """An evaluator of this process's samples, as one of all processes' samples."""
        self._evaluators.append(evaluator)
        order = _EVALUATE + len(self._evaluators) - 1

        def evaluate(params: Mapping[str, Array]) -> Score:
            self._order(order)
            self._sent(params)
            return evaluator(params)

        return evaluate

    def end(self, about: Mapping[str, Any]) -> None:
        """Tells the others that the run has ended, and what is to be known of it."""
        self._order(_END)
        self._processes.shared(json.dumps(about).encode())

    def follow(self) -> dict[str, Any]:
        """Does what process 0 says until it says that the run has ended.

        Returns:
            What is to be known of it.

        Raises:
            PeerLost: Another process is gone.
        """
        state = self._reached = self.start()
        while True:
            order, start, count, known = self._ordered()
            if order == _END:
                return json.loads(self._processes.shared(b""))
            if self._processes.stopped_by:
                continue
            if order == _ADVANCE:
                self._advance(
                    self._reached if known and self._reached else self._sent(state),
                    start,
                    count,
                )
            else:
                params = dict(self.params(state))
                self._evaluators[order - _EVALUATE](self._sent(params))

    def _order(self, *order: int) -> None:
        self._exchange(order)
        if order[0] != _END and self._processes.stopped_by:
            raise KeyboardInterrupt

    def _ordered(self) -> list[int]:
        return self._exchange(())

    def _exchange(self, order: tuple[int, ...]) -> list[int]:
        """Process 0's order goes to all, and from each whether it is to stop."""
        processes = self._processes
        words = np.zeros(4 + processes.count, np.int32)
        words[: len(order)] = order
        words[4 + processes.index] = processes.stop()
        words = processes.total(words)
        processes.stopped_by = processes.stopped_by or int(words[4:].max())
        return [int(word) for word in words[:4]]

    def _sent(self, tree: Any) -> Any:
        """Process 0's arrays; the others give arrays of the same shapes."""
        leaves, structure = jax.tree.flatten(tree)
        arrays = [np.asarray(leaf, order="C") for leaf in leaves]
        content = self._processes.shared(b"".join(a.tobytes() for a in arrays))
        if self._processes.leads:
            return tree
        sent, at = [], 0
        for leaf, array in zip(leaves, arrays, strict=True):
            value = np.frombuffer(content, array.dtype, array.size, at)
            at += array.nbytes
            value = value.reshape(array.shape)
            if isinstance(leaf, jax.Array):
                with jax.enable_x64(array.dtype.itemsize == 8):
                    value = jnp.asarray(value)
            sent.append(value)
        return structure.unflatten(sent)

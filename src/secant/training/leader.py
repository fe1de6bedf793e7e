"""The leader of a run of several processes, and its followers.

Only process 0 runs the training loop: it measures, saves, calls the callbacks, reacts
to Ctrl-C, and goes back if a loss is not finite. Before each piece of work it sends an
order to the others, and all processes do that work together. So the processes never
have to agree on a decision, and only process 0 needs the run's folder.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from secant.arrays import Array, jax_array
from secant.errors import InvalidInput
from secant.training.distributed.process_group import ProcessGroup
from secant.training.steps import Evaluator, Score, Stepper, TrainState

# The orders; _EVALUATE + n is an order for evaluator n.
_END, _ADVANCE, _EVALUATE = 0, 1, 2


class DistributedStepper:
    """A stepper whose steps all processes take together, on the orders of process 0.

    Args:
        stepper: The stepper of this process.
        processes: The processes.

    Attributes:
        batches: The samples of each step.
    """

    def __init__(self, stepper: Stepper, processes: ProcessGroup) -> None:
        self._stepper, self._processes = stepper, processes
        self.batches = stepper.batches
        self._evaluators: list[Evaluator] = []
        # The state that all processes have; only another state has to be sent.
        self._common_state: TrainState | None = None

    def start(self) -> TrainState:
        """The state before the first step."""
        return self._stepper.start()

    def params(self, state: TrainState) -> Mapping[str, Array]:
        """The weights of a state, (inputs, outputs)."""
        return self._stepper.params(state)

    def gradient(self, state: TrainState, step: int) -> Mapping[str, Array]:
        """Not available with several processes, which compute only on orders."""
        raise InvalidInput(
            "several processes compute no gradient between steps: use one process"
        )

    def advance(
        self, state: TrainState, start: int, count: int
    ) -> tuple[TrainState, np.ndarray]:
        """`count` steps, which all processes take.

        Raises:
            KeyboardInterrupt: A process is to stop; no process has computed.
            PeerLost: A process is gone.
        """
        is_common = state is self._common_state
        self._order(_ADVANCE, start, count, is_common)
        if not is_common:
            self._broadcast_tree(state)
        return self._advance(state, start, count)

    def _advance(
        self, state: TrainState, start: int, count: int
    ) -> tuple[TrainState, np.ndarray]:
        state, losses = self._processes.call(self._stepper.advance, state, start, count)
        self._common_state = state
        return state, losses

    def lead_evaluation(
        self, evaluator: Evaluator
    ) -> Callable[[Mapping[str, Array]], Score]:
        """This process's evaluator as an evaluator that all processes run together."""
        self._evaluators.append(evaluator)
        order = _EVALUATE + len(self._evaluators) - 1

        def evaluate(params: Mapping[str, Array]) -> Score:
            self._order(order)
            self._broadcast_tree(params)
            return evaluator(params)

        return evaluate

    def end(self, summary: Mapping[str, Any]) -> None:
        """Tells the others that the run has ended, with a summary."""
        self._order(_END)
        self._processes.broadcast(json.dumps(summary).encode())

    def follow(self) -> dict[str, Any]:
        """Follows the orders of process 0 until the run ends.

        Returns:
            The summary from `end`.

        Raises:
            PeerLost: Another process is gone.
        """
        state = self._common_state = self.start()
        while True:
            order, start, count, is_common = self._exchange(())
            if order == _END:
                return json.loads(self._processes.broadcast(b""))
            if self._processes.stopped_by:
                continue
            if order == _ADVANCE:
                self._advance(
                    self._common_state
                    if is_common and self._common_state
                    else self._broadcast_tree(state),
                    start,
                    count,
                )
            else:
                params = dict(self.params(state))
                self._evaluators[order - _EVALUATE](self._broadcast_tree(params))

    def _order(self, *order: int) -> None:
        self._exchange(order)
        if order[0] != _END and self._processes.stopped_by:
            raise KeyboardInterrupt

    def _exchange(self, order: tuple[int, ...]) -> list[int]:
        """Sends process 0's order to all, and learns from each if it is to stop."""
        processes = self._processes
        words = np.zeros(4 + processes.count, np.int32)
        words[: len(order)] = order
        words[4 + processes.index] = processes.stop()
        words = processes.all_reduce(words)
        processes.stopped_by = processes.stopped_by or int(words[4:].max())
        return [int(word) for word in words[:4]]

    def _broadcast_tree(self, tree: Any) -> Any:
        """Process 0's arrays; those of the others only have the same shapes."""
        leaves, structure = jax.tree.flatten(tree)
        arrays = [np.asarray(leaf, order="C") for leaf in leaves]
        content = self._processes.broadcast(b"".join(a.tobytes() for a in arrays))
        if self._processes.is_leader:
            return tree
        received, offset = [], 0
        for leaf, array in zip(leaves, arrays, strict=True):
            value = np.frombuffer(content, array.dtype, array.size, offset)
            offset += array.nbytes
            value = value.reshape(array.shape)
            if isinstance(leaf, jax.Array):
                with jax.enable_x64(array.dtype.itemsize == 8):
                    value = jax_array(value)
            received.append(value)
        return structure.unflatten(received)

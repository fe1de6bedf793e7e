"""A gradient method: parameters and a batch in, loss and gradients out.

This file and the table `secant.nn.gradients.methods` load neither NumPy nor JAX, so
that `secant train --help`, which lists the methods and their options, answers at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, Self

from secant.errors import unknown_name

if TYPE_CHECKING:
    from secant.arrays import Array
    from secant.nn.architecture import Architecture, Params


class LossAndGradients(Protocol):
    """A function that computes the loss of a batch and its gradient.

    Every method has this signature. A method with options takes them as keywords, too.
    """

    def __call__(
        self,
        architecture: "Architecture",
        params: "Params",
        x: "Array",
        t: "Array",
        key: "Array | None" = None,
        /,
    ) -> "tuple[Array, dict[str, Array]]":
        """The loss of a batch, and its slope along every parameter.

        Args:
            architecture: What the network computes.
            params: The parameters, never changed: `Wi` of shape (inputs, outputs) and
                `bi` of shape (outputs,). A feature-major function takes `Wi` as
                (outputs, inputs).
            x: Inputs, (samples, inputs), and
            t: targets as vectors, (samples, outputs), both from
                `Architecture.as_batch`.
            key: A JAX random key, a new one each step. Methods that draw random
                directions use it; the others ignore it.

        Returns:
            The loss, a scalar, and gradients of the names and shapes of `params`.
        """
        ...


@dataclass(frozen=True)
class LazyFunction:
    """A function that is named by its module, and imported at its first call.

    Attributes:
        module: The module's full name.
        name: The function's name in it.

    Example:
        >>> LazyFunction("math", "hypot")(3.0, 4.0)
        5.0
    """

    module: str
    name: str

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Calls the function."""
        return getattr(import_module(self.module), self.name)(*args, **options)


@dataclass(frozen=True)
class MethodOption:
    """An option that a gradient method declares.

    The type of the default decides which values are allowed: a whole number of at
    least 1, a finite number above 0, or one of `choices`.

    Attributes:
        name: The keyword of the method's function, and of `find_method`. The command
            line writes it with dashes.
        default: The value where none is given.
        help: What it is, in one sentence.
        symbol: The letter of the formulas, for the rows of `secant compare`.
        compared: The values that `secant compare` shows; the default if empty.
        choices: The values that a text may have.
    """

    name: str
    default: int | float | str
    help: str
    symbol: str = ""
    compared: tuple[int | float | str, ...] = ()
    choices: tuple[str, ...] = ()

    def checked(self, value: Any) -> int | float | str:
        """The value, as a Python number or text.

        Raises:
            InvalidInput: The value is not allowed.

        Example:
            >>> MethodOption("h", 1e-4, "The step size.").checked(1)
            1.0
        """
        # Imported here, since it loads NumPy: see the head of this file.
        from secant.validation import Choice, PositiveNumber, WholeNumber, validate

        if isinstance(self.default, str):
            return validate(self.name, value, Choice(self.choices))
        if isinstance(self.default, int):
            return validate(self.name, value, WholeNumber(low=1))
        return validate(self.name, value, PositiveNumber(example=f"{self.default:g}"))


@dataclass(frozen=True)
class GradientMethod:
    """A way to compute a gradient, and what training must know of it.

    It is called as `LossAndGradients` says, with weights of shape (inputs, outputs).

    Attributes:
        name: What `gradient=` and `--gradient` call it.
        function: The method itself: called as `LossAndGradients` says, with a keyword
            for every option.
        description: What it perturbs, in a few words. It may be reworded at any time:
            nothing compares it.
        traceable: Whether `jax.jit` can compile it. If not, it runs step by step in
            NumPy and float64.
        evaluations: `(architecture, **options) -> int`: how many runs of the whole
            network a step amounts to; None where that is no meaningful number.
        feature_major: Whether `function` takes and returns weights of shape (outputs,
            inputs). A compiled loop then keeps them so: see
            `Architecture.feature_major_layers`.
        options: The options that `function` takes.
        of_loss: The same method for any function of a pytree:
            `(loss, params, key, **options) -> (value, gradient)`. None where the method
            must know the layers of a network.
        stochastic: Whether the gradient is an estimate along random directions, which
            `function` draws from the key. Others get no key in NumPy.
        interruptible: Whether `function` takes `before_each`, which it calls before
            each run of the network: for methods whose step takes minutes.
        chosen: Names and values of the options that differ from the default.

    Example:
        >>> from secant import Architecture
        >>> import numpy as np
        >>> tiny = Architecture((1, 1), loss="sum_squares", bias=False)
        >>> w, x, t = np.array([[3.0]]), np.array([[1.0]]), np.array([[1.0]])
        >>> def chain_rule(architecture, params, x, t, key=None):
        ...     error = x @ params["W1"] - t
        ...     return (error**2).sum() / 2, {"W1": x.T @ error}
        >>> loss, gradients = GradientMethod("mine", chain_rule)(tiny, {"W1": w}, x, t)
        >>> float(loss), gradients["W1"]
        (2.0, array([[2.]]))
    """

    name: str
    function: Callable[..., tuple[Any, Mapping[str, Any]]]
    description: str = ""
    traceable: bool = True
    evaluations: Callable[..., int] | None = None
    feature_major: bool = False
    options: tuple[MethodOption, ...] = ()
    of_loss: Callable[..., tuple[Any, Any]] | None = None
    stochastic: bool = False
    interruptible: bool = False
    chosen: tuple[tuple[str, int | float | str], ...] = ()

    def __call__(
        self,
        architecture: "Architecture",
        params: "Params",
        x: "Array",
        t: "Array",
        key: "Array | None" = None,
        /,
    ) -> "tuple[Array, dict[str, Array]]":
        """The loss and the gradients, for weights of shape (inputs, outputs)."""
        if not self.feature_major:
            loss, gradients = self.compute(architecture, params, x, t, key)
            return loss, dict(gradients)
        from secant.nn.architecture import transposed

        loss, gradients = self.compute(architecture, transposed(params), x, t, key)
        return loss, transposed(gradients)

    def compute(
        self,
        architecture: "Architecture",
        params: "Params",
        x: "Array",
        t: "Array",
        key: "Array | None" = None,
        /,
    ) -> "tuple[Any, Mapping[str, Any]]":
        """The same for weights as `function` has them: see `feature_major`."""
        return self.function(architecture, params, x, t, key, **self.option_values)

    @property
    def option_values(self) -> dict[str, Any]:
        """The value of every option, by name.

        The name and these values identify the method. A checkpoint keeps them, and a
        run goes on only with the same: `find_method(name, **option_values)`.

        Example:
            >>> from secant.nn.gradients import find_method
            >>> find_method("spsa", directions=10).option_values
            {'directions': 10, 'h': 0.0001}
        """
        chosen = dict(self.chosen)
        return {o.name: chosen.get(o.name, o.default) for o in self.options}

    def with_options(self, **options: Any) -> Self:
        """The same method with other options.

        Raises:
            InvalidInput: The method has no such option, or the value is not allowed.
        """
        known = {o.name: o for o in self.options}
        values = self.option_values
        for name, value in options.items():
            if name not in known:
                raise unknown_name(f"option of {self.name!r}", name, known)
            values[name] = known[name].checked(value)
        changed = ((n, v) for n, v in values.items() if v != known[n].default)
        return replace(self, chosen=tuple(changed))

    def evaluations_per_step(self, architecture: "Architecture") -> int | None:
        """The cost of a step in runs of the whole network; see `evaluations`."""
        if self.evaluations is None:
            return None
        return self.evaluations(architecture, **self.option_values)

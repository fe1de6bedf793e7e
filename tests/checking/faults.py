"""Planted faults: functions with gradients that are wrong, and others that are right.

Each stands in a backward rule, where JAX's and PyTorch's own checkers can see it, too:
`validation/gradient_checks.py` asks them about the same cases.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.checking import Verdict

Tree = Any
Function = Callable[[Tree], Any]

RIGHT, ROUNDING, KINK = Verdict.RIGHT, Verdict.ROUNDING, Verdict.KINK
WRONG, NOT_FINITE = Verdict.WRONG, Verdict.NOT_FINITE


@dataclass(frozen=True)
class Case:
    """A function with a gradient, and what a checker should say.

    Attributes:
        name: What is right or wrong about it.
        f: A JAX function of one pytree that returns a number.
        point: Where: a pytree of NumPy's float64.
        verdict: What is expected.
        gradient: The backward rule, a JAX function; None for JAX's own.
        cause: A piece of the sentence that should name the fault; "" where none is
            known.
        apart: Whether the gradient is of another shape, which no rule of JAX may have.
        second: Whether it is the derivative of the gradient that is wrong; `gradient`
            is then the gradient with a rule for it.
    """

    name: str
    f: Function
    point: Tree
    verdict: Verdict = WRONG
    gradient: Function | None = None
    cause: str = ""
    apart: bool = False
    second: bool = False

    @property
    def fine(self) -> bool:
        """Whether a checker should pass it."""
        return self.verdict in (RIGHT, ROUNDING, KINK)

    @property
    def claim(self) -> Function:
        """The gradient, wherever it comes from."""
        return self.gradient or jax.grad(self.f)

    @property
    def planted(self) -> Function:
        """The function, its backward rule the gradient."""
        return self.f if self.gradient is None else planted(self.f, self.gradient)

    def at(self, dtype: str) -> Tree:
        """The point; NumPy's for float64, which JAX might not have."""
        if dtype == "float64":
            return self.point
        return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), self.point)


def planted(f: Function, gradient: Function) -> Function:
    """`f`, differentiated by a rule of one's own."""

    @jax.custom_vjp
    def with_rule(x: Tree) -> Any:
        return f(x)

    def backward(x: Tree, upstream: Any) -> tuple[Tree]:
        return (jax.tree.map(lambda part: upstream * part, gradient(x)),)

    with_rule.defvjp(lambda x: (f(x), x), backward)
    return with_rule


def normal(seed: int, *shape: int) -> np.ndarray:
    """Numbers about 1 in size, none of them at a kink."""
    draw = np.random.default_rng(seed)
    return draw.uniform(0.2, 1.5, shape) * draw.choice([-1.0, 1.0], shape)


def like(x: Any, data: np.ndarray) -> Any:
    """Data in the dtype of what is differentiated."""
    return jnp.asarray(data, x.dtype)


def altered(f: Function, change: Callable[[Any], Any]) -> Function:
    """The gradient of `f` with a change to every leaf."""
    return lambda x: jax.tree.map(change, jax.grad(f)(x))


# Functions.

BATCH, LABELS = normal(1, 6, 4), np.array([0, 2, 1, 1, 0, 2])
WEIGHTS = normal(2, 12)


def waves(x: Any) -> Any:
    return jnp.sum(jnp.sin(x) * jnp.exp(-x / 3))


def matrix(w: Any) -> Any:
    """Of a matrix of any shape, nothing alike in rows and columns."""
    rows = like(w, normal(3, w.shape[0]))
    return jnp.sum(rows[:, None] * jnp.tanh(w * like(w, normal(4, w.shape[1]))))


def cross_entropy(scores: Any) -> Any:
    """The mean over a batch."""
    one_hot = like(scores, np.eye(scores.shape[-1])[LABELS])
    return -jnp.sum(jax.nn.log_softmax(scores) * one_hot) / len(LABELS)


def network(p: Any) -> Any:
    hidden = jnp.tanh(like(p["W1"], BATCH) @ p["W1"] + p["b1"])
    return cross_entropy(hidden @ p["W2"] + p["b2"])


NETWORK = {
    "W1": normal(5, 4, 4),
    "b1": normal(6, 4),
    "W2": normal(7, 4, 3),
    "b2": normal(8, 3),
}


def convolution(kernel: Any) -> Any:
    image = like(kernel, normal(9, 1, 1, 8, 8))
    found = jax.lax.conv_general_dilated(image, kernel[None, None], (1, 1), "VALID")
    pooled = jax.lax.reduce_window(
        jax.nn.softplus(found), -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2),
        "VALID",
    )  # fmt: skip
    return jnp.sum(pooled**2)


def filtered(kernel: Any) -> Any:
    signal = like(kernel, normal(10, 20))
    return jnp.sum(
        jnp.tanh(jnp.convolve(signal, kernel, "valid")) * like(kernel, normal(11, 16))
    )


def layer_norm(x: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def attention(p: Any) -> Any:
    q, k, v = (layer_norm(p[name]) for name in "qkv")
    found = jax.nn.softmax(q @ k.T / 2) @ v
    return jnp.sum(found * like(found, normal(12, *found.shape)))


def normalized(x: Any) -> Any:
    return jnp.sum(layer_norm(x) * like(x, normal(13, *x.shape)))


def batch_norm(x: Any) -> Any:
    return normalized(x.T)


def squares(w: Any) -> Any:
    """The mean over a batch of squared errors."""
    return jnp.mean((like(w, BATCH) @ w - like(w, normal(14, 6))) ** 2)


def recurrent(w: Any) -> Any:
    state = jnp.zeros(3, w.dtype)
    for x in normal(15, 4, 3):
        state = jnp.tanh(w @ state + like(w, x))
    return jnp.sum(state * like(w, normal(16, 3)))


PLACES = np.array([0, 3, 3, 1, 3, 5], np.int32)


def embedding(table: Any) -> Any:
    rows = table[PLACES]
    return jnp.sum(jnp.tanh(rows) * like(table, normal(17, 6, 3)))


def million(x: Any) -> Any:
    return jnp.mean(jnp.tanh(x * like(x, MILLION)))


MILLION = normal(18, 10**6)


def weighted(f: Function) -> Function:
    """The sum of what an elementwise function gives, weighted."""
    return lambda x: jnp.sum(f(x) * like(x, WEIGHTS[: x.size]).reshape(x.shape))


def slope_of(slope: Function) -> Function:
    """The gradient of `weighted`, should `slope` be the function's."""
    return lambda x: slope(x) * like(x, WEIGHTS[: x.size]).reshape(x.shape)


def cancelling(x: Any) -> Any:
    """sum(x²) / 2, whose gradient loses four digits on the way."""
    return jnp.sum((x + 1e4) ** 2) / 2 - 1e4 * jnp.sum(x)


def variance(x: Any) -> Any:
    """As E[x²] - E[x]², of large x."""
    return jnp.mean(x**2) - jnp.mean(x) ** 2


# Gradients that are wrong.


def only_at(index: Any, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda g: g.at[index].set(change(g[index]))


def exchanged(p: Any) -> Any:
    found = jax.grad(attention)(p)
    return {**found, "q": found["k"], "k": found["q"]}


def of_each_sample(w: Any) -> Any:
    left = like(w, BATCH) @ w - like(w, normal(14, 6))
    return 2 * left[:, None] * like(w, BATCH) / 6


def softmax_diagonal(x: Any) -> Any:
    y = jax.nn.softmax(x)
    return y * (1 - y) * like(x, WEIGHTS[: x.size])


def log_softmax_short(x: Any) -> Any:
    return like(x, WEIGHTS[: x.size]) - 1 / x.size


def layer_norm_without(term: str, axis: int = -1) -> Function:
    """The gradient of `normalized`, a term of the backward rule left out."""

    def gradient(x: Any) -> Any:
        weights = like(x, normal(13, *x.shape))
        y = layer_norm(x)
        inverse = 1 / jnp.sqrt(x.var(axis, keepdims=True) + 1e-5)
        found = weights
        if term != "mean":
            found = found - weights.mean(axis, keepdims=True)
        if term != "variance":
            found = found - y * (weights * y).mean(axis, keepdims=True)
        return inverse * found

    return gradient


def constant_statistics(x: Any) -> Any:
    weights = like(x, normal(13, *x.shape[::-1])).T
    return weights / jnp.sqrt(x.var(0) + 1e-5)


def last_step_only(w: Any) -> Any:
    def short(w: Any) -> Any:
        state = jnp.zeros(3, w.dtype)
        for x in normal(15, 4, 3):
            state = jax.lax.stop_gradient(state)
            state = jnp.tanh(w @ state + like(w, x))
        return jnp.sum(state * like(w, normal(16, 3)))

    return jax.grad(short)(w)


def overwritten(table: Any) -> Any:
    rows = like(table, normal(17, 6, 3)) / jnp.cosh(table[PLACES]) ** 2
    return jnp.zeros_like(table).at[PLACES].set(rows)


def not_reached(p: Any) -> Any:
    def stopped(p: Any) -> Any:
        return network({**p, "W1": jax.lax.stop_gradient(p["W1"])})

    return jax.grad(stopped)(p)


def decayed(w: Any) -> Any:
    return squares(w) + 0.005 * jnp.sum(w**2)


def cube(x: Any) -> Any:
    return jnp.sum(x**3)


MASK = np.array([1.0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1]) / 0.8


def dropout(x: Any) -> Any:
    return jnp.sum(jnp.tanh(x) * like(x, MASK))


def sixteen_bits(g: Any) -> Any:
    return g.astype(jnp.bfloat16).astype(g.dtype)


def sinc(x: Any) -> Any:
    """Right at 0, though not in the branch that is not taken there."""
    return jnp.where(x == 0, 1.0, jnp.sin(x) / x)


def sinc_slope(x: Any) -> Any:
    safe = jnp.where(x == 0, 1.0, x)
    return jnp.where(x == 0, 0.0, (jnp.cos(safe) - jnp.sin(safe) / safe) / safe)


def second_order(slope: Function, curvature: Function) -> Function:
    """A slope with a rule for its own derivative."""

    @jax.custom_jvp
    def gradient(x: Any) -> Any:
        return slope(x)

    gradient.defjvp(
        lambda primals, moves: (slope(primals[0]), curvature(primals[0]) * moves[0])
    )
    return gradient


HUGE = normal(19, 10**6)
SOME = normal(20, 12)
WITH_ZERO = np.where(np.arange(12) == 3, 0.0, SOME)
TIED = np.array([0.5, 1.25, -0.5, 1.25, 0.75])

RIGHT_ONES = (
    Case("elementwise", waves, SOME, RIGHT),
    Case("network", network, NETWORK, RIGHT),
    Case("convolution, pooling", convolution, normal(21, 3, 3), RIGHT),
    Case(
        "attention, layer norm", attention,
        {name: normal(22 + i, 4, 4) for i, name in enumerate("qkv")}, RIGHT,
    ),
    Case("recurrent", recurrent, normal(25, 3, 3), RIGHT),
    Case("gather with repeats", embedding, normal(26, 6, 3), RIGHT),
    Case("relu away from 0", weighted(jax.nn.relu), SOME, RIGHT),
    Case(
        "a rule of one's own", weighted(jnp.tanh), SOME, RIGHT,
        slope_of(lambda x: 1 - jnp.tanh(x) ** 2),
    ),
    Case(
        "0/0 in a branch, guarded by a rule", weighted(sinc), WITH_ZERO, RIGHT,
        slope_of(sinc_slope),
    ),
    Case("cancellation", cancelling, SOME, ROUNDING),
    Case("variance of large numbers", variance, 300 + SOME, ROUNDING),
    Case("a cube at 0", cube, np.zeros(3), RIGHT),
    Case("relu at 0", weighted(jax.nn.relu), WITH_ZERO, KINK),
    Case("abs at 0", weighted(jnp.abs), WITH_ZERO, KINK),
    Case("a maximum with ties", jnp.max, TIED, KINK),
)  # fmt: skip

NOT_FINITE_ONES = (
    Case(
        "jnp.where over sqrt",
        weighted(lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0)), SOME, NOT_FINITE,
        cause="a branch that jnp.where does not take",
    ),
    Case(
        "NaN in a branch for one of 12", weighted(sinc), WITH_ZERO, NOT_FINITE,
        cause="a branch that jnp.where does not take",
    ),
    Case(
        "sqrt at 0", weighted(jnp.sqrt), abs(WITH_ZERO), NOT_FINITE, cause="at 0 the",
    ),
    Case(
        "log at 0", weighted(jnp.log), abs(WITH_ZERO), NOT_FINITE, cause="at 0 the",
    ),
    Case(
        "a norm of zeros", lambda x: jnp.sum(jnp.sqrt(jnp.sum(x**2, axis=1))),
        normal(27, 4, 3) * np.array([[1.0], [1.0], [0.0], [1.0]]), NOT_FINITE,
        cause="at 0 the",
    ),
    Case(
        "an infinity", waves, SOME, NOT_FINITE,
        altered(waves, only_at(4, lambda g: g * jnp.inf)),
        cause="not finite where the function has a slope",
    ),
)  # fmt: skip

WRONG_ONES = (
    Case(
        "factor 1.001", network, NETWORK, WRONG,
        altered(network, lambda g: 1.001 * g), "the gradient is 1.001 times the slope",
    ),
    Case(
        "factor 1.001 in one of 12", waves, SOME, WRONG,
        altered(waves, only_at(5, lambda g: 1.001 * g)),
        "a single coordinate, 1.001 times the slope",
    ),
    Case("sign", network, NETWORK, WRONG, altered(network, jnp.negative), "the sign"),
    Case(
        "sign in one of 12", waves, SOME, WRONG,
        altered(waves, only_at(7, jnp.negative)),
        "a single coordinate, of the wrong sign",
    ),
    Case(
        "sign in one of 10⁶", million, HUGE, WRONG,
        altered(million, only_at(654_321, jnp.negative)),
        "a single coordinate, of the wrong sign",
    ),
    Case(
        "transposed, square", matrix, normal(30, 4, 4), WRONG,
        altered(matrix, jnp.transpose), "transposed: the gradient is",
    ),
    Case(
        "read in another order", matrix, normal(31, 3, 5), WRONG,
        altered(matrix, lambda g: g.T.reshape(g.shape)),
        "transposed and then reshaped",
    ),
    Case(
        "relu passes at x < 0", weighted(jax.nn.relu), SOME, WRONG,
        slope_of(jnp.ones_like), "a branch: wrong exactly where x < 0",
    ),
    Case(
        "another slope of a leaky relu", weighted(jax.nn.leaky_relu), SOME, WRONG,
        slope_of(lambda x: jnp.where(x > 0, 1.0, 0.1)),
        "a branch: wrong exactly where x < 0",
    ),
    Case(
        "clip passes above, not below", weighted(lambda x: jnp.clip(x, 0, 1)), SOME,
        WRONG, slope_of(lambda x: jnp.where(x > 0, 1.0, 0.0)),
    ),
    Case(
        "index off by one", matrix, normal(32, 5, 4), WRONG,
        altered(matrix, lambda g: jnp.roll(g, 1, 0)), "shifted by 1 along axis 0",
    ),
    Case(
        "flipped kernel", filtered, normal(33, 5), WRONG,
        altered(filtered, lambda g: g[::-1]), "mirrored along axis 0",
    ),
    Case(
        "weight decay forgotten", decayed, normal(34, 4), WRONG, jax.grad(squares),
        "a term proportional to the parameter is missing: 0.01 times x",
    ),
    Case(
        "a leaf that nothing reaches", network, NETWORK, WRONG, not_reached,
        "all zero: nothing reaches this leaf",
    ),
    Case(
        "sum for a mean", squares, normal(35, 4), WRONG,
        altered(squares, lambda g: 6 * g), "a sum for a mean over an axis of 6",
    ),
    Case(
        "mean for a sum", lambda w: 6 * squares(w), normal(35, 4), WRONG,
        jax.grad(squares), "a mean for a sum over an axis of 6",
    ),
    Case(
        "not summed over the batch", squares, normal(36, 4), WRONG, of_each_sample,
        "a batch axis of 6 is left, whose sum is", apart=True,
    ),
    Case(
        "transposed, not square", matrix, normal(31, 3, 5), WRONG,
        altered(matrix, jnp.transpose), "transposed", apart=True,
    ),
    Case(
        "a square's 2", squares, normal(37, 4), WRONG,
        altered(squares, lambda g: g / 2), "as from a square's derivative",
    ),
    Case(
        "a constant added", waves, SOME, WRONG, altered(waves, lambda g: g + 0.01),
        "a constant is added: 0.01 in",
    ),
    Case(
        "exchanged leaves", attention,
        {name: normal(22 + i, 4, 4) for i, name in enumerate("qkv")}, WRONG,
        exchanged, "exchanged leaves",
    ),
    Case(
        "softmax: the diagonal alone", weighted(jax.nn.softmax), SOME, WRONG,
        softmax_diagonal,
    ),
    Case(
        "log-softmax: a term short", weighted(jax.nn.log_softmax), SOME, WRONG,
        log_softmax_short,
    ),
    Case(
        "layer norm: the mean's term", normalized, normal(38, 3, 5), WRONG,
        layer_norm_without("mean"),
    ),
    Case(
        "layer norm: the variance's term", normalized, normal(38, 3, 5), WRONG,
        layer_norm_without("variance"),
    ),
    Case(
        "batch norm: constant statistics", batch_norm, normal(39, 5, 3), WRONG,
        constant_statistics,
    ),
    Case(
        "rule of a cube", cube, SOME, WRONG, lambda x: 2 * x**2,
        "the gradient is 0.6666",
    ),
    Case(
        "tanh: 1 - x² for 1 - y²", weighted(jnp.tanh), SOME, WRONG,
        slope_of(lambda x: 1 - x**2),
    ),
    Case(
        "dropout's scale", dropout, SOME, WRONG,
        altered(dropout, lambda g: 0.8 * g), "the gradient is 0.8 times the slope",
    ),
    Case(
        "backward through one step only", recurrent, normal(25, 3, 3), WRONG,
        last_step_only,
    ),
    Case(
        "repeats overwritten, not added", embedding, normal(26, 6, 3), WRONG,
        overwritten, "all wrong coordinates have index 3 along axis 0",
    ),
    Case(
        "a block", matrix, normal(40, 6, 8), WRONG,
        altered(matrix, only_at(np.s_[2:4, 3:6], lambda g: 1.01 * g)),
        "a block of 2×3 from index [2, 3] on",
    ),
    Case(
        "gradient clipped", waves, 3 * SOME, WRONG,
        altered(waves, lambda g: jnp.clip(g, -1.0, 1.0)),
    ),
    Case(
        "kept in bfloat16", network, NETWORK, WRONG, altered(network, sixteen_bits),
        "digits of bfloat16",
    ),
    Case(
        "a sign, many waves", weighted(lambda x: jnp.sin(1000 * x)), SOME, WRONG,
        slope_of(lambda x: -1000 * jnp.cos(1000 * x)), "the sign",
    ),
)  # fmt: skip

SECOND_ORDER = (
    Case(
        "second order", weighted(jnp.sin), SOME, RIGHT,
        second_order(slope_of(jnp.cos), slope_of(lambda x: -jnp.sin(x))), second=True,
    ),
    Case(
        "second order, a sign", weighted(jnp.sin), SOME, WRONG,
        second_order(slope_of(jnp.cos), slope_of(jnp.sin)), "the sign", second=True,
    ),
    Case(
        "second order, forgotten", weighted(jnp.sin), SOME, WRONG,
        second_order(slope_of(jnp.cos), jnp.zeros_like), "all zero", second=True,
    ),
)  # fmt: skip

CASES = (*RIGHT_ONES, *NOT_FINITE_ONES, *WRONG_ONES)

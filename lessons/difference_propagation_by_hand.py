"""Difference propagation by hand: the idea of `secant.difference`, in NumPy.

    python lessons/difference_propagation_by_hand.py

A numerical derivative divides a difference by a step: (f(x + h) - f(x)) / h. Textbooks
subtract to get the difference. A float32 has 7 digits. If h is small, f(x + h) and f(x)
share most of them: the subtraction cancels those and leaves mostly rounding error.

Difference propagation carries two numbers through the program instead: the value
y = f(x) and the difference Δy = f(x + Δx) - f(x). The rule of each operation computes
Δy from the values and differences of the operands, and never as f(x + Δx) minus f(x).
In the limit Δx → 0 the rules are those of automatic differentiation.
"""

from decimal import Decimal

import numpy as np

# --- 1. The rules ---------------------------------------------------------------------


class D:
    """A value and the difference `delta` by which it changes; their sum is not rounded.

    `delta` may have one more axis in front, for several nudges in one pass.
    """

    def __init__(self, value, delta=None):
        self.value = value
        self.delta = 0.0 * value if delta is None else delta  # of a constant, Δ = 0

    def __add__(self, other):  # Δ(a + b) = Δa + Δb
        b = lift(other)
        return D(self.value + b.value, self.delta + b.delta)

    def __mul__(self, other):  # Δ(ab) = (a + Δa)(b + Δb) - ab = Δa (b + Δb) + a Δb
        a, b = self, lift(other)
        return D(a.value * b.value, a.delta * (b.value + b.delta) + a.value * b.delta)

    def __matmul__(self, other):  # the same, for matrices
        a, b = self, lift(other)
        return D(a.value @ b.value, a.delta @ (b.value + b.delta) + a.value @ b.delta)

    def __truediv__(self, other):  # y = a/b; solve (y + Δy)(b + Δb) = a + Δa for Δy
        b = lift(other)
        y = self.value / b.value
        return D(y, (self.delta - y * b.delta) / (b.value + b.delta))

    __radd__, __rmul__ = __add__, __mul__


def lift(x):
    return x if isinstance(x, D) else D(x)


def exp(x):  # exp(x + Δx) - exp(x) = exp(x) (exp(Δx) - 1); expm1 does not cancel
    y = np.exp(x.value)
    return D(y, y * np.expm1(x.delta))


def log(x):  # log(x + Δx) - log(x) = log(1 + Δx/x)
    return D(np.log(x.value), np.log1p(x.delta / x.value))


def tanh(x):  # tanh b - tanh a = sinh(b - a) / (cosh a cosh b)
    a, b = x.value, x.value + x.delta
    return D(np.tanh(a), np.sinh(x.delta) / (np.cosh(a) * np.cosh(b)))


def maximum(a, b):  # relative to y, the larger operand at x + Δx is Δy, kinks included
    a, b = lift(a), lift(b)
    y = np.maximum(a.value, b.value)
    return D(y, np.maximum((a.value - y) + a.delta, (b.value - y) + b.delta))


def mean(x):  # over the last two axes, samples and outputs; Δ mean = mean Δ
    return D(x.value.mean((-2, -1)), x.delta.mean((-2, -1)))


# --- 2. One function: the difference subtracted and propagated, in float32 ------------
# For dx = 1e-8 and less, x + dx rounds to x, and subtraction gives 0. The propagated
# difference has 7 right digits for every dx. Decimal computes the true one with 28.


def f(x, exp=exp, log=log):
    return log(1 + exp(x)) / (1 + x * x)


x = np.float32(0.5)
print("f(x + dx) - f(x) for f(x) = log(1 + exp(x)) / (1 + x²) at x = 0.5, in float32")
print(f"{'dx':>8}{'subtracted':>16}{'propagated':>16}{'true':>20}")
for dx in np.float32([1e-1, 1e-3, 1e-5, 1e-7, 1e-8, 1e-10, 1e-12]):
    subtracted, propagated = f(D(x + dx)).value - f(D(x)).value, f(D(x, dx)).delta
    ends = [Decimal(float(x)) + Decimal(float(d)) for d in (0, dx)]
    start, end = (f(end, Decimal.exp, Decimal.ln) for end in ends)
    print(f"{dx:8.0e}{subtracted:16.6e}{propagated:16.6e}{float(end - start):20.10e}")

# --- 3. A network: the gradient by nudges of each weight ------------------------------
# Which points of the plane lie in a circle? 2 inputs, 8 tanh neurons, 1 score. The loss
# is log(1 + exp(u)) with u = -label * score, in a form whose exp does not overflow.

rng, shapes = np.random.default_rng(0), [(2, 8), (1, 8), (8, 1), (1, 1)]
points = rng.uniform(-1, 1, (60, 2)).astype("float32")
labels = np.where((points**2).sum(1, keepdims=True) < 0.6, 1, -1).astype("float32")
params = [rng.normal(size=shape).astype("float32") for shape in shapes]


def score(W1, b1, W2, b2):
    return tanh(D(points) @ W1 + b1) @ W2 + b2


def loss(params):
    u = score(*params) * -labels
    return mean(maximum(u, 0) + log(1 + exp(-1 * maximum(u, -1 * u))))


def gradient(params, h=1e-4, propagate=True):  # (loss(w + h) - loss(w - h)) / 2h
    slopes = []
    for i, p in enumerate(params):
        nudges = h * np.eye(p.size, dtype=p.dtype).reshape(-1, *p.shape)
        nudged = [D(p, dp) if propagate else D(p + dp) for dp in (nudges, -nudges)]
        up, down = (loss([*params[:i], q, *params[i + 1 :]]) for q in nudged)
        difference = up.delta - down.delta if propagate else up.value - down.value
        slopes.append((difference / (2 * h)).reshape(p.shape))
    return slopes


def backprop(W1, b1, W2, b2):  # the chain rule by hand
    z = np.tanh(points @ W1 + b1)
    d2 = -labels / (1 + np.exp(labels * (z @ W2 + b2))) / len(points)
    d1 = d2 @ W2.T * (1 - z**2)
    return [points.T @ d1, d1.sum(0, keepdims=True), z.T @ d2, d2.sum(0, keepdims=True)]


reference = backprop(*(p.astype("float64") for p in params))
print("\nThe gradient of a network, in float32: its largest error against backprop")
print(f"{'h':>8}{'subtracted':>16}{'propagated':>16}")
for h in (1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10):
    pairs = [zip(gradient(params, h, way), reference) for way in (False, True)]
    errors = (max(abs(a - b).max() for a, b in pair) for pair in pairs)
    print(f"{h:8.0e}", *(f"{error:15.1e}" for error in errors))

# --- 4. Training: gradient descent on these gradients ---------------------------------

print("\nThe network trains")
for step in range(401):
    if step % 100 == 0:
        accuracy = np.mean(score(*params).value * labels > 0)
        print(f"step {step}  loss {loss(params).value:.4f}  accuracy {accuracy:.0%}")
    params = [p - 1.0 * slope for p, slope in zip(params, gradient(params))]

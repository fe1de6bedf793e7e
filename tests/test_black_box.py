"""Any Python function inside JAX: under every transformation, with its derivatives."""

import math
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.integrate import solve_ivp

import secant
from secant import as_jax


def wave(x):
    """Made of `math`: no tracer gets through."""
    return math.sin(x) * math.exp(-x)


def wave_in_jax(x):
    return jnp.sin(x) * jnp.exp(-x)


def saddle(x):
    assert isinstance(x, np.ndarray)
    return float(x[0] ** 2 * x[1] + np.cos(x[1] * x[2]))


def saddle_in_jax(x):
    return x[0] ** 2 * x[1] + jnp.cos(x[1] * x[2])


def slopes_of_saddle(x):
    """Gradient and Hessian by hand, in float64: nothing has to be compiled."""
    a, b, c = np.asarray(x, float)
    sine, cosine = math.sin(b * c), math.cos(b * c)
    mixed = -sine - b * c * cosine
    gradient = [2 * a * b, a**2 - c * sine, -b * sine]
    hessian = [
        [2 * b, 2 * a, 0],
        [2 * a, -(c**2) * cosine, mixed],
        [0, mixed, -(b**2) * cosine],
    ]
    return np.array(gradient), np.array(hessian)


X = jnp.array([0.7, -1.3, 2.1])
ways = pytest.mark.parametrize("way", [lambda f: f, jax.jit], ids=["eager", "jit"])


def counted(f):
    def g(*args):
        g.calls += 1
        return f(*args)

    g.calls = 0
    return g


# --- transformations ------------------------------------------------------------------


@ways
def test_value_and_gradient_are_right_to_the_last_digits(way):
    value, slope = way(jax.value_and_grad(as_jax(saddle)))(X)
    np.testing.assert_allclose(value, saddle(np.asarray(X, float)), rtol=1e-6)
    # Subtracted in float32, four of seven digits would be lost.
    np.testing.assert_allclose(slope, slopes_of_saddle(X)[0], rtol=1.2e-7)
    assert value.dtype == slope.dtype == jnp.float32


def test_in_float64_eleven_digits_are_right():
    f = as_jax(saddle)
    with jax.enable_x64(True):
        x = jnp.asarray(X, float)
        both = jax.jit(lambda x: (jax.grad(f)(x), jax.hessian(f)(x)))(x)
    for got, want in zip(both, slopes_of_saddle(X), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-10)


@ways
def test_forward_mode(way):
    tangent = jnp.array([1.0, 2.0, -1.0])
    got = way(lambda x, t: jax.jvp(as_jax(saddle), (x,), (t,)))(X, tangent)
    want = saddle(np.asarray(X, float)), slopes_of_saddle(X)[0] @ tangent
    np.testing.assert_allclose(got, want, rtol=1e-6)


@ways
@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
def test_jacobian(way, mode):
    f = as_jax(lambda x: np.outer(x, x[:2]) ** 2, lambda x: jnp.zeros((3, 2)))
    want = jax.jit(jax.jacobian(lambda x: jnp.outer(x, x[:2]) ** 2))(X)
    got = way(mode(f))(X)
    assert got.shape == (3, 2, 3)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


@ways
@pytest.mark.parametrize("second", [jax.hessian, lambda f: jax.jacrev(jax.grad(f))])
def test_second_derivatives(way, second):
    got = way(second(as_jax(saddle)))(X)
    np.testing.assert_allclose(got, slopes_of_saddle(X)[1], rtol=3e-7, atol=1e-7)


def test_third_derivative():
    third = jax.jit(jax.grad(jax.grad(jax.grad(as_jax(wave)))))
    want = 2 * math.exp(-0.8) * (math.sin(0.8) + math.cos(0.8))
    np.testing.assert_allclose(third(0.8), want, rtol=1e-6)


@ways
@pytest.mark.parametrize("vectorized", [False, True])
def test_vmap_and_vmap_of_grad(way, vectorized):
    def f(x):
        return np.sin(x) * np.exp(-x)

    f = as_jax(f, vectorized=vectorized)
    x = jnp.linspace(0.0, 2.0, 6).reshape(2, 3)
    for change in (lambda f: f, jax.grad):
        got = way(jax.vmap(jax.vmap(change(f))))(x)
        want = jax.jit(jax.vmap(jax.vmap(change(wave_in_jax))))(x)
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


def test_vmap_over_one_of_two_arguments_and_an_empty_batch():
    f = as_jax(lambda x, a: float(a * x**2))
    x = jnp.arange(3.0)
    np.testing.assert_allclose(jax.vmap(f, (0, None))(x, 2.0), 2 * x**2)
    np.testing.assert_allclose(jax.vmap(f, (None, 0))(2.0, x), 4 * x)
    assert jax.vmap(f, (0, None))(x[:0], 2.0).shape == (0,)


def test_a_vectorized_function_is_called_once_for_all_nudges():
    f = counted(lambda x: (x**2).sum(-1))
    slope = jax.vmap(jax.grad(as_jax(f, vectorized=True)))(
        jnp.arange(6.0).reshape(2, 3)
    )
    np.testing.assert_allclose(slope, 2 * np.arange(6.0).reshape(2, 3), rtol=1e-6)
    # The values, and for each of two points itself and some steps for all coordinates.
    assert f.calls <= 1 + 2 * (1 + 4)


@ways
def test_scan_and_its_gradient(way):
    f = as_jax(wave)

    def last(x, f):
        return jax.lax.scan(lambda x, _: (x - 0.1 * f(x), None), x, length=5)[0]

    got = way(jax.value_and_grad(lambda x: last(x, f)))(0.5)
    want = jax.jit(jax.value_and_grad(lambda x: last(x, wave_in_jax)))(0.5)
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_while_and_cond():
    f = as_jax(wave)
    step = jax.jit(lambda x: jax.lax.cond(x > 0, f, lambda x: x, x))
    assert step(-1.0) == -1
    np.testing.assert_allclose(step(1.0), wave(1.0), rtol=1e-6)


# --- arguments and results ------------------------------------------------------------


def test_pytrees_in_and_out():
    def f(params, x):
        return {"y": params["w"] @ x + params["b"], "norm": float(np.sum(x**2))}

    def f_in_jax(params, x):
        return {"y": params["w"] @ x + params["b"], "norm": jnp.sum(x**2)}

    params = {"w": jnp.arange(6.0).reshape(2, 3), "b": jnp.array([1.0, -1.0])}
    wrapped = as_jax(f, lambda params, x: {"y": params["b"], "norm": 0.0})
    got, want = jax.jit(wrapped)(params, X), f_in_jax(params, X)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), got, want)
    got = jax.jit(jax.jacobian(wrapped, argnums=(0, 1)))(params, X)
    want = jax.jit(jax.jacobian(f_in_jax, argnums=(0, 1)))(params, X)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), got, want
    )


def test_arguments_that_are_no_real_arrays_are_passed_unchanged():
    seen = []

    def f(x, times, how, none, index):
        seen.append((type(times), how, none, index.dtype))
        return float(sum(x[index] for _ in range(times)))

    wrapped = as_jax(f)
    slope = jax.jit(jax.grad(lambda x: wrapped(x, 3, "so", None, jnp.array(1))))(X)
    np.testing.assert_allclose(slope, [0, 3, 0], atol=1e-6)
    assert set(seen) == {(int, "so", None, np.dtype("int32"))}


def test_integers_in_the_result_have_no_derivative():
    f = as_jax(lambda x: (float(x**2), int(x)), (0.0, jax.ShapeDtypeStruct((), int)))
    (value, whole), slope = jax.jit(jax.value_and_grad(f, has_aux=True))(3.5)
    assert (value, whole, slope.round(5)) == (12.25, 3, 7)
    assert whole.dtype == jnp.int32


def test_only_the_requested_arguments_are_nudged():
    f = counted(lambda x, data: float((x**2).sum() + data.sum()))
    jax.grad(as_jax(f))(X, jnp.ones(1000))
    assert 1 + 4 * 3 <= f.calls < 100


def test_arguments_are_float64_and_may_be_changed():
    def f(x, y):
        assert x.dtype == np.float64
        assert isinstance(y, float)
        x *= 2
        return float(x.sum() + y)

    slope = jax.grad(as_jax(f), argnums=(0, 1))(X, jnp.bfloat16(1))
    np.testing.assert_allclose(slope[0], [2, 2, 2], rtol=1e-6)
    assert slope[1].dtype == jnp.bfloat16


def test_a_large_argument_does_not_wait_for_ever():
    f = as_jax(lambda x: float(x.sum()))
    x = jnp.ones(1_000_000)
    assert jax.jit(lambda x: f(x * 2) + f(x))(x) == 3_000_000


def test_many_nudges_are_evaluated_in_blocks(monkeypatch):
    monkeypatch.setattr("secant.black_box.numerical_jacobian.MAX_BLOCK_SIZE", 5)
    np.testing.assert_allclose(
        jax.grad(as_jax(saddle))(X), slopes_of_saddle(X)[0], rtol=1e-6
    )


def test_an_empty_argument_and_no_argument():
    f = as_jax(lambda x: float(x.sum()) + 1)
    value, slope = jax.value_and_grad(f)(jnp.zeros(0))
    assert value == 1
    assert slope.shape == (0,)
    assert as_jax(lambda: 2.0)() == 2
    assert jax.jit(as_jax(lambda: 2.0))() == 2


def test_nan_passes_through():
    f = as_jax(lambda x: float(np.sqrt(x)))
    value, slope = jax.jit(jax.value_and_grad(f))(-1.0)
    assert np.isnan(value)
    assert np.isnan(slope)


def test_nan_is_only_where_there_is_no_slope():
    def f(x):
        return np.array([3 * x[0], np.sqrt(x[0]) + x[1], np.log(x[1] - 5), 7 * x[1]])

    x, nan = jnp.array([0.0, 2.0]), np.nan
    # To JAX, 0 * nan is nan: a whole row has none.
    slopes = jax.jit(jax.jacfwd(as_jax(f, (4,))))(x)
    np.testing.assert_allclose(slopes, [[3, 0], [nan, nan], [nan, nan], [0, 7]])
    slope = jax.jit(jax.grad(as_jax(lambda x: f(x)[1])))(x)
    np.testing.assert_allclose(slope, [nan, 1])


def test_equal_calls_compile_once():
    f = as_jax(lambda x, n: float(x * n))
    step = jax.jit(f, static_argnums=1)
    step(1.0, 2)
    vmapped = jax.vmap(lambda x: f(x, 2))
    vmapped(jnp.ones(2))
    with jax.log_compiles(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "jax._src.compiler.compile_or_get_cached",
            lambda *_, **__: pytest.fail("compiled again"),
        )
        vmapped(jnp.ones(2))
    assert f(1.0, 2) == 2
    assert f(1.0, True) == 1


# --- steps ----------------------------------------------------------------------------


def sine(rate):
    return lambda x: math.sin(rate * x)


@pytest.mark.parametrize(
    ("rate", "x"),
    [
        (1e8, 1e-8),
        (1e6, 1e-7),
        (1e5, 1e-5),
        (1e-8, 1e8),
        (1.0, 1e8),
        (1.0, 1e-8),
        (1.0, 0.0),
        (1e6, 0.0),
    ],
)
def test_the_step_is_found_for_parameters_of_any_size(rate, x):
    x = np.float32(x)
    want = rate * math.cos(rate * float(x))
    np.testing.assert_allclose(jax.grad(as_jax(sine(rate)))(x), want, rtol=2e-7)


def test_sizes_may_be_mixed_in_one_vector():
    sizes = np.float32([1e-8, 1e8, 1.0, 0.0, 1e-3])
    rates = 1 / np.where(sizes, sizes, 1.0).astype(float)

    def waves(x):
        return np.sin(rates * x)

    want = rates * np.cos(rates * sizes)
    total = jax.jit(jax.grad(as_jax(lambda x: float(waves(x).sum()))))(sizes)
    # 1e8 of them is one of 1: nothing that is far above hides an entry.
    np.testing.assert_allclose(total, want, rtol=2e-7)
    whole = jax.jit(jax.jacobian(as_jax(waves, (5,))))(sizes)
    np.testing.assert_allclose(whole, np.diag(want), rtol=2e-7)


def test_large_results_do_not_hide_the_slopes_of_small_ones():
    f = as_jax(lambda x: (1e6 * x, 1e-6 * math.sin(3 * x)), (0.0, 0.0))
    slopes = jax.jit(jax.jacobian(f))(0.7)
    np.testing.assert_allclose(slopes[0], 1e6, rtol=2e-7)
    np.testing.assert_allclose(slopes[1], 3e-6 * math.cos(2.1), rtol=1e-6)


def test_second_derivatives_for_a_parameter_far_below_one():
    with jax.enable_x64(True):
        got = jax.jit(jax.grad(jax.grad(as_jax(sine(1e6)))))(1e-7)
    np.testing.assert_allclose(got, -1e12 * math.sin(0.1), rtol=1e-7)


def in_float32(x):
    return float(np.sin(np.float32(x)) * np.float32(3))


def in_steps(x):
    return round(3 * math.sin(x), 6)


def with_jitter(x):
    return 3 * math.sin(x) + 1e-6 * math.sin(1e9 * x)


@pytest.mark.parametrize("f", [in_float32, in_steps, with_jitter])
def test_a_noisy_function_needs_no_step(f):
    np.testing.assert_allclose(
        jax.grad(as_jax(f))(0.7), 3 * math.cos(np.float32(0.7)), rtol=2e-5
    )


def test_a_first_step_can_be_given():
    def f(x):
        seen.append(float(x))
        return math.sin(x)

    for x, step in ((0.5, 0.1), (4.0, 0.4)):
        seen: list[float] = []
        slope = jax.grad(as_jax(f, step=0.1))(x)
        np.testing.assert_allclose(slope, math.cos(x), rtol=1e-6)
        assert max(seen) == pytest.approx(x + step)


def test_nudges_stay_where_the_function_is_defined():
    # It raises beyond 1, and roots of x² - 3x + c are complex beyond c = 2.25.
    np.testing.assert_allclose(
        jax.grad(as_jax(math.acos))(0.999), -1 / math.sqrt(1 - 0.999**2), rtol=1e-4
    )
    larger = as_jax(lambda c: np.roots([1.0, -3.0, c]).max())
    np.testing.assert_allclose(jax.grad(larger)(2.2), -1 / math.sqrt(0.2), rtol=1e-5)


# --- derivatives of one's own ---------------------------------------------------------


def test_a_jacobian_of_ones_own_is_used():
    f = counted(saddle)
    jacobian = counted(lambda x: np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(jax.grad(as_jax(f, jacobian=jacobian))(X), [1, 2, 3])
    assert f.calls == jacobian.calls == 1


def test_a_jacobian_for_several_arguments_and_results():
    def f(params, n, x):
        return params["a"] * x**2, float(x.sum())

    def jacobian(params, n, x):
        return (
            ({"a": x**2}, None, np.diag(2 * params["a"] * x)),
            ({"a": np.float64(0)}, None, np.ones(3)),
        )

    def f_in_jax(params, x):
        return params["a"] * x**2, x.sum()

    params = {"a": jnp.float32(1.5)}
    wrapped = as_jax(f, lambda params, n, x: (x, 0.0), jacobian=jacobian)
    got = jax.jit(jax.jacobian(lambda p, x: wrapped(p, 3, x), (0, 1)))(params, X)
    want = jax.jit(jax.jacobian(f_in_jax, (0, 1)))(params, X)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), got, want)
    second = jax.jit(jax.hessian(lambda x: wrapped(params, 3, x)[0].sum()))(X)
    np.testing.assert_allclose(second, 3 * np.eye(3), rtol=1e-5, atol=1e-5)


def test_a_function_without_a_hash_will_do():
    from dataclasses import dataclass

    @dataclass
    class Simulator:
        factor: float

        def run(self, x):
            return float(self.factor * (x**2).sum())

    slope = jax.jit(jax.grad(as_jax(Simulator(2.0).run)))(X)
    np.testing.assert_allclose(slope, 4 * X, rtol=1e-6)


def test_workers_share_the_nudges():
    import os

    def f(x):
        return float((x**2).sum()), float(os.getpid())

    step = jax.jit(jax.jacobian(as_jax(f, (0.0, 0.0), workers=2)))
    np.testing.assert_allclose(step(X)[0], 2 * X, rtol=1e-6)


# --- inside models --------------------------------------------------------------------


def decay(rate, times):
    """A simulator: how much is left of 1 at some times, by SciPy."""
    run = solve_ivp(
        lambda t, y: -rate * y,
        (0, 2),
        [1.0],
        method="DOP853",
        t_eval=times,
        rtol=1e-8,
        atol=1e-10,
    )
    return run.y[0]


def test_a_simulator_inside_a_model_is_trained_by_optax():
    times = np.array([0.5, 1.0, 2.0])
    simulate = as_jax(decay, (3,))
    seen = jnp.asarray(2 * np.exp(-1.5 * times), jnp.float32)

    def loss(params):
        left = simulate(jnp.exp(params["log_rate"]), times)
        return jnp.mean((params["scale"] * left - seen) ** 2)

    params = {"log_rate": jnp.array(0.0), "scale": jnp.array(1.0)}
    optimizer = optax.adam(0.1)
    state = optimizer.init(params)

    @jax.jit
    def step(params, state):
        value, slope = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(slope, state)
        return value, optax.apply_updates(params, updates), state

    losses = []
    for _ in range(40):
        value, params, state = step(params, state)
        losses.append(float(value))
    assert losses[-1] < 0.02 * losses[0]
    assert abs(float(jnp.exp(params["log_rate"])) - 1.5) < 0.3


@pytest.mark.parametrize("method", ["backprop", "weight", "spsa"])
def test_it_works_with_every_gradient_method(method):
    wrapped = as_jax(saddle)

    def loss(params):
        return wrapped(jnp.tanh(params["x"])) ** 2

    def loss_in_jax(params):
        return saddle_in_jax(jnp.tanh(params["x"])) ** 2

    params = {"x": X}
    step = jax.jit(secant.value_and_gradient(loss, method, directions=3))
    value, slope = step(params, key=jax.random.key(0))
    want, wanted = jax.jit(jax.value_and_grad(loss_in_jax))(params)
    np.testing.assert_allclose(value, want, rtol=1e-6)
    if method != "spsa":
        np.testing.assert_allclose(slope["x"], wanted["x"], rtol=1e-4)


@pytest.mark.parametrize("dx", [1e-2, 1e-5])
def test_a_difference_through_it_keeps_its_digits(dx):
    f = secant.difference(as_jax(saddle))
    value, change = jax.jit(f)(X, jnp.full(3, dx))
    x = np.asarray(X, float)
    want = saddle(x + np.float64(np.float32(dx))) - saddle(x)
    np.testing.assert_allclose(change, want, rtol=1e-6)
    np.testing.assert_allclose(value, saddle(x), rtol=1e-6)


# --- errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "result", "message"),
    [
        (lambda x: x, (), r"shape \(3,\), and result says \(\)"),
        (lambda x: x[:2], (3,), r"shape \(2,\), and result says \(3,\)"),
        (lambda x: None, (), "has f a `return`"),
        (lambda x: (1.0, 2.0), (), r"returned \(1.0, 2.0\), and result says \(\)"),
        (lambda x: 1j * x, (3,), "returned complex128, and result says float32"),
        (lambda x: "three", (), "returned 'three'"),
    ],
    ids=["too many", "too few", "None", "a tuple", "complex", "a string"],
)
def test_the_returned_value_is_compared_with_result(f, result, message):
    with pytest.raises(secant.InvalidInput, match=message):
        as_jax(f, result)(X)
    with pytest.raises(jax.errors.JaxRuntimeError, match=message):
        jax.block_until_ready(jax.jit(as_jax(f, result))(X))


def test_a_vectorized_function_without_its_axis_is_reported():
    f = as_jax(lambda x: float(x.sum()), vectorized=True)
    with pytest.raises(
        secant.InvalidInput, match=r"shape \(\), and result says \(1,\)"
    ):
        f(X)


@pytest.mark.parametrize("result", ["float", 3, [None, "x"], {"y": 1}])
def test_an_invalid_description_of_the_result_is_refused(result):
    with pytest.raises(secant.InvalidInput, match=r"result holds .*pass a shape"):
        as_jax(saddle, result)(X)


def test_complex_arguments_and_results_are_refused():
    with pytest.raises(secant.InvalidInput, match="an argument holds complex64"):
        as_jax(saddle)(X * 1j)
    with pytest.raises(secant.InvalidInput, match="result holds complex64"):
        as_jax(saddle, X * 1j)(X)


def test_options_are_checked_at_once():
    with pytest.raises(secant.InvalidInput, match="no function"):
        as_jax(3.0)
    with pytest.raises(secant.InvalidInput, match="no function"):
        as_jax(saddle, jacobian=3.0)
    with pytest.raises(
        secant.InvalidInput, match=r"step is 0: .*above 0.*such as 1e-4"
    ):
        as_jax(saddle, step=0)


def test_an_error_of_f_is_raised_unchanged_and_reported_under_jit():
    def f(x):
        raise ZeroDivisionError("no simulator today")

    with pytest.raises(ZeroDivisionError, match="no simulator today"):
        as_jax(f)(X)
    with pytest.raises(jax.errors.JaxRuntimeError, match="no simulator today"):
        jax.block_until_ready(jax.jit(as_jax(f))(X))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": 1}, "jacobian returned {'x': 1}"),
        (np.ones(2), r"shape \(2,\), and result \+ argument is \(3,\)"),
        (None, "jacobian returned None"),
    ],
)
def test_a_jacobian_that_does_not_fit_is_refused(given, message):
    f = as_jax(saddle, jacobian=lambda x: given)
    with pytest.raises(secant.InvalidInput, match=message):
        jax.grad(f)(X)


def test_a_jacobian_of_another_structure_is_refused():
    f = as_jax(lambda x, y: (x, y), (0.0, 0.0), jacobian=lambda x, y: np.eye(2))
    with pytest.raises(secant.InvalidInput, match="not built like result"):
        jax.jacobian(f)(1.0, 2.0)


def test_unpicklable_arguments_of_workers_are_named():
    lock = threading.Lock()
    f = as_jax(lambda x: lock.locked(), workers=2)
    with pytest.raises(secant.InvalidInput, match="`lock`, a lock"):
        f(X)


def test_a_function_may_return_the_same_buffer_at_every_call():
    buffer = np.zeros(3)

    def f(x):
        buffer[:] = x**2
        return buffer

    x = jnp.array([1.0, 2.0, 3.0])
    squares = as_jax(f, result=x)
    np.testing.assert_allclose(jax.jacobian(squares)(x), np.diag(2 * x), rtol=1e-6)
    np.testing.assert_allclose(squares(x), x**2, rtol=1e-6)

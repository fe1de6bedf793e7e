"""How long a first gradient check takes, its compilation included.

    python benchmarks/checks.py [--beside PYTHON] [--rounds 3] [--large]

Each measurement is a process of its own that has imported Secant and made one check of
another function, so that nothing of what is checked is compiled. With `--beside`, the
Secant of another interpreter (an earlier build) takes turns with this one. The medians
of all rounds, as a Markdown table; times of the processor, of all cores, stand beside
those of the clock. `--large` checks all of 1,003,110 numbers instead, once.
"""

import argparse
import json
import subprocess
import sys
from statistics import median

NAMES = {
    "network": "all 39,760 numbers of a 784-50-10 loss, 100 samples",
    "gradient": 'the same gradient by `value_and_gradient(loss, "weight")`',
    "norm.logcdf": "`norm.logcdf` at four points",
    "beta.logsf": "`beta.logsf` at four points",
    "gammainc": "`gammainc` at four points",
    "hyp2f1": "`hyp2f1` at four points",
}

PROGRAM = """
import json, sys, time
import jax, jax.numpy as jnp, jax.scipy, numpy as np
import secant

def network(sizes, samples):
    draw = np.random.default_rng(0)
    x = jnp.asarray(draw.random((samples, sizes[0])), jnp.float32)
    t = draw.integers(0, sizes[-1], samples)
    layers = list(zip(sizes, sizes[1:]))
    params = {}
    for i, (rows, columns) in enumerate(layers, 1):
        params[f"W{i}"] = draw.standard_normal((rows, columns)) / rows**0.5
        params[f"b{i}"] = np.zeros(columns)
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)
    def loss(params):
        z = x
        for i in range(1, len(layers) + 1):
            a = z @ params[f"W{i}"] + params[f"b{i}"]
            z = jax.nn.sigmoid(a)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(a), t[:, None], 1)
        return -jnp.mean(chosen)
    return loss, params

functions = {
    "norm.logcdf": jax.scipy.stats.norm.logcdf,
    "beta.logsf": lambda x: jax.scipy.stats.beta.logsf(x, 2.0, 3.0),
    "gammainc": lambda x: jax.scipy.special.gammainc(2.5, x),
    "hyp2f1": lambda x: jax.scipy.special.hyp2f1(1.0, 2.0, 3.5, x),
}
x = jnp.array([0.1, 0.3, 0.5, 0.7], jnp.float32)
secant.check_gradient(lambda x: jnp.sum(x * x), x)
name, progress = sys.argv[1], None
if name in functions:
    f = lambda x: jnp.sum(functions[name](x))
elif name == "large":
    f, x = network((784, 1000, 200, 50, 10), 20)
    print(sum(a.size for a in jax.tree.leaves(x)), "numbers", file=sys.stderr)
    def progress(done, total):
        print(f"{done:,} of {total:,}", end="\\r", file=sys.stderr)
else:
    f, x = network((784, 50, 10), 100)
start, processor = time.perf_counter(), time.process_time()
if name == "gradient":
    by_nudges = jax.jit(secant.value_and_gradient(f, "weight"))
    jax.block_until_ready(by_nudges(x))
else:
    report = secant.check_gradient(f, x, coordinates="all", progress=progress)
    assert report.ok, report
seconds = time.perf_counter() - start, time.process_time() - processor
print(json.dumps(seconds))
"""


def measured(interpreter: str, name: str) -> list[float]:
    """The seconds of one check in a new process: of the clock, of the processor."""
    printed = subprocess.run(
        [interpreter, "-c", PROGRAM, name],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return json.loads(printed.splitlines()[-1])


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    asked = parser.parse_args()
    if asked.large:
        clock, processor = measured(sys.executable, "large")
        print(f"\nall numbers: {clock:.0f} s, {processor:.0f} s of the processor")
        return
    builds = [build for build in (asked.beside, sys.executable) if build]
    beside = asked.beside is not None
    print("| first check of |" + (" before, s |" if beside else "") + " s |"
          + (" ratio | of processor time |" if beside else ""))  # fmt: skip
    print("|---|--:|" + "--:|--:|--:|" * beside)
    for name, words in NAMES.items():
        found = {build: [] for build in builds}
        for _ in range(asked.rounds):
            for build in builds:
                found[build].append(measured(build, name))
        medians = [
            [median(times) for times in zip(*found[build], strict=True)]
            for build in builds
        ]
        row = [f"{clock:.2f}" for clock, _ in medians]
        if beside:
            row += [f"{new / old:.2f}" for old, new in zip(*medians, strict=True)]
        print(f"| {words} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# jax 0.10.2 (CPU): `jnp.asarray(x)` of a NumPy array in float64, while x64 is off,
# compiles a program for each new shape of x, `jit(convert_element_type)` of float32 to
# float32, and keeps it. The same array in float32 compiles none. So samples of many
# lengths cost a compilation each, some milliseconds, and memory that stays; and
# `jnp.asarray(x.astype(np.float32))` is free.
#
# Documented: `jnp.asarray` "converts an object to a JAX array", without a copy where it
# can; nothing tells that a change of dtype is compiled for each shape.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q "jax==0.10.2" "jaxlib==0.10.2" "numpy==2.4.6"
cat > "$work/shapes.py" <<'PY'
import logging
from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np

compiled = []


class Listener(logging.Handler):
    def emit(self, record):
        if record.getMessage().startswith("Compiling"):
            compiled.append(record.getMessage())


jax.config.update("jax_log_compiles", True)
log = logging.getLogger("jax")
log.addHandler(Listener())
log.propagate = False


def programs(start, convert):
    compiled.clear()
    began = perf_counter()
    for length in range(start, start + 100):
        jax.block_until_ready(jnp.asarray(convert(np.ones(length))))
    return len(compiled), 10 * (perf_counter() - began)


double, slow = programs(1000, lambda x: x)
double_again, again = programs(1000, lambda x: x)
single, fast = programs(2000, lambda x: x.astype(np.float32))
print(f"float64, 100 new lengths: {double} programs, {slow:.1f} ms each")
print(f"float64, the same lengths: {double_again} programs, {again:.1f} ms each")
print(f"float32, 100 new lengths: {single} programs, {fast:.1f} ms each")
assert (double, double_again, single) == (100, 0, 0)
PY
JAX_PLATFORMS=cpu "$work/venv/bin/python" "$work/shapes.py"

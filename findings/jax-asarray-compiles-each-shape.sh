#!/usr/bin/env bash
# jax 0.10.2 (CPU): `jnp.asarray(x)` of a NumPy array in float32 compiles a program for
# each new shape of x, `jit(convert_element_type)` from float32 to float32, which changes
# nothing, and keeps it. With the dtype named, `jnp.asarray(x, jnp.float32)`, nothing is
# compiled. So samples of many lengths cost some 10 ms each, and memory that stays.
#
# Documented: `jnp.asarray` "converts an object to a JAX array", without a copy where it
# can, and `dtype` is "inferred from a" if it is not given; nothing tells that inferring
# it compiles.
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
        jax.block_until_ready(convert(np.ones(length, np.float32)))
    return len(compiled), 10 * (perf_counter() - began)


ways = {
    "jnp.asarray(float32)": lambda x: jnp.asarray(x),
    "jnp.asarray(float32, jnp.float32)": lambda x: jnp.asarray(x, jnp.float32),
}
counts = []
for place, (name, convert) in enumerate(ways.items()):
    count, each = programs(1000 * (place + 1), convert)
    print(f"{name}: {count} programs for 100 new lengths, {each:.2f} ms each")
    counts.append(count)
assert counts == [100, 0]
PY
JAX_PLATFORMS=cpu "$work/venv/bin/python" "$work/shapes.py"

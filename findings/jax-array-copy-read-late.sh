#!/usr/bin/env bash
# jax 0.10.2 (CPU): `jnp.array(x)`, whose `copy=True` is the default, does not protect
# from later changes of the NumPy array `x`. The copy is made after the call has
# returned, and takes what `x` holds then.
#
# Documented: `copy` "specifies whether to force a copy of the input". Seen: of 100
# sums of an array of ones that is overwritten right after `jnp.array(x, copy=True)`,
# many are sums of what was written later. Passing `x` to a compiled function, and
# `jax.device_put(x)`, do the same. Only a copy by NumPy, `jnp.array(x.copy())`, holds.
# So a buffer that is refilled, and `w -= step` in place, change results that were
# computed before.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q "jax==0.10.2" "jaxlib==0.10.2" "numpy==2.4.6"
cat > "$work/late.py" <<'PY'
import jax, jax.numpy as jnp, numpy as np

SIZE = 100_000
total = jax.jit(lambda w: jnp.sin(w).sum())
right = float(total(jnp.ones(SIZE)))

def wrong(convert):
    count = 0
    for _ in range(300):
        x = np.ones(SIZE, np.float32)
        result = total(convert(x))
        x[:] = 7
        count += abs(float(result) - right) > 1
    return count

late = {
    "the array itself": wrong(lambda x: x),
    "jnp.array(x, copy=True)": wrong(lambda x: jnp.array(x, copy=True)),
    "jnp.array(x.copy())": wrong(lambda x: jnp.array(x.copy())),
}
for name, count in late.items():
    print(f"{name}: {count} of 300 read too late")
assert late["the array itself"] and late["jnp.array(x, copy=True)"]
assert late["jnp.array(x.copy())"] == 0
PY
JAX_PLATFORMS=cpu "$work/venv/bin/python" "$work/late.py"

#!/usr/bin/env bash
# jaxlib 0.10.2 (CPU): XLA merges two constants that are added one after the other, in
# floating point. `(x - 1) + 1e-12` becomes `x + (1e-12 - 1)`, which rounds to `x - 1`.
#
# Each addition of IEEE 754 is rounded by itself: at x = 1 the result is 1e-12, as NumPy,
# and JAX without `jit`, have it. Compiled it is 0, in float32, with fast-math off, and
# without optimisation too. So no error-free transformation (TwoSum, compensated sums)
# is safe in a compiled program while one of its summands may be a constant of the
# program; a selection or `optimization_barrier` between the two additions keeps them.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q "jax==0.10.2" "jaxlib==0.10.2" "numpy==2.4.6"
cat > "$work/add.py" <<'PY'
import jax, numpy as np

def f(x):
    return (x - np.float32(1)) + np.float32(1e-12)

x = np.float32(1)
hidden = jax.jit(lambda x: jax.lax.optimization_barrier(x - np.float32(1)) + np.float32(1e-12))
print(f"NumPy {f(x)}, eager {f(jax.numpy.asarray(x))}, compiled {jax.jit(f)(x)}, barrier {hidden(x)}")
PY
expected="NumPy 9.999999960041972e-13, eager 9.999999960041972e-13, compiled 0.0, barrier 9.999999960041972e-13"
for flags in "" "--xla_backend_optimization_level=0" "--xla_cpu_enable_fast_math=false"; do
  seen=$(XLA_FLAGS=$flags JAX_PLATFORMS=cpu "$work/venv/bin/python" "$work/add.py")
  echo "XLA_FLAGS='$flags': $seen"
  test "$seen" = "$expected"
done

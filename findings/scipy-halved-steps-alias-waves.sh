#!/usr/bin/env bash
# scipy 1.17.1: `scipy.differentiate.derivative` takes steps that are halved, and so does
# not see a wave whose length divides them. For x + sin(kπx)/k at 0, whose slope is
# 1 + π = 4.14 for every k, it returns 1 with an error of 0 and `success=True` for
# k = 32, 64, 128 and 256. The same call with `step_factor=1.5 * 2**0.5`, of which no
# power is a whole number, is right each time, in as many evaluations or a few more.
#
# Documented: `step_factor` is "the factor by which the step size is reduced in each
# iteration", 2.0 by default, and `error` "an estimate of the error".
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q "scipy==1.17.1" "numpy==2.4.6"
cat > "$work/waves.py" <<'PY'
import numpy as np
from scipy.differentiate import derivative

right = 1 + np.pi
for k in (32, 64, 128, 256):
    halved, other = (
        derivative(lambda x: x + np.sin(k * np.pi * x) / k, 0.0, step_factor=factor)
        for factor in (2.0, 1.5 * 2**0.5)
    )
    print(f"k = {k}: {halved.df:.6f} ± {halved.error:.0e}, success={halved.success}; "
          f"with another factor {other.df:.6f} ± {other.error:.0e}")
    assert halved.success and halved.error < 1e-14 and abs(halved.df - right) > 3
    assert other.success and abs(other.df - right) < 1e-7
PY
"$work/venv/bin/python" "$work/waves.py"

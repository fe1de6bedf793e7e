#!/usr/bin/env bash
# PyTorch 2.13.0 (CPU): the gradient of `hardsigmoid` in float64 has 1/6 in float32. The
# forward pass divides by 6 in float64, and its slope between -3 and 3 is 1/6; the
# gradient is 0.1666666716337204 at every point, off by 5e-9. `torch.autograd.gradcheck`,
# whose tolerance is 1e-5, passes it. `hardswish`, which has the same kinks, and the
# composition `hardtanh(x + 3, 0, 6) / 6` are right to 16 digits.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q "torch==2.13.0" "numpy==2.4.6"
cat > "$work/slope.py" <<'PY'
import torch
from torch.nn import functional as F


def slope(f, at):
    x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(f(x), x)[0].item()


for at in (-2.5, -1.5, 0.0, 0.7, 2.9):
    given = slope(F.hardsigmoid, at)
    composed = slope(lambda x: F.hardtanh(x + 3, 0.0, 6.0) / 6, at)
    with torch.no_grad():
        ends = torch.tensor([at - 2**-4, at + 2**-4], dtype=torch.float64)
        a, b = F.hardsigmoid(ends).tolist()
    secant = (b - a) / 2**-3
    print(f"{at}: gradient {given!r}, by composition {composed!r}, secant {secant!r}")
    assert given == float(torch.tensor(1 / 6, dtype=torch.float32)) != 1 / 6
    assert composed == 1 / 6
    assert abs(secant - 1 / 6) < 1e-15
x = torch.linspace(-2.5, 2.5, 5, dtype=torch.float64, requires_grad=True)
print("gradcheck passes:", torch.autograd.gradcheck(F.hardsigmoid, x))
swish = slope(F.hardswish, 0.5)
print("hardswish at 0.5:", swish)
assert abs(swish - (2 * 0.5 + 3) / 6) < 1e-15
PY
"$work/venv/bin/python" "$work/slope.py"

#!/usr/bin/env bash
# safetensors 0.8.0: whether its NumPy reader can read a BF16 tensor depends on what else
# the process has imported, and a float8 tensor ends in an AttributeError.
#
# The file is valid, and `get_slice(…).get_dtype()` names its dtype each time. Expected:
# one answer for one file, and for a dtype without a NumPy counterpart an error of
# safetensors' own. Seen: TypeError for BF16, or the array once `ml_dtypes` (which JAX
# brings) has been imported; AttributeError for F8_E4M3 in both cases. So a program that
# catches SafetensorError, and was tested beside JAX, fails elsewhere.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q "safetensors==0.8.0" "numpy==2.4.6" "ml-dtypes==0.6.0"
cat > "$work/read.py" <<'PY'
import json, struct, sys
if "ml_dtypes" in sys.argv:
    import ml_dtypes
import safetensors

seen = []
for dtype, size in (("BF16", 2), ("F8_E4M3", 1)):
    header = json.dumps(
        {"a": {"dtype": dtype, "shape": [2], "data_offsets": [0, 2 * size]}}
    ).encode()
    with open(f"{dtype}.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + bytes(2 * size))
    with safetensors.safe_open(f"{dtype}.safetensors", framework="numpy") as file:
        assert file.get_slice("a").get_dtype() == dtype
        try:
            seen.append(f"{dtype}: {file.get_tensor('a').dtype}")
        except Exception as error:
            seen.append(f"{dtype}: {type(error).__name__}")
print(", ".join(seen))
PY
cd "$work"
plain=$("$work/venv/bin/python" read.py)
beside=$("$work/venv/bin/python" read.py ml_dtypes)
echo "safetensors 0.8.0 alone:            $plain"
echo "after import ml_dtypes:             $beside"
test "$plain" = "BF16: TypeError, F8_E4M3: AttributeError"
test "$beside" = "BF16: bfloat16, F8_E4M3: AttributeError"
